//! What RFC 7519 tells to refuse among claims, at each boundary, in both configurations.

use portcullis::jwt::{Algorithm, JwtConfig, JwtError, Purpose};
use portcullis_testing::FixedClock;

use crate::forge::{
    NOW, access, assert_invalid, assert_valid, at, b64, by_secret, forge_hs256, header, key, preset, seconds,
    sign, strict, token, verdict, verifier_at,
};

const EXPIRED: Result<(), JwtError> = Err(JwtError::Expired);
const INVALID: Result<(), JwtError> = Err(JwtError::Invalid);

fn now_plus(seconds: i64) -> String {
    (NOW + seconds).to_string()
}

/// Insists on a verdict of both configurations on an access token with some claims changed.
#[track_caller]
fn assert_both(edits: &[(&str, &str)], verdict_: Result<(), JwtError>, name: &str) {
    for (which, verifier) in [("strict", strict()), ("preset", preset())] {
        assert_eq!(verdict(&verifier, token("access", edits)), verdict_, "{which}: {name} {edits:?}");
    }
}

#[test]
fn rfc7519_4_duplicate_claim_names_are_refused() {
    let good = access(&[]);
    let with = |members: &str| format!("{},{members}}}", good.strip_suffix('}').unwrap());
    assert_valid(forge_hs256(header(Algorithm::HS256, "access"), with(r#""x":1"#)), "a new name");
    for members in [
        r#""user_id":"1""#,
        r#""user_id":"2""#,
        r#""user\u005fid":"2""#,
        r#""exp":9999999999"#,
        r#""\u0065xp":9999999999"#,
        r#""iat":1"#,
        r#""jti":"another""#,
        r#""token_type":"access""#,
        r#""token_type":"refresh""#,
        r#""auth_epoch":0"#,
        r#""nbf":1,"nbf":1"#,
        r#""iss":"a","iss":"b""#,
        r#""x":1,"x":1"#,
        r#""x":1,"\u0078":2"#,
        r#""":1,"":1"#,
        r#""scope":"books:read","scope":"books:write""#,
    ] {
        assert_invalid(forge_hs256(header(Algorithm::HS256, "access"), with(members)), members);
    }
}

/// CVE-2020-26160.
#[test]
fn rfc7519_4_1_3_a_token_for_somebody_else_is_refused() {
    let us = "https://api.example";
    let asked = by_secret(JwtConfig::default().with_audience(us));
    let asked_by_preset = by_secret(JwtConfig::simplejwt().with_audience(us));
    for (aud, accepted) in [
        (r#""https://api.example""#, true),
        (r#"["https://api.example"]"#, true),
        (r#"["https://other.example","https://api.example"]"#, true),
        ("", false),
        ("null", false),
        (r#""""#, false),
        ("[]", false),
        (r#"[""]"#, false),
        (r#"["https://other.example"]"#, false),
        (r#"["https://api.example",1]"#, false),
        (r#"["https://api.example",null]"#, false),
        (r#"[["https://api.example"]]"#, false),
        (r#"{"https://api.example":true}"#, false),
        (r#"{"aud":"https://api.example"}"#, false),
        ("1", false),
        ("true", false),
        (r#""https://api.example/""#, false),
        (r#""https://api.exampl""#, false),
        (r#""https://api.example.evil.example""#, false),
        (r#""HTTPS://api.example""#, false),
        (r#""https://other.example https://api.example""#, false),
        (r#""https://api.example\u0000""#, false),
    ] {
        let token = token("access", &[("aud", aud)]);
        for (which, verifier) in [("strict", &asked), ("preset", &asked_by_preset)] {
            let expected = if accepted { Ok(()) } else { INVALID };
            assert_eq!(verdict(verifier, &token), expected, "{which}: {aud}");
        }
        // Who has no name is nobody's audience (RFC 7519 section 4.1.3); PyJWT does not look.
        assert_eq!(verdict(&strict(), &token).is_ok(), aud.is_empty(), "nobody's: {aud}");
        assert_eq!(verdict(&preset(), &token), Ok(()), "PyJWT: {aud}");
    }
}

/// CVE-2024-53861, CVE-2025-30144.
#[test]
fn rfc7519_4_1_1_an_issuer_is_one_exact_string() {
    let asked = by_secret(JwtConfig::default().with_issuer("abcd"));
    for (iss, accepted) in [
        (r#""abcd""#, true),
        (r#""\u0061bcd""#, true),
        ("", false),
        ("null", false),
        (r#""""#, false),
        (r#""abc""#, false),
        (r#""bcd""#, false),
        (r#""abcde""#, false),
        (r#""ABCD""#, false),
        (r#"" abcd""#, false),
        (r#""abcd\u0000""#, false),
        (r#"["abcd"]"#, false),
        (r#"["abcd","evil"]"#, false),
        (r#"{"abcd":1}"#, false),
        ("1", false),
        ("true", false),
    ] {
        let expected = if accepted { Ok(()) } else { INVALID };
        assert_eq!(verdict(&asked, token("access", &[("iss", iss)])), expected, "{iss}");
    }
}

#[test]
fn rfc7519_4_1_2_a_subject_is_a_string() {
    let by_subject = by_secret(JwtConfig::default().with_user_claim("sub"));
    let legacy = by_secret(JwtConfig::simplejwt().with_user_claim("sub"));
    for (sub, accepted) in [
        (r#""17""#, true),
        (r#""""#, true),
        ("17", false),
        ("null", false),
        ("true", false),
        ("1.0", false),
        (r#"["17"]"#, false),
        (r#"{"id":"17"}"#, false),
    ] {
        let expected = if accepted { Ok(()) } else { INVALID };
        assert_both(&[("sub", sub)], expected, "a claim of no meaning");
        let named = token("access", &[("sub", sub), ("user_id", "")]);
        assert_eq!(verdict(&by_subject, &named), expected, "strict: the user's {sub}");
        assert_eq!(verdict(&legacy, &named), expected, "preset: the user's {sub}");
    }
}

/// On or after its `exp` a token is refused, and before its `nbf` and `iat`, to the microsecond.
#[test]
fn rfc7519_4_1_4_to_6_the_boundaries_of_time() {
    for (claim, value, verdict_) in [
        ("exp", now_plus(-1), EXPIRED),
        ("exp", now_plus(0), EXPIRED),
        ("exp", now_plus(1), Ok(())),
        ("exp", format!("{}.0", now_plus(0)), EXPIRED),
        ("exp", format!("{}.5", now_plus(-1)), EXPIRED),
        ("exp", format!("{}.5", now_plus(0)), Ok(())),
        ("exp", format!("{}e0", now_plus(1)), Ok(())),
        ("exp", "0".into(), EXPIRED),
        ("exp", "-0".into(), EXPIRED),
        ("exp", "-0.0".into(), EXPIRED),
        ("exp", "-1".into(), EXPIRED),
        ("exp", "-253402300800".into(), EXPIRED),
        ("exp", "253402300799".into(), Ok(())),
        ("exp", "253402300799.9".into(), Ok(())),
        ("exp", "253402300800".into(), INVALID),
        ("exp", "253402300800.0".into(), INVALID),
        ("nbf", now_plus(-1), Ok(())),
        ("nbf", now_plus(0), Ok(())),
        ("nbf", now_plus(1), INVALID),
        ("nbf", format!("{}.000001", now_plus(0)), INVALID),
        ("nbf", "-1".into(), Ok(())),
        ("nbf", "0".into(), Ok(())),
        ("iat", now_plus(-1), Ok(())),
        ("iat", now_plus(0), Ok(())),
        ("iat", now_plus(1), INVALID),
        ("iat", format!("{}.5", now_plus(0)), INVALID),
        ("iat", "".into(), Ok(())),
        ("nbf", "".into(), Ok(())),
    ] {
        assert_both(&[(claim, &value)], verdict_, "a boundary");
    }
}

/// CVE-2026-25537: a time that is none is not one that is absent.
#[test]
fn rfc7519_2_a_time_is_a_number_within_the_calendar() {
    for claim in ["exp", "nbf", "iat"] {
        for value in [
            "null",
            "\"1767225600\"",
            "\"soon\"",
            "\"\"",
            "[]",
            "[1767225600]",
            "{}",
            "{\"seconds\":1767225600}",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "1e300",
            "-1e300",
            "1e18",
            "1e999",
            "NaN",
            "Infinity",
            "0x7fffffff",
            "1_767_225_600",
            "01767225600",
            "+1767225600",
            ".5",
            "1767225600.",
            "1000000000000000000000000000000",
        ] {
            assert_both(&[(claim, value)], INVALID, "no time");
        }
    }
    // What is true and false in Python: 1 and 0.
    for value in ["true", "false"] {
        assert_both(&[("exp", value)], EXPIRED, "long ago");
        assert_both(&[("nbf", value)], INVALID, "no time");
        assert_both(&[("iat", value)], INVALID, "no time");
    }
}

#[test]
fn rfc7519_4_1_4_leeway_is_what_was_asked_for_and_no_more() {
    let with = |leeway| JwtConfig::default().with_leeway(seconds(leeway));
    assert!(
        portcullis::Jwt::<portcullis::Account>::new(
            portcullis::KeyRing::new([key(Algorithm::HS256)]).unwrap(),
            portcullis::store::MemoryStore::new()
        )
        .unwrap()
        .with_config(with(301))
        .is_err()
    );
    let lenient = by_secret(with(60));
    for (claim, value, verdict_) in [
        ("exp", now_plus(-61), EXPIRED),
        ("exp", now_plus(-60), EXPIRED),
        ("exp", format!("{}.000001", now_plus(-60)), Ok(())),
        ("exp", now_plus(-59), Ok(())),
        ("nbf", now_plus(60), Ok(())),
        ("nbf", format!("{}.000001", now_plus(60)), INVALID),
        ("nbf", now_plus(61), INVALID),
        ("iat", now_plus(60), Ok(())),
        ("iat", now_plus(61), INVALID),
    ] {
        assert_eq!(verdict(&lenient, token("access", &[(claim, &value)])), verdict_, "{claim} {value}");
    }
    // A clock at either end of time, and a leeway beyond it.
    let clock = FixedClock::default();
    let lenient = verifier_at([key(Algorithm::HS256)], with(300), &clock);
    for micros in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
        clock.set(portcullis::Timestamp::from_micros(micros));
        assert!(verdict(&lenient, token("access", &[])).is_err(), "{micros}");
    }
    clock.set(at(NOW, 0));
    assert_eq!(verdict(&lenient, token("access", &[])), Ok(()));
}

#[test]
fn rfc7519_4_1_7_an_id_is_a_string() {
    for jti in ["null", "1", "true", "[]", "{}", "[\"a\"]"] {
        assert_both(&[("jti", jti)], INVALID, "no id");
    }
    assert_both(&[("jti", "")], Err(JwtError::NoId), "none");
}

/// CVE-2025-30204: from no dot to ten thousand.
#[test]
fn rfc7519_7_2_a_token_has_two_dots() {
    let (strict, preset) = (strict(), preset());
    let good = token("access", &[]);
    for dots in 0..=10_000 {
        for token in [".".repeat(dots), format!("{}{}", b64("{}"), ".".repeat(dots))] {
            assert_eq!(verdict(&strict, &token), INVALID, "{dots}");
            assert_eq!(verdict(&preset, &token), INVALID, "{dots}");
        }
    }
    let parts: Vec<&str> = good.split('.').collect();
    for dots in (0..200).chain([1_000, 10_000]).filter(|dots| *dots != 1) {
        let separator = ".".repeat(dots);
        assert_invalid(parts.join(&separator), &format!("{dots} between each"));
        // Signed as it stands.
        let message = format!("{}{separator}{}", parts[0], parts[1]);
        assert_invalid(
            format!("{message}.{}", b64(sign(Algorithm::HS256, message.as_bytes()))),
            &format!("{dots} before the payload, signed"),
        );
    }
    for at in 0..parts[1].len() {
        let message = format!("{}.{}.{}", parts[0], &parts[1][..at], &parts[1][at..]);
        let signature = b64(sign(Algorithm::HS256, message.as_bytes()));
        assert_invalid(format!("{message}.{signature}"), "a dot in the payload, signed");
    }
}

#[test]
fn rfc7519_7_2_a_payload_is_one_object() {
    let good = access(&[]);
    for payload in [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"text\"",
        "[]",
        &format!("[{good}]"),
        &format!("{good}{good}"),
        &format!("{good} x"),
        &format!("{good}\0"),
        &format!("{good},"),
        &format!("//\n{good}"),
        &good[1..],
        &good[..good.len() - 1],
        &good.replace('}', ",}"),
        &good.replace('"', "'"),
        &good.replace(':', "="),
        "{}",
    ] {
        let verdict_ = if payload == "{}" { Err(JwtError::NoExpiry) } else { INVALID };
        let token = forge_hs256(header(Algorithm::HS256, "access"), payload);
        assert_eq!(verdict(&strict(), &token), verdict_, "{payload}");
        assert_eq!(verdict(&preset(), &token), verdict_, "{payload}");
    }
    assert_valid(
        forge_hs256(header(Algorithm::HS256, "access"), format!("\r\n\t {good}\n")),
        "white space around it",
    );
}

/// CVE-2025-53864: what is nested deeper than anybody nests would overflow the stack of the next reader.
#[test]
fn rfc8259_9_what_is_nested_too_deeply_is_refused() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    for depth in [128, 600, 2_500, 10_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let deep = nested(open, close, depth);
            assert_invalid(token("access", &[("x", &deep)]), &format!("{depth} {open} in a claim"));
            let head = format!(r#"{{"alg":"HS256","typ":"at+jwt","x":{deep}}}"#);
            assert_invalid(forge_hs256(head, access(&[])), &format!("{depth} {open} in the header"));
        }
        for name in ["user_id", "exp", "iat", "nbf", "jti", "sub", "token_type", "x"] {
            let token = token("access", &[(name, &nested("[", "]", depth))]);
            for verifier in [strict(), preset()] {
                let read = verifier.verify(&token, Purpose::ACCESS, |claims| claims.user_id());
                assert!(!matches!(read, Ok(Some(_))), "{depth} in {name}");
            }
        }
    }
    for text in [nested("[", "]", 100), nested("{\"a\":", "}", 100), format!("\"{}\"", "[{".repeat(300))] {
        assert_valid(token("access", &[("x", &text)]), "as deep as serde_json reads, and brackets in a text");
    }
    assert_valid(token("access", &[("x", &format!("[{}]", vec!["[]"; 500].join(",")))]), "wide, not deep");
    assert_valid(token("access", &[("x", r#"["\"]]]]\\",["[[[[\\\""]]"#)]), "quotes and brackets in texts");
}

#[test]
fn a_token_has_a_longest_length() {
    for (config, longest) in [
        (JwtConfig::default(), 8 * 1024),
        (JwtConfig::simplejwt(), 32 * 1024),
        (JwtConfig::default().with_max_bytes(1_000), 1_000),
    ] {
        let verifier = by_secret(config);
        let mut pad = longest / 4 * 3;
        let mut fits = token("access", &[("x", &format!("\"{}\"", "x".repeat(pad)))]);
        while fits.len() > longest {
            pad -= 1;
            fits = token("access", &[("x", &format!("\"{}\"", "x".repeat(pad)))]);
        }
        assert!(fits.len() >= longest - 1);
        assert_eq!(verdict(&verifier, &fits), Ok(()), "{longest}");
        let over = token("access", &[("x", &format!("\"{}\"", "x".repeat(pad + 2)))]);
        assert_eq!(verdict(&verifier, over), INVALID, "{longest}");
        assert_eq!(verdict(&verifier, "A".repeat(10 << 20)), INVALID);
        assert_eq!(verdict(&verifier, format!("{}.", "A".repeat(10 << 20))), INVALID);
    }
    // A header is looked at up to 2048 characters of base64.
    for (length, accepted) in [(1_400, true), (1_600, false)] {
        let head = format!(r#"{{"alg":"HS256","typ":"at+jwt","x":"{}"}}"#, "x".repeat(length));
        assert_eq!(verdict(&strict(), forge_hs256(head, access(&[]))).is_ok(), accepted, "{length}");
    }
}

/// CVE-2026-45069: each claim that is required is missed when it is not there, or null.
#[test]
fn a_required_claim_is_missed() {
    let config = JwtConfig::default().with_issuer("a").with_audience("b");
    let names =
        ["iss", "aud", "iat", "nbf", "user_id", "tenant", "exp", "jti", "token_type", "auth_epoch", "sub"];
    let verifier = by_secret(config.with_required_claims(names));
    let good = [("iss", "\"a\""), ("aud", "\"b\""), ("nbf", "1"), ("tenant", "\"north\""), ("sub", "\"1\"")];
    assert_eq!(verdict(&verifier, token("access", &good)), Ok(()));
    for name in names {
        for value in ["", "null"] {
            let edits: Vec<_> = good.iter().copied().chain([(name, value)]).collect();
            assert!(verdict(&verifier, token("access", &edits)).is_err(), "{name} {value}");
        }
    }
}

/// A claim that has a meaning already names no user: `jti` would be a user's id, and `scope` would limit nothing.
#[test]
fn a_claim_with_another_meaning_names_no_user() {
    use portcullis::jwt::{JwtConfigError, JwtVerifier};
    for (name, verdict) in [
        ("user_id", Ok(())),
        ("sub", Ok(())),
        ("uid", Ok(())),
        ("exp", Err(JwtConfigError::UserClaim)),
        ("iat", Err(JwtConfigError::UserClaim)),
        ("nbf", Err(JwtConfigError::UserClaim)),
        ("jti", Err(JwtConfigError::UserClaim)),
        ("iss", Err(JwtConfigError::UserClaim)),
        ("aud", Err(JwtConfigError::UserClaim)),
        ("scope", Err(JwtConfigError::UserClaim)),
        ("token_type", Err(JwtConfigError::UserClaim)),
        ("auth_epoch", Err(JwtConfigError::UserClaim)),
        ("", Err(JwtConfigError::UserClaim)),
    ] {
        let ring = portcullis::KeyRing::new([key(Algorithm::HS256)]).unwrap();
        let made = JwtVerifier::new(ring, JwtConfig::default().with_user_claim(name));
        assert_eq!(made.map(drop), verdict, "{name}");
    }
}
