use serde_json::{Value, json};

use super::*;
use crate::replay::jwt::forge;

fn variables() -> Variables {
    [("sid".to_owned(), "abc".to_owned())].into()
}

#[test]
fn matchers_accept_and_refuse() {
    let rows = [
        ("anything", json!("@any"), json!(null), true),
        ("an integer", json!("@int"), json!(7), true),
        ("a fraction is no integer", json!("@int"), json!(7.0), false),
        ("a truth is no integer", json!("@int"), json!(true), false),
        ("digits in a text are no integer", json!("@int"), json!("7"), false),
        ("a pattern", json!("@re:^[0-9a-f]{2}$"), json!("0a"), true),
        ("a pattern is anchored by itself alone", json!("@re:[0-9]"), json!("a1b"), true),
        ("a pattern that fits not", json!("@re:^[0-9a-f]{2}$"), json!("0g"), false),
        ("a pattern wants a text", json!("@re:^1$"), json!(1), false),
        ("a variable", json!("{{sid}}"), json!("abc"), true),
        ("another value than the variable's", json!("{{sid}}"), json!("abd"), false),
        ("equal objects", json!({"a": [1, {"b": null}]}), json!({"a": [1, {"b": null}]}), true),
        ("a missing member", json!({"a": null}), json!({}), false),
        ("an extra member", json!({}), json!({"a": null}), false),
        ("a shorter list", json!([1, 2]), json!([1]), false),
        ("a changed item", json!([1, "@any"]), json!([2, 2]), false),
        ("a text is no number", json!("1"), json!(1), false),
        ("an integer is no fraction", json!(1), json!(1.0), false),
        ("a text is not null", json!("a"), json!(null), false),
    ];
    for (name, wanted, got, equal) in rows {
        let lines = differences(&wanted, &got, &variables(), "body").unwrap();
        assert_eq!(lines.is_empty(), equal, "{name}: {lines:?}");
    }
}

#[test]
fn broken_expectations_are_problems() {
    for wanted in [json!("@re:("), json!("{{nobody}}"), json!({"@jwt": {"claims": {}}})] {
        let token = json!(forge(&json!({"claims": {}}), &Variables::new()).unwrap());
        assert!(differences(&wanted, &token, &variables(), "body").is_err(), "{wanted}");
    }
}

