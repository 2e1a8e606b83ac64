use std::fmt::Write as _;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=BB";

fn parse(media_type: &str, body: impl AsRef<[u8]>) -> Result<Body, BodyError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_bytes(media_type.as_bytes()).unwrap());
    Body::parse(&headers, &Bytes::copy_from_slice(body.as_ref()))
}

/// Reads a login: the two texts, or the status and the body of the answer.
fn login(parsed: Result<Body, BodyError>) -> Result<(String, String), (u16, String)> {
    let wanted = [("username", FieldRules::TRIMMED), ("password", FieldRules::AS_SENT)];
    let found = parsed.and_then(|body| body.fields(wanted));
    found
        .map(|[username, password]| (username.expose_secret().clone(), password.expose_secret().clone()))
        .map_err(|error| (error.status().as_u16(), serde_json::to_string(&error).unwrap()))
}

fn part(name: &str, value: &str) -> String {
    format!("--BB\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// One row: its name, the media type, the body, and the two texts that are read.
type Accepted<'a> = (&'a str, &'a str, &'a str, (&'a str, &'a str));

#[test]
fn a_login_is_read_as_drf_reads_it() {
    let parts = [part("username", "nobody"), part("username", "john"), part("password", " zoë✓ ")];
    let multipart = parts.concat() + "--BB--\r\n";
    let rows: &[Accepted<'_>] = &[
        ("JSON", JSON, r#"{"username": "john", "password": "secret123"}"#, ("john", "secret123")),
        ("trimmed", JSON, r#"{"username": "  john\u0085 ", "password": " x "}"#, ("john", " x ")),
        ("a password of spaces", JSON, r#"{"username": "john", "password": "  "}"#, ("john", "  ")),
        ("an integer", JSON, r#"{"username": "john", "password": 12345}"#, ("john", "12345")),
        ("floats", JSON, r#"{"username": 1e16, "password": 1.50}"#, ("1e+16", "1.5")),
        ("a pair of surrogates", JSON, r#"{"username": "j", "password": "\ud83d\ude00"}"#, ("j", "😀")),
        ("more", JSON, r#"{"username": "j", "password": "p", "x": [true, {"a": null}]}"#, ("j", "p")),
        ("a form", FORM, "username=john&password=secret+1%2B2", ("john", "secret 1+2")),
        ("a form's last field", FORM, "username=nobody&username=john&password=x", ("john", "x")),
        ("a form in UTF-8", FORM, "username=zoe&password=zo%C3%ABpass%E2%9C%93", ("zoe", "zoëpass✓")),
        ("a form not in UTF-8", FORM, "username=j&password=%E9%zz", ("j", "\u{fffd}%zz")),
        ("multipart", MULTIPART, &multipart, ("john", " zoë✓ ")),
    ];
    for (name, media_type, body, (username, password)) in rows {
        let sent = Ok(((*username).to_owned(), (*password).to_owned()));
        assert_eq!(login(parse(media_type, body)), sent, "{name}");
    }
}

#[test]
fn a_wrong_field_is_named_as_drf_names_it() {
    const REQUIRED: &[&str] = &["This field is required."];
    const BLANK: &[&str] = &["This field may not be blank."];
    const NULL: &[&str] = &["This field may not be null."];
    const NOT_TEXT: &[&str] = &["Not a valid string."];
    const NUL: &[&str] = &["Null characters are not allowed."];
    const HIGH: &[&str] = &["Surrogate characters are not allowed: U+D800."];
    const NUL_LOW: &[&str] = &[NUL[0], "Surrogate characters are not allowed: U+DFFF."];
    let rows = [
        ("no member", JSON, "{}", REQUIRED, REQUIRED),
        ("no body", JSON, "", REQUIRED, REQUIRED),
        ("no field", FORM, "&", REQUIRED, REQUIRED),
        ("one is missing", JSON, r#"{"username": "john"}"#, &[], REQUIRED),
        ("blank", JSON, r#"{"username": " \u001c\t", "password": ""}"#, BLANK, BLANK),
        ("blank in a form", FORM, "username=+&password", BLANK, BLANK),
        ("null", JSON, r#"{"username": null, "password": null}"#, NULL, NULL),
        ("list and object", JSON, r#"{"username": ["john"], "password": {"a": 1}}"#, NOT_TEXT, NOT_TEXT),
        ("booleans", JSON, r#"{"username": true, "password": false}"#, NOT_TEXT, NOT_TEXT),
        ("NUL", JSON, r#"{"username": "jo\u0000hn", "password": "x\u0000"}"#, NUL, NUL),
        ("NUL in a form", FORM, "username=j&password=x%00", &[], NUL),
        ("surrogates", JSON, r#"{"username": "\ud800", "password": "\u0000\udfff\ud800"}"#, HIGH, NUL_LOW),
    ];
    for (name, media_type, body, username, password) in rows {
        let fields = [("username", username), ("password", password)];
        let wrong = fields.iter().filter(|(_, messages)| !messages.is_empty());
        let wrong: Vec<_> =
            wrong.map(|(field, messages)| format!("\"{field}\":{}", json(messages))).collect();
        let answer = format!("{{{}}}", wrong.join(","));
        assert_eq!(login(parse(media_type, body)), Err((400, answer)), "{name}");
    }
}

#[test]
fn json_that_is_no_object_is_named_as_drf_names_it() {
    let rows = [
        (" [] ", "Invalid data. Expected a dictionary, but got list."),
        (r#""\ud800""#, "Invalid data. Expected a dictionary, but got str."),
        ("12", "Invalid data. Expected a dictionary, but got int."),
        ("-1.5", "Invalid data. Expected a dictionary, but got float."),
        ("true", "Invalid data. Expected a dictionary, but got bool."),
        ("null", "No data provided"),
    ];
    for (body, message) in rows {
        let answer = format!("{{\"non_field_errors\":{}}}", json(&[message]));
        assert_eq!(login(parse(JSON, body)), Err((400, answer)), "{body}");
    }
}

fn json(messages: &[&str]) -> String {
    serde_json::to_string(messages).unwrap()
}

#[test]
fn the_media_type_decides() {
    let long = format!("application/json; a={}", "b".repeat(240));
    let rows = [
        (JSON, true),
        ("APPLICATION/JSON", true),
        ("application/json; charset=utf-8", true),
        (" application/json ;", true),
        ("application/vnd.api+json", false),
        ("application/xml", false),
        ("text/plain", false),
        ("garbage", false),
        ("*/*", false),
        ("application/json, text/plain", false),
        ("", false),
        (long.as_str(), false),
    ];
    for (media_type, verdict) in rows {
        let found = login(parse(media_type, r#"{"username": "john", "password": "x"}"#));
        assert_eq!(found.is_ok(), verdict, "{media_type}");
        if let Err((status, json)) = found {
            let shown: String = media_type.chars().take(256).collect();
            assert_eq!(status, 415);
            assert_eq!(json, format!(r#"{{"detail":"Unsupported media type \"{shown}\" in request."}}"#));
        }
        assert!(
            matches!(parse(media_type, ""), Ok(Body::Object(fields)) if fields.is_empty()),
            "{media_type}"
        );
    }
    let none = Body::parse(&HeaderMap::new(), &Bytes::from_static(b"hello"));
    assert_eq!(login(none), Err((415, r#"{"detail":"Unsupported media type \"\" in request."}"#.to_owned())));
}

#[test]
fn what_is_not_json_is_refused() {
    let deep =
        |open: &str, close: &str| format!("{{\"a\": {}1{}}}", open.repeat(100_000), close.repeat(100_000));
    let (lists, objects) = (deep("[", "]"), deep("{\"a\":", "}"));
    let rows: &[(&str, &[u8])] = &[
        ("cut short", b"{"),
        ("spaces alone", b"  "),
        ("NaN", b"{\"username\": NaN}"),
        ("infinity", b"{\"username\": -Infinity}"),
        ("a huge number", b"{\"username\": 1e400}"),
        ("a huge number inside", b"{\"a\": [1e400]}"),
        ("two documents", b"{} {}"),
        ("a trailing comma", b"{\"a\": 1,}"),
        ("single quotes", b"{'a': 1}"),
        ("a raw line break", b"{\"a\": \"\n\"}"),
        ("a BOM", b"\xef\xbb\xbf{}"),
        ("UTF-16", b"{\0}\0"),
        ("not UTF-8", b"{\"a\": \"\xff\"}"),
        ("a raw surrogate", b"{\"a\": \"\xed\xa0\x80\"}"),
        ("a member twice", b"{\"username\": \"nobody\", \"username\": \"john\"}"),
        ("a member twice, spelt in two ways", b"{\"username\": 1, \"user\\u006eame\": 2}"),
        ("a member twice inside", b"{\"a\": [{\"b\": 1, \"b\": 1}]}"),
        ("a member twice inside a list", b"[{\"b\": 1, \"b\": 1}]"),
        ("deep lists", lists.as_bytes()),
        ("deep objects", objects.as_bytes()),
        ("deep and cut short", &lists.as_bytes()[..50_000]),
    ];
    for (name, body) in rows {
        let Err((400, json)) = login(parse(JSON, body)) else { panic!("{name} was not refused") };
        assert!(json.starts_with(r#"{"detail":"JSON parse error - "#), "{name}: {json}");
        assert!(!json.contains("nobody"), "{name}: {json}");
    }
}

#[test]
fn what_is_not_multipart_is_refused() {
    let body = part("username", "john") + &part("password", "x");
    let whole = format!("{body}--BB--");
    let mut many = String::new();
    (0..1001).for_each(|_| many += &part("a", ""));
    write!(many, "--BB--").unwrap();
    let rows = [
        ("whole", MULTIPART, whole.as_str(), true),
        ("quoted boundary", "multipart/form-data; boundary=\"BB\"", &whole, true),
        ("no boundary", "multipart/form-data", &whole, false),
        ("an empty boundary", "multipart/form-data; boundary=", &whole, false),
        ("an empty quoted boundary", "multipart/form-data; boundary=\"\"", &whole, false),
        ("another boundary", "multipart/form-data; boundary=CC", &whole, false),
        ("no end", MULTIPART, &body, false),
        ("cut short", MULTIPART, &whole[..60], false),
        ("not multipart", MULTIPART, "username=john&password=x", false),
        ("too many", MULTIPART, &many, false),
    ];
    for (name, media_type, body, verdict) in rows {
        let found = parse(media_type, body);
        assert_eq!(found.is_ok(), verdict, "{name}");
        assert!(verdict || matches!(found, Err(BodyError::Malformed(_))), "{name}");
    }
}

#[test]
fn a_form_has_at_most_a_thousand_fields() {
    assert!(parse(FORM, "a=b&".repeat(999)).is_ok());
    assert!(matches!(parse(FORM, "a=b&".repeat(1000)), Err(BodyError::Malformed(_))));
}

#[test]
fn a_csrf_field_is_a_forms_alone() {
    let file = "--BB\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\nx\r\n--BB--\r\n";
    let rows: &[(&str, &str, &str, Option<&str>)] = &[
        ("a form", FORM, "t=x", Some("x")),
        ("an empty field", FORM, "t=", Some("")),
        ("the last of two", FORM, "t=x&t=y", Some("y")),
        ("multipart", MULTIPART, &(part("t", "x") + "--BB--\r\n"), Some("x")),
        ("a file", MULTIPART, file, None),
        ("JSON", JSON, r#"{"t": "x"}"#, None),
        ("an empty body", FORM, "", None),
        ("another name", FORM, "T=x", None),
    ];
    for (name, media_type, body, verdict) in rows {
        assert_eq!(parse(media_type, body).unwrap().form_field("t"), *verdict, "{name}");
    }
}

#[test]
fn a_latin1_form_is_latin1() {
    let body = parse(FORM, b"t=zo\xeb").unwrap();
    assert_eq!(body.form_field("t"), Some("zoë"));
}

#[test]
fn a_blank_field_may_be_allowed() {
    let rules = FieldRules { allow_blank: true, ..FieldRules::TRIMMED };
    let body = parse(JSON, r#"{"name": "  "}"#).unwrap();
    assert_eq!(body.field("name", rules).unwrap().expose_secret(), "");
}

#[test]
fn debug_of_a_body_shows_no_field() {
    let body = parse(JSON, r#"{"password": "canary"}"#).unwrap();
    assert!(!format!("{body:?}").contains("canary"));
}

proptest! {
    #[test]
    fn any_body_is_read_without_panic(
        media_type in proptest::sample::select(vec![JSON, FORM, MULTIPART]),
        body in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let _ = login(parse(media_type, body));
    }

    #[test]
    fn nearly_json_is_read_as_serde_reads_it(body in r#"[\[\]{}":,0-9eE.\-a \\u]{0,12}"#) {
        let found = parse(JSON, &body);
        if !body.is_empty() && found.is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok());
        }
    }

    #[test]
    fn what_is_sent_is_read(username in "[^\\s\\x00-\\x1f]{1,20}", password in "[^\\x00]{1,20}") {
        let json = serde_json::json!({ "username": username, "password": password }).to_string();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", &username)
            .append_pair("password", &password)
            .finish();
        let sent = Ok((username, password));
        prop_assert_eq!(&login(parse(JSON, json)), &sent);
        prop_assert_eq!(&login(parse(FORM, form)), &sent);
    }
}
