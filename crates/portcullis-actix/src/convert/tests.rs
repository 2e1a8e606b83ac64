//! Hostile heads.

use actix_web::http::header::{HeaderName as OldName, HeaderValue as OldValue};
use actix_web::test::TestRequest;
use http::uri::{Authority, PathAndQuery};

use super::*;

fn old(name: &str, value: &[u8]) -> (OldName, OldValue) {
    (OldName::from_bytes(name.as_bytes()).unwrap(), OldValue::from_bytes(value).unwrap())
}

#[test]
fn every_method_arrives() {
    for name in [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get",
        "X-1",
    ] {
        let request = TestRequest::default().method(old::Method::from_bytes(name.as_bytes()).unwrap());
        assert_eq!(head(&request.to_http_request()).unwrap().method.as_str(), name);
    }
}

#[test]
fn a_target_keeps_its_form() {
    for (target, scheme, authority, path) in [
        ("/", None, None, "/"),
        ("/a?b=c", None, None, "/a?b=c"),
        ("//a//b/../c", None, None, "//a//b/../c"),
        ("/%2f%00%zz?%", None, None, "/%2f%00%zz?%"),
        ("/a?x#y", None, None, "/a?x"),
        ("/?", None, None, "/?"),
        ("*", None, None, "*"),
        ("http://a.test/b", Some("http"), Some("a.test"), "/b"),
        ("HTTPS://u:p@a.test:8443/b?c", Some("https"), Some("u:p@a.test:8443"), "/b?c"),
        ("ws+x://[::1]:9/", Some("ws+x"), Some("[::1]:9"), "/"),
        ("http://a.test", Some("http"), Some("a.test"), "/"),
        ("a.test:80", None, Some("a.test:80"), ""),
    ] {
        let parts = head(&TestRequest::with_uri(target).to_http_request()).unwrap();
        let found = (
            parts.uri.scheme_str(),
            parts.uri.authority().map(Authority::as_str),
            parts.uri.path_and_query().map_or("", PathAndQuery::as_str),
        );
        assert_eq!(found, (scheme, authority, path), "{target}");
        let direct: Uri = target.parse().unwrap();
        assert_eq!(parts.uri, direct, "{target}: as hyper would have read it");
    }
}

#[test]
fn a_target_of_any_bytes_is_read_as_hyper_reads_it_or_refused() {
    for byte in 0..=255_u8 {
        for target in [vec![b'/', byte], vec![b'/', b'?', byte], vec![b'/', byte, b'?', byte]] {
            let Ok(target) = old::Uri::from_maybe_shared(Bytes::from(target)) else { continue };
            let request = TestRequest::default().uri(&target.to_string()).to_http_request();
            let direct = Uri::from_maybe_shared(Bytes::from(target.to_string()));
            match (head(&request), direct) {
                (Some(parts), Ok(direct)) => assert_eq!(parts.uri, direct, "{byte}"),
                (None, Err(_)) => {}
                (mine, direct) => panic!("{byte}: {:?} {direct:?}", mine.map(|parts| parts.uri)),
            }
        }
    }
}

#[test]
fn every_value_of_every_header_arrives() {
    let mut secret = OldValue::from_static("Token x");
    secret.set_sensitive(true);
    let request = TestRequest::default()
        .append_header(("cookie", "a=1"))
        .append_header(old("x-own", b"\xff\x80 b"))
        .append_header(("cookie", "b=2"))
        .append_header((OldName::from_static("authorization"), secret))
        .append_header(old("x-empty", b""))
        .append_header(("cookie", "a=1"))
        .to_http_request();
    let headers = head(&request).unwrap().headers;
    assert_eq!(headers.len(), 6);
    assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2", "a=1"]);
    assert_eq!(headers["x-own"].as_bytes(), b"\xff\x80 b");
    assert_eq!(headers["x-empty"], "");
    assert!(headers["authorization"].is_sensitive());
    assert!(!headers["cookie"].is_sensitive());
}

#[test]
fn more_headers_than_a_map_holds_are_refused() {
    for (count, is_fine) in [(24_000, true), (33_000, false), (70_000, false)] {
        let mut request = TestRequest::default();
        for number in 0..count {
            request = request.append_header((format!("x-{number}"), "1"));
        }
        assert_eq!(head(&request.to_http_request()).is_some(), is_fine, "{count}");
    }
    let answer = malformed();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers().get("content-type").unwrap(), "application/json");
}

#[test]
fn versions_arrive() {
    for (version, name) in [
        (old::Version::HTTP_09, Version::HTTP_09),
        (old::Version::HTTP_10, Version::HTTP_10),
        (old::Version::HTTP_11, Version::HTTP_11),
        (old::Version::HTTP_2, Version::HTTP_2),
        (old::Version::HTTP_3, Version::HTTP_3),
    ] {
        assert_eq!(head(&TestRequest::default().version(version).to_http_request()).unwrap().version, name);
    }
}

#[test]
fn an_answer_arrives_whole() {
    let answer_of_core = Response::builder()
        .status(401)
        .header("www-authenticate", "Token")
        .header("www-authenticate", "Basic realm=\"\u{e9}\"")
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    let answer = answer(answer_of_core);
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers().get_all("www-authenticate").count(), 2);
    assert_eq!(answer.headers().get_all("set-cookie").count(), 2);
}