#[test]
fn tokens_are_compared_by_what_they_say() {
    let made = |claims: Value| json!(forge(&json!({"claims": claims}), &Variables::new()).unwrap());
    let jti = "0123456789abcdef0123456789abcdef";
    let good = json!({"user_id": "1", "jti": jti, "iat": {"now": 0}, "exp": {"now": 301}});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = json!({"user_id": "1", "jti": "@re:^[0-9a-f]{32}$", "iat": "@int", "exp": "@int"});
    let wanted = json!({"@jwt": {"header": header, "claims": claims, "lifetime": 300}});
    let mut other_user = good.clone();
    other_user["user_id"] = json!("2");
    let mut longer = good.clone();
    longer["exp"] = json!({"now": 400});
    let mut more = good.clone();
    more["admin"] = json!(true);
    let mut short_jti = good.clone();
    short_jti["jti"] = json!("0");
    let other_key = json!(forge(&json!({"claims": good, "key": "x"}), &Variables::new()).unwrap());
    let rows = [
        ("the token", made(good), true),
        ("of another user", made(other_user), false),
        ("that lives longer", made(longer), false),
        ("with another claim", made(more), false),
        ("with an odd id", made(short_jti), false),
        ("signed with another key", other_key, false),
        ("no token", json!("x"), false),
        ("no text", json!(null), false),
    ];
    for (name, got, equal) in rows {
        let lines = differences(&wanted, &got, &variables(), "body").unwrap();
        assert_eq!(lines.is_empty(), equal, "{name}: {lines:?}");
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

type Row = (&'static str, Value, Answer, bool);

fn assert_verdicts(rows: impl IntoIterator<Item = Row>) {
    for (name, expect, answer, equal) in rows {
        let expect: Expect = serde_json::from_value(expect).unwrap();
        let lines = compare(&expect, &answer, &variables()).unwrap();
        assert_eq!(lines.is_empty(), equal, "{name}: {lines:?}");
    }
}

#[test]
fn statuses_and_headers_are_compared() {
    let json = ("Content-Type", "application/json");
    let rows = [
        ("the status", json!({"status": 200}), answer(200, &[], "x"), true),
        ("another status", json!({"status": 200}), answer(201, &[], ""), false),
        ("or that status", json!({"status": 500, "or_status": [401]}), answer(401, &[json], "x"), true),
        ("only a status", json!({"status": 1, "only_status": [401]}), answer(401, &[json], "x"), true),
        ("none of these", json!({"status": 200, "only_status": [401]}), answer(200, &[], ""), false),
        (
            "a challenge",
            json!({"status": 401, "WWW-Authenticate": "Token"}),
            answer(401, &[("www-authenticate", "Token")], ""),
            true,
        ),
        (
            "a missing challenge",
            json!({"status": 401, "WWW-Authenticate": "Token"}),
            answer(401, &[], ""),
            false,
        ),
        (
            "an unexpected challenge",
            json!({"status": 401}),
            answer(401, &[("WWW-Authenticate", "Token")], ""),
            false,
        ),
        (
            "two challenges",
            json!({"status": 401, "WWW-Authenticate": "Token"}),
            answer(401, &[("WWW-Authenticate", "Token"), ("WWW-Authenticate", "Basic")], ""),
            false,
        ),
        ("an unexpected wait", json!({"status": 429}), answer(429, &[("Retry-After", "1")], ""), false),
        (
            "methods in any order",
            json!({"status": 405, "Allow": "GET, PUT"}),
            answer(405, &[("Allow", "PUT,GET")], ""),
            true,
        ),
        (
            "one method more",
            json!({"status": 405, "Allow": "GET"}),
            answer(405, &[("Allow", "GET, PUT")], ""),
            false,
        ),
        ("no methods", json!({"status": 405, "Allow": "GET"}), answer(405, &[], ""), false),
        ("methods nobody asked about", json!({"status": 200}), answer(200, &[("Allow", "GET")], ""), true),
    ];
    assert_verdicts(rows);
}

#[test]
fn bodies_and_cookies_are_compared() {
    let json = ("Content-Type", "application/json");
    let cookie = json!({"name": "sid", "HttpOnly": true, "Secure": false, "SameSite": "Lax", "Path": "/",
        "Domain": null, "Max-Age": 9, "Expires": false, "deleted": false, "value": "{{sid}}"});
    let set = "sid=\"abc\"; HttpOnly; Max-Age=9; Path=/; SameSite=Lax";
    let rows = [
        ("a body", json!({"status": 200, "json": {"a": 1}}), answer(200, &[json], "{\"a\":1}"), true),
        (
            "a body of another type",
            json!({"status": 200, "json": {}}),
            answer(200, &[("Content-Type", "text/html")], "{}"),
            false,
        ),
        ("a broken body", json!({"status": 200, "json": null}), answer(200, &[json], "{"), false),
        ("no body", json!({"status": 204, "empty": true}), answer(204, &[], ""), true),
        ("an unexpected body", json!({"status": 204, "empty": true}), answer(204, &[], "x"), false),
        (
            "a cookie",
            json!({"status": 200, "cookies": [cookie]}),
            answer(200, &[("Set-Cookie", set)], ""),
            true,
        ),
        ("a missing cookie", json!({"status": 200, "cookies": [cookie]}), answer(200, &[], ""), false),
        ("an unexpected cookie", json!({"status": 200}), answer(200, &[("Set-Cookie", set)], ""), false),
        (
            "an insecure cookie",
            json!({"status": 200, "cookies": [cookie]}),
            answer(200, &[("Set-Cookie", &set.replace("HttpOnly; ", ""))], ""),
            false,
        ),
        (
            "a cookie of another value",
            json!({"status": 200, "cookies": [cookie]}),
            answer(200, &[("Set-Cookie", &set.replace("abc", "abd"))], ""),
            false,
        ),
    ];
    assert_verdicts(rows);
}

#[test]
fn a_cookie_is_deleted_by_an_empty_value_and_no_age() {
    let rows = [
        ("a=; Max-Age=0", true),
        ("a=\"\"; max-age=0; expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("a=; Max-Age=1", false),
        ("a=b; Max-Age=0", false),
        ("a=", false),
    ];
    for (line, deleted) in rows {
        assert_eq!(SetCookie::parse(line).unwrap().attributes["deleted"], json!(deleted), "{line}");
    }
    assert!(SetCookie::parse("a=b; Max-Age=x").is_err());
}
