use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::*;

#[test]
fn patterns_match_as_in_a_shell() {
    let rows = [
        ("csrf/*", "csrf/no-token", true),
        ("csrf/*", "basic/no-token", false),
        ("*/*token*", "csrf/no-token", true),
        ("composition/john-get-*", "composition/john-get-1", true),
        ("composition/john-get-*", "composition/mary-get-1", false),
        ("basic/ok", "basic/ok-2", false),
        ("basic/o?", "basic/ok", true),
        ("basic/o?", "basic/o", false),
        ("*", "", true),
    ];
    for (pattern, name, matches) in rows {
        assert_eq!(glob(pattern, name), matches, "{pattern} {name}");
    }
}

#[test]
fn values_are_captured_by_rule() {
    let token = jwt::forge(&json!({"claims": {"jti": "x", "n": 7}}), &Variables::new()).unwrap();
    let answer = Answer {
        status: 200,
        headers: vec![
            ("Set-Cookie".to_owned(), "sid=one; Path=/".to_owned()),
            ("set-cookie".to_owned(), "sid=\"two\"".to_owned()),
        ],
        body: json!({"token": token, "list": [{"id": 4}]}).to_string().into_bytes(),
    };
    let rows = [
        ("json:token", Some(token.as_str())),
        ("json:list.0.id", Some("4")),
        ("json:list.1.id", None),
        ("cookie:sid", Some("two")),
        ("cookie:other", None),
        ("claim:token.jti", Some("x")),
        ("claim:token.n", Some("7")),
        ("claim:token.none", None),
        ("claim:list.jti", None),
        ("header:x", None),
    ];
    for (rule, wanted) in rows {
        assert_eq!(captured(rule, &answer).ok().as_deref(), wanted, "{rule}");
    }
}

#[test]
fn every_recorded_case_can_be_read() {
    let areas = read_areas().unwrap();
    assert_eq!(areas.len(), 16);
    assert_eq!(areas.iter().map(|area| area.cases.len()).sum::<usize>(), 898);
}

#[test]
fn every_difference_fits_its_cases() {
    let differences = Differences::read().unwrap();
    assert!(differences.rows.len() <= 40, "at most 40 wilful differences");
    for area in read_areas().unwrap() {
        for case in area.cases {
            let name = format!("{}/{}", area.name, case.id);
            assert!(differences.apply(&name, case).is_ok(), "{name}");
        }
    }
}

#[test]
fn differences_replace_steps_and_end_cases() {
    let differences: Differences = serde_json::from_value(json!({"about": "", "rows": [
        {"why": "", "cases": ["a/x*"], "steps": {"1": [401, 403]}, "last": 1},
        {"why": "", "cases": ["a/y"], "steps": {"2": {"status": 200, "empty": true}}},
        {"why": "", "cases": ["a/z"], "steps": {"3": [200]}},
    ]}))
    .unwrap();
    let step = json!({"request": {"method": "GET", "path": "/"}, "expect": {"status": 500, "empty": true}});
    let case = |tags: &[&str]| -> Case {
        serde_json::from_value(json!({"id": "", "about": "", "tags": tags, "steps": [step, step]})).unwrap()
    };
    let cut = differences.apply("a/x1", case(&[])).unwrap();
    assert_eq!(cut.steps.len(), 1);
    assert_eq!(cut.steps[0].expect.only_status, [401, 403]);
    let whole = differences.apply("a/y", case(&[])).unwrap();
    assert_eq!((whole.steps[0].expect.status, whole.steps[1].expect.status), (500, 200));
    let parser = differences.apply("a/other", case(&["parser-message"])).unwrap();
    assert_eq!(parser.steps[1].expect.only_status, [500]);
    let recorded = Differences::default().apply("a/other", case(&["parser-message"])).unwrap();
    assert!(recorded.steps[1].expect.only_status.is_empty());
    assert!(differences.apply("a/z", case(&[])).is_err(), "a row for a step that is not there");
}

/// Answers each connection with the next of these, and counts them.
fn serve(answers: Vec<&'static str>) -> (String, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let mut served = 0;
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            assert!(connection.read(&mut head).unwrap() > 0);
            connection.write_all(answer.as_bytes()).unwrap();
            served += 1;
        }
        served
    });
    (host, server)
}

#[test]
fn a_case_ends_at_its_first_problem() {
    let reset = "HTTP/1.1 204 No Content\r\n\r\n";
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let bad = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let step = json!({"request": {"method": "GET", "path": "/p"}, "expect": {"status": 200, "empty": true}});
    let case: Case =
        serde_json::from_value(json!({"id": "", "about": "", "steps": [step, step, step]})).unwrap();

    let (host, server) = serve(vec![reset, good, good, good]);
    let ask = |host: &str| run(host, Protocol::Http1, &case).unwrap();
    assert_eq!(ask(&host), Lines::new());
    assert_eq!(server.join().unwrap(), 4);

    let (host, server) = serve(vec![reset, good, bad]);
    assert_eq!(ask(&host), ["step 2 GET /p: status: expected 200, got 403 \"\""]);
    assert_eq!(server.join().unwrap(), 3);

    let (host, server) = serve(vec![bad]);
    assert_eq!(ask(&host), ["POST /__reset__ answered 403"]);
    assert_eq!(server.join().unwrap(), 1);
}

#[test]
fn a_base_url_names_host_and_port() {
    for (url, wanted) in [
        ("http://127.0.0.1:80/", Some("127.0.0.1:80")),
        ("http://[::1]:80", Some("[::1]:80")),
        ("https://127.0.0.1:80/", None),
        ("127.0.0.1:80", None),
    ] {
        assert_eq!(host(url).ok(), wanted, "{url}");
    }
}
