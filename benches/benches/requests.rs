//! Criterion over every case, for looking closely at one: `cargo bench -p portcullis-benches -- "axum: token"`.

use std::process::ExitCode;

use criterion::{BatchSize, Criterion};
use portcullis_benches::{Outcome, Sent, Serve, cases};

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    match run(&mut criterion) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(criterion: &mut Criterion) -> Outcome<()> {
    for mut case in cases()? {
        let mut group = criterion.benchmark_group(&case.name);
        let mut measure = |name, serve: &mut Serve, request: &dyn Fn() -> Sent| {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(request, &mut *serve, BatchSize::SmallInput);
            });
        };
        measure("base", &mut case.base, &case.request);
        measure("portcullis", &mut case.ours, &case.request);
        if let Some(peer) = &mut case.peer {
            measure("by hand", peer, &case.request);
        }
    }
    criterion.final_summary();
    Ok(())
}
