//! Prints what each case allocates per request beyond its base: `name <tab> allocations <tab> bytes`.

use std::io::{Write, stdout};

use allocation_counter::{AllocationInfo, measure};
use portcullis_benches::{Case, Outcome, Sent, Serve, cases};

fn main() -> Outcome<()> {
    let mut out = stdout().lock();
    for mut case in cases()? {
        let (allocations, bytes) = added(&mut case)?;
        let peer = case.peer.take().map(|mut peer| difference(&mut peer, &mut case.base, &case.request));
        let peer = peer.map_or("-".to_owned(), |(allocations, _)| allocations.to_string());
        writeln!(out, "{}\t{allocations}\t{bytes}\t{peer}", case.name)?;
    }
    Ok(())
}

fn added(case: &mut Case) -> Outcome<(i64, i64)> {
    let status = (case.ours)((case.request)());
    if status != case.status {
        return Err(format!("{}: {status}", case.name).into());
    }
    Ok(difference(&mut case.ours, &mut case.base, &case.request))
}

fn difference(ours: &mut Serve, base: &mut Serve, request: &dyn Fn() -> Sent) -> (i64, i64) {
    let (ours, base) = (steady(ours, request), steady(base, request));
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    (signed(ours.count_total) - signed(base.count_total), signed(ours.bytes_total) - signed(base.bytes_total))
}

/// Counts for the second request: the first one notes a use of its token.
fn steady(serve: &mut Serve, request: &dyn Fn() -> Sent) -> AllocationInfo {
    let (first, second) = (request(), request());
    serve(first);
    measure(|| {
        serve(second);
    })
}
