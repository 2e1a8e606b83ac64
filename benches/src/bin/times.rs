//! Measures every case and prints: `name <tab> base ns <tab> added ns <tab> peer's added ns <tab> at most ns <tab> at most
//! allocations <tab> at most of the peer`.
//!
//! All cases take part in every round, in rotated order; what is printed are medians of the differences within a round.

use std::io::{Write, stdout};

use axum::extract::Request;
use portcullis_benches::{BATCH, Case, Outcome, Serve, Target, cases, median, thread_seconds};

const ROUNDS: usize = 301;

#[derive(Default)]
struct Times {
    base: Vec<f64>,
    added: Vec<f64>,
    peer: Vec<f64>,
}

fn main() -> Outcome<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    let mut cases = cases()?;
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
        let peer = if case.peer.is_some() { format!("{:.0}", median(&times.peer)) } else { "-".to_owned() };
        let Target { nanoseconds, allocations, of_peer } = case.target;
        let (target, allocations, of_peer) = (show(nanoseconds), show(allocations), show(of_peer));
        let (base, added) = (median(&times.base), median(&times.added));
        writeln!(out, "{}\t{base:.0}\t{added:.1}\t{peer}\t{target}\t{allocations}\t{of_peer}", case.name)?;
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
    Ok(())
}

/// Returns the CPU time of one request of a batch.
#[expect(clippy::cast_precision_loss, reason = "a batch is small")]
fn nanoseconds(serve: &mut Serve, request: &dyn Fn() -> Request) -> f64 {
    let requests: Vec<_> = (0..BATCH).map(|_| request()).collect();
    let start = thread_seconds();
    for request in requests {
        std::hint::black_box(serve(request));
    }
    (thread_seconds() - start) * 1e9 / BATCH as f64
}
