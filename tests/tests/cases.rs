//! The bookshop answers as Django REST framework does: every recorded case, over real sockets, once for each store.

use portcullis_tests::replay::{Differences, read_areas, replay};
use portcullis_tests::server::Bookshop;

/// So many areas and cases were recorded; one that is lost must not pass unseen.
const RECORDED: (usize, usize) = (16, 898);

#[test]
fn bookshop_answers_as_recorded_from_memory() {
    assert_answers_as_recorded("memory");
}

#[test]
fn bookshop_answers_as_recorded_from_sqlite() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bookshop.sqlite");
    assert_answers_as_recorded(&format!("sqlite:{}", file.display()));
}

#[expect(clippy::panic, reason = "called by tests alone")]
#[expect(clippy::print_stdout, reason = "the totals belong to the test's output")]
fn assert_answers_as_recorded(store: &str) {
    let report = Bookshop::start(store)
        .and_then(|bookshop| replay(bookshop.base_url(), &Differences::read()?, |_| true));
    match report {
        Ok(report) => {
            println!("--store {store}\n{report}");
            assert_eq!(report.totals.len(), RECORDED.0, "an area is missing");
            assert_eq!(report.failed(), 0, "cases failed with --store {store}");
        }
        Err(problem) => panic!("--store {store}: {problem}"),
    }
}

#[test]
fn every_recorded_case_is_read() {
    let areas = read_areas().unwrap();
    let cases = areas.iter().map(|area| area.cases.len()).sum::<usize>();
    assert_eq!((areas.len(), cases), RECORDED);
}
