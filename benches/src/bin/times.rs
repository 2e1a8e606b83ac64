//! Measures every case, or those whose name begins so, and prints, tab after tab: name, base ns, added ns, peer's added ns,
//! at most ns, at most allocations, at most of the peer, limit's added ns, at most of the limit.
//!
//! All cases take part in every round, in rotated order; what is printed are medians of the differences within a round.

use std::io::{Write, stdout};

use portcullis_benches::{BATCH, Case, Outcome, Sent, Serve, Target, cases, median, thread_seconds};

const ROUNDS: usize = 301;

#[derive(Default)]
struct Times {
    base: Vec<f64>,
    added: Vec<f64>,
    peer: Vec<f64>,
    limit: Vec<f64>,
}

fn main() -> Outcome<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    let only = std::env::args().nth(2).unwrap_or_default();
    let mut cases = cases()?;
    cases.retain(|case| case.name.starts_with(&only));
    let mut times: Vec<_> = cases.iter().map(|_| Times::default()).collect();
    let count = cases.len();
    for round in 0..=rounds {
        let mut rotated: Vec<_> = cases.iter_mut().zip(&mut times).collect();
        rotated.rotate_left(round % count);
        for (case, times) in rotated {
            measure(case, times, round)?;
        }
    }
    let mut out = stdout().lock();
    for (case, times) in cases.iter().zip(&times) {
        let added = |exists: bool, times: &[f64]| show(exists.then(|| median(times).round()));
        let (peer, limit) =
            (added(case.peer.is_some(), &times.peer), added(case.limit.is_some(), &times.limit));
        let Target { nanoseconds, allocations, of_peer, of_limit } = case.target;
        let (target, allocations) = (show(nanoseconds), show(allocations));
        let (of_peer, of_limit) = (show(of_peer), show(of_limit));
        let (base, added) = (median(&times.base), median(&times.added));
        write!(out, "{}\t{base:.0}\t{added:.1}\t{peer}\t{target}\t", case.name)?;
        writeln!(out, "{allocations}\t{of_peer}\t{limit}\t{of_limit}")?;
    }
    Ok(())
}

fn show(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

fn measure(case: &mut Case, times: &mut Times, round: usize) -> Outcome<()> {
    if round == 0 {
        let status = (case.ours)((case.request)());
        return if status == case.status { Ok(()) } else { Err(format!("{}: {status}", case.name).into()) };
    }
    let (base, ours);
    if round.is_multiple_of(2) {
        base = nanoseconds(&mut case.base, &case.request);
        ours = nanoseconds(&mut case.ours, &case.request);
    } else {
        ours = nanoseconds(&mut case.ours, &case.request);
        base = nanoseconds(&mut case.base, &case.request);
    }
    times.base.push(base);
    times.added.push(ours - base);
    if let Some(peer) = &mut case.peer {
        times.peer.push(nanoseconds(peer, &case.request) - base);
    }
    if let Some(limit) = &mut case.limit {
        times.limit.push(nanoseconds(limit, &case.request) - base);
    }
    Ok(())
}

/// Returns the CPU time of one request of a batch.
#[expect(clippy::cast_precision_loss, reason = "a batch is small")]
fn nanoseconds(serve: &mut Serve, request: &dyn Fn() -> Sent) -> f64 {
    let requests: Vec<_> = (0..BATCH).map(|_| request()).collect();
    let start = thread_seconds();
    for request in requests {
        std::hint::black_box(serve(request));
    }
    (thread_seconds() - start) * 1e9 / BATCH as f64
}
