use http::HeaderValue;
use http::request::Parts;
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::random::SystemRandom;

const SECRET: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn request(method: Method, headers: &[(&str, &[u8])]) -> Parts {
    let mut request = http::Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

fn reason(denial: Denial) -> String {
    let error = Error::from(denial);
    assert_eq!((error.status().as_u16(), error.code()), (403, "csrf_failed"));
    error.message().strip_prefix("CSRF Failed: ").unwrap().to_owned()
}

/// One row: its name, the `Cookie` header, the verdict, and whether the cookie must be replaced.
type CookieRow<'a> = (&'a str, &'a [u8], Result<(), &'a str>, bool);

#[test]
fn a_cookie_holds_a_secret_or_says_why_not() {
    let masked = mask(&Secret::from(SECRET), &SystemRandom).unwrap();
    let long = format!("csrftoken={}", masked.expose_secret());
    let rows: &[CookieRow<'_>] = &[
        ("plain", b"csrftoken=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", Ok(()), false),
        ("masked, as Django before 4.0", long.as_bytes(), Ok(()), false),
        ("the last of two", b"csrftoken=x; csrftoken=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", Ok(()), false),
        ("none", b"sessionid=x", Err("CSRF cookie not set."), false),
        ("empty", b"csrftoken=", Err("CSRF cookie has incorrect length."), true),
        ("short", b"csrftoken=abc", Err("CSRF cookie has incorrect length."), true),
        (
            "characters",
            b"csrftoken=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-",
            Err("CSRF cookie has invalid characters."),
            true,
        ),
    ];
    let csrf = CsrfConfig::django().build().unwrap();
    for (name, cookie, verdict, replace) in rows {
        let parts = request(Method::POST, &[("cookie", cookie)]);
        let found = csrf.cookie_secret(&parts.headers, Duplicates::LastWins);
        assert_eq!(found.as_ref().is_err_and(|error| error.needs_replacing()), *replace, "{name}");
        let found = found.map(|secret| assert_eq!(secret.expose_secret(), SECRET, "{name}"));
        assert_eq!(found.map_err(|error| reason(error.into())), verdict.map_err(ToOwned::to_owned), "{name}");
    }
}

