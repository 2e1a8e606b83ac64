//! The bookshop answers as Django REST framework does: every recorded case, over real sockets, on each framework, from
//! each store, by each protocol.

use portcullis_tests::replay::{Differences, Protocol, read_areas, replay};
use portcullis_tests::server::Bookshop;

/// So many areas and cases were recorded; one that is lost must not pass unseen.
const RECORDED: (usize, usize) = (16, 898);

/// So many cases HTTP/2 cannot ask: DRF's server answers them itself (`server-layer`).
const NOT_IN_HTTP2: usize = 8;

macro_rules! cases {
    ($($name:ident $framework:literal $store:literal $protocol:ident;)*) => {
        $(
            #[test]
            fn $name() {
                assert_answers_as_recorded($framework, $store, Protocol::$protocol);
            }
        )*
    };
}

cases! {
    axum_answers_as_recorded_from_memory "axum" "memory" Http1;
    axum_answers_as_recorded_from_sqlite "axum" "sqlite" Http1;
    axum_answers_as_recorded_from_memory_over_http2 "axum" "memory" Http2;
    axum_answers_as_recorded_from_sqlite_over_http2 "axum" "sqlite" Http2;
    actix_answers_as_recorded_from_memory "actix" "memory" Http1;
    actix_answers_as_recorded_from_sqlite "actix" "sqlite" Http1;
    actix_answers_as_recorded_from_memory_over_http2 "actix" "memory" Http2;
    actix_answers_as_recorded_from_sqlite_over_http2 "actix" "sqlite" Http2;
    hyper_answers_as_recorded_from_memory "hyper" "memory" Http1;
    hyper_answers_as_recorded_from_sqlite "hyper" "sqlite" Http1;
    hyper_answers_as_recorded_from_memory_over_http2 "hyper" "memory" Http2;
    hyper_answers_as_recorded_from_sqlite_over_http2 "hyper" "sqlite" Http2;
}

#[expect(clippy::expect_used, clippy::panic, reason = "called by tests alone")]
#[expect(clippy::print_stdout, reason = "the totals belong to the test's output")]
fn assert_answers_as_recorded(framework: &str, store: &str, protocol: Protocol) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = match store {
        "sqlite" => format!("sqlite:{}", directory.path().join("bookshop.sqlite").display()),
        other => other.to_owned(),
    };
    let report = Bookshop::start(framework, &store)
        .and_then(|bookshop| replay(bookshop.base_url(), protocol, &Differences::read()?, |_| true));
    match report {
        Ok(report) => {
            println!("{framework}, {store}, {protocol:?}\n{report}");
            let aside = if protocol == Protocol::Http2 { NOT_IN_HTTP2 } else { 0 };
            assert_eq!(report.totals.len(), RECORDED.0, "an area is missing");
            assert_eq!(report.failed(), 0, "cases failed on {framework} with {store}, {protocol:?}");
            assert_eq!((report.passed(), report.aside()), (RECORDED.1 - aside, aside));
        }
        Err(problem) => panic!("{framework} with {store}, {protocol:?}: {problem}"),
    }
}

#[test]
fn every_recorded_case_is_read() {
    let areas = read_areas().unwrap();
    let cases = areas.iter().map(|area| area.cases.len()).sum::<usize>();
    assert_eq!((areas.len(), cases), RECORDED);
}
