//! What a request may allocate beside what axum does: counts are the same on every machine.

use allocation_counter::measure;
use portcullis_benches::{Sent, Serve, cases};

#[test]
fn no_case_allocates_more_than_its_target() {
    let mut checked = 0;
    for mut case in cases().unwrap() {
        let Some(target) = case.target.allocations else { continue };
        assert_eq!((case.ours)((case.request)()), case.status, "{}", case.name);
        let (first, second) = ((case.request)(), (case.request)());
        let ours = allocations(&mut case.ours, first);
        let base = allocations(&mut case.base, second);
        assert!(ours - base <= target, "{}: {} allocations, at most {target}", case.name, ours - base);
        checked += 1;
    }
    assert!(checked >= 35, "{checked} cases have a target");
}

fn allocations(serve: &mut Serve, request: Sent) -> i64 {
    let counted = measure(|| {
        serve(request);
    });
    i64::try_from(counted.count_total).unwrap_or(i64::MAX)
}