/// One row: its name, the method, the field, the lines of the header, Django's verdict, and ours where it differs.
type Row<'a> = (&'a str, Method, Option<&'a str>, &'a [&'a [u8]], Result<(), &'a str>, Option<&'a str>);

#[test]
fn a_token_shows_the_secret_or_the_reason_says_where_it_does_not() {
    const MISSING: &str = "CSRF token missing.";
    const HEADER: &str = "CSRF token from the 'X-Csrftoken' HTTP header incorrect.";
    const HEADER_LENGTH: &str = "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.";
    const HEADER_CHARACTERS: &str = "CSRF token from the 'X-Csrftoken' HTTP header has invalid characters.";
    const FIELD: &str = "CSRF token from POST incorrect.";
    const FIELD_LENGTH: &str = "CSRF token from POST has incorrect length.";
    const FIELD_CHARACTERS: &str = "CSRF token from POST has invalid characters.";
    let [good, bad] = [SECRET.as_bytes(), OTHER.as_bytes()];
    let masked = mask(&Secret::from(SECRET), &SystemRandom).unwrap();
    let masked = masked.expose_secret();
    let accents = "é".repeat(16);
    let dashes = "-".repeat(32);
    let rows: &[Row<'_>] = &[
        ("the secret in the header", Method::POST, None, &[good], Ok(()), None),
        ("masked in the header", Method::POST, None, &[masked.as_bytes()], Ok(()), None),
        ("the header of a PUT", Method::PUT, None, &[good], Ok(()), None),
        ("the secret in the field", Method::POST, Some(SECRET), &[], Ok(()), None),
        ("masked in the field", Method::POST, Some(masked), &[], Ok(()), None),
        ("an empty field falls back", Method::POST, Some(""), &[good], Ok(()), None),
        ("nothing", Method::POST, None, &[], Err(MISSING), None),
        ("an empty field alone", Method::POST, Some(""), &[], Err(MISSING), None),
        ("the field of a PUT", Method::PUT, Some(SECRET), &[], Err(MISSING), None),
        ("the field of a DELETE", Method::DELETE, Some(SECRET), &[], Err(MISSING), None),
        ("another secret", Method::POST, None, &[bad], Err(HEADER), None),
        ("another secret, masked", Method::POST, None, &[&[b'A'; 64]], Err(HEADER), None),
        ("an empty header", Method::POST, None, &[b""], Err(HEADER_LENGTH), None),
        ("Latin-1", Method::POST, None, &[&[0xe9; 32]], Err(HEADER_CHARACTERS), None),
        ("UTF-8 counts in bytes", Method::POST, None, &[accents.as_bytes()], Err(HEADER_CHARACTERS), None),
        ("two headers", Method::POST, None, &[good, good], Err(HEADER_LENGTH), None),
        ("a wrong field", Method::POST, Some(OTHER), &[], Err(FIELD), None),
        ("a short field", Method::POST, Some("abc"), &[], Err(FIELD_LENGTH), None),
        ("a field of dashes", Method::POST, Some(&dashes), &[], Err(FIELD_CHARACTERS), None),
        ("a wrong field is not rescued", Method::POST, Some(OTHER), &[good], Err(FIELD), None),
        ("a right field, a wrong header", Method::POST, Some(SECRET), &[bad], Ok(()), Some(HEADER)),
        ("both right", Method::POST, Some(masked), &[good], Ok(()), None),
    ];
    let django = CsrfConfig::django().build().unwrap();
    let bound = CsrfConfig::default().build().unwrap();
    for (name, method, field, header, verdict, ours) in rows {
        let headers: Vec<_> = header.iter().map(|value| ("x-csrftoken", *value)).collect();
        let parts = request(method.clone(), &headers);
        let head = RequestHead::new(&parts, None);
        let check = |csrf: &Csrf| csrf.check_token(&Secret::from(SECRET), *field, &head).map_err(reason);
        assert_eq!(check(&django), verdict.map_err(ToOwned::to_owned), "{name}");
        let ours = ours.map_or(*verdict, Err);
        assert_eq!(check(&bound), ours.map_err(ToOwned::to_owned), "{name}, bound to the session");
    }
}

#[test]
fn a_pair_somebody_made_up_passes_in_djangos_way_alone() {
    let headers: [(&str, &[u8]); 2] =
        [("cookie", b"csrftoken=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"), ("x-csrftoken", SECRET.as_bytes())];
    let parts = request(Method::POST, &headers);
    let head = RequestHead::new(&parts, None);
    let django = CsrfConfig::django().build().unwrap();
    let made_up = django.cookie_secret(&head.headers, Duplicates::LastWins).unwrap();
    assert_eq!(django.check_token(&made_up, None, &head), Ok(()));
    let bound = CsrfConfig::default().build().unwrap();
    assert_eq!(
        bound.cookie_secret(&head.headers, Duplicates::LastWins).unwrap_err(),
        CsrfCookieError::Missing
    );
    let secret = secret_of_session("abc");
    let denial = bound.check_token(&secret, None, &head).unwrap_err();
    assert_eq!(reason(denial), "CSRF token from the 'X-Csrftoken' HTTP header incorrect.");
}

#[test]
fn a_refused_origin_is_a_denial() {
    let parts = request(Method::POST, &[("host", b"a.test"), ("origin", b"null")]);
    let csrf = CsrfConfig::default().build().unwrap();
    let denial = csrf.check_origin(&RequestHead::new(&parts, None)).unwrap_err();
    assert_eq!(reason(denial), "Origin checking failed - null does not match any trusted origins.");
}

#[test]
fn a_mistake_in_the_configuration_is_an_error() {
    let plain = CsrfConfig::default;
    let host = CookieConfig::django("__Host-csrf");
    let rows = [
        (plain().with_trusted_origins(["a.test"]), CsrfConfigError::Origin("a.test".to_owned())),
        (plain().with_header("X CSRF"), CsrfConfigError::Header("X CSRF".to_owned())),
        (plain().with_double_submit(host), CsrfConfigError::Cookie(CookieError::HostPrefix)),
    ];
    for (config, error) in rows {
        assert_eq!(config.build().unwrap_err(), error);
    }
}

#[test]
fn a_header_is_named_as_django_names_it() {
    for (name, shown) in [("x-csrftoken", "X-Csrftoken"), ("X-XSRF-TOKEN", "X-Xsrf-Token"), ("csrf", "Csrf")]
    {
        assert_eq!(title(&HeaderName::try_from(name).unwrap()), shown);
    }
}

proptest! {
    #[test]
    fn any_token_is_checked_without_panic(field in proptest::option::of(".{0,66}"), header in "[ -~\u{80}-\u{ff}]{0,66}") {
        let parts = request(Method::POST, &[("x-csrftoken", header.as_bytes())]);
        let head = RequestHead::new(&parts, None);
        for csrf in [CsrfConfig::django(), CsrfConfig::default()] {
            let csrf = csrf.build().unwrap();
            prop_assert!(csrf.check_token(&secret_of_session("x"), field.as_deref(), &head).is_err());
        }
    }
}
