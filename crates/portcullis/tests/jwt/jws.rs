//! What RFC 7515 (JWS), RFC 7518 (its algorithms) and RFC 7797 (unencoded payloads) tell to refuse.

use aws_lc_rs::signature as aws;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, Key, KeyError};

use crate::forge::{
    ALL, SECRET, access, assert_invalid, assert_valid, b64, ecdsa, forge, header, pem, public_key, sign,
    token, verdict, verifier, with_header,
};

/// CVE-2026-32597, CVE-2025-59420.
#[test]
fn rfc7515_4_1_11_crit_is_refused() {
    for members in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["x-unknown"],"x-unknown":1"#,
        r#""crit":["absent"]"#,
        r#""crit":["alg"]"#,
        r#""crit":["kid"],"kid":"a""#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":{}"#,
        r#""crit":[1]"#,
        r#""\u0063rit":["x"]"#,
    ] {
        assert_invalid(with_header(format!(r#"{{"alg":"HS256","typ":"at+jwt",{members}}}"#)), members);
    }
}

#[test]
fn rfc7515_5_2_duplicate_header_names_are_refused() {
    for head in [
        r#"{"alg":"none","alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","alg":"none","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","x":1,"x":1}"#,
        r#"{"alg":"HS256","typ":"at+jwt","x":1,"\u0078":2}"#,
    ] {
        assert_invalid(with_header(head), head);
    }
}

#[test]
fn rfc7515_2_base64url_has_one_spelling() {
    let good = token("access", &[("name", "\"Zoë?>~\"")]);
    assert_valid(&good, "as it is");
    let parts: Vec<&str> = good.split('.').collect();
    let join = |parts: &[&str]| parts.join(".");
    for at in 0..3 {
        let with = |part: &str| {
            let mut parts = parts.clone();
            parts[at] = part;
            join(&parts)
        };
        let part = parts[at];
        let middle = part.len() / 2;
        for (inserted, name) in [
            ("=", "padding"),
            (" ", "a blank"),
            ("\n", "a newline"),
            ("\r\n", "a line break"),
            ("\t", "a tab"),
            ("\0", "a NUL"),
            ("%", "percent"),
            ("é", "a letter"),
        ] {
            assert_invalid(with(&format!("{part}{inserted}")), &format!("{name} behind part {at}"));
            assert_invalid(with(&format!("{inserted}{part}")), &format!("{name} before part {at}"));
            let (left, right) = part.split_at(middle);
            assert_invalid(with(&format!("{left}{inserted}{right}")), &format!("{name} within part {at}"));
        }
        assert_invalid(with(&format!("{part}==")), "exactly too much padding");
        assert_invalid(with(""), &format!("no part {at}"));
    }
    // A signature over the text as it stands does not help.
    let sign_text = |head: &str, body: &str| {
        let message = format!("{head}.{body}");
        format!("{message}.{}", b64(sign(Algorithm::HS256, message.as_bytes())))
    };
    let head = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    let body = access(&[("name", "\"~~~~~~???\"")]);
    let body =
        (0..3).map(|pad| format!("{body}{}", " ".repeat(pad))).find(|body| body.len() % 3 == 1).unwrap();
    assert_valid(sign_text(&b64(head), &b64(&body)), "canonical");
    let padded = format!("{head} ");
    assert!(URL_SAFE.encode(&padded).ends_with('='), "there is something to pad");
    assert_invalid(sign_text(&URL_SAFE.encode(&padded), &b64(&body)), "a padded header, signed");
    assert_invalid(sign_text(&b64(head), &URL_SAFE.encode(&body)), "a padded payload, signed");
    let slashed = STANDARD_NO_PAD.encode(&body);
    assert!(slashed.contains(['+', '/']), "the other alphabet shows");
    assert_invalid(sign_text(&b64(head), &slashed), "the other alphabet, signed");
    let spare = |text: &str| {
        let last = text.chars().next_back().unwrap();
        let next = char::from_u32(u32::from(last) + 1).unwrap();
        format!("{}{next}", &text[..text.len() - 1])
    };
    assert_invalid(sign_text(&b64(head), &spare(&b64(&body))), "spare bits that are not zero, signed");
    let (start, signature) = good.rsplit_once('.').unwrap();
    assert_invalid(format!("{start}.{}", spare(signature)), "spare bits in the signature");
}

/// RFC 7518 section 3.4: r and s side by side, of exact length (CVE-2022-21449, CVE-2020-28042).
#[test]
fn rfc7518_3_4_a_signature_of_ecdsa_is_r_and_s() {
    for (algorithm, der_signing, pem, half) in [
        (Algorithm::ES256, &aws::ECDSA_P256_SHA256_ASN1_SIGNING, pem!("p256"), 32),
        (Algorithm::ES384, &aws::ECDSA_P384_SHA384_ASN1_SIGNING, pem!("p384"), 48),
    ] {
        let verifier = verifier([public_key(algorithm)], JwtConfig::default());
        let head = header(algorithm, "access");
        let in_der = forge(&head, access(&[]), |m| ecdsa(der_signing, pem, m));
        assert_eq!(verdict(&verifier, in_der), Err(JwtError::Invalid), "{algorithm} in DER");
        // The length of DER varies, and there may be one that fits.
        let fitting = forge(&head, access(&[]), |m| {
            let mut signature = ecdsa(der_signing, pem, m);
            signature.resize(2 * half, 0);
            signature
        });
        assert_eq!(verdict(&verifier, fitting), Err(JwtError::Invalid), "{algorithm} in DER, cut");
        for (name, r, s) in [
            ("zeros", vec![0; half], vec![0; half]),
            ("r is zero", vec![0; half], vec![1; half]),
            ("s is zero", vec![1; half], vec![0; half]),
            ("beyond the order", vec![0xff; half], vec![0xff; half]),
            ("ones", [vec![0; half - 1], vec![1]].concat(), [vec![0; half - 1], vec![1]].concat()),
        ] {
            let forged = forge(&head, access(&[]), |_| [r, s].concat());
            assert_eq!(verdict(&verifier, forged), Err(JwtError::Invalid), "{algorithm} {name}");
        }
    }
}

/// Every truncation and every extension of every kind of signature (CVE-2020-28042, CVE-2026-27840).
#[test]
fn rfc7515_5_2_a_signature_has_its_exact_length() {
    for algorithm in ALL {
        let verifier = verifier([public_key(algorithm)], JwtConfig::default());
        let good = forge(header(algorithm, "access"), access(&[]), |m| sign(algorithm, m));
        assert_eq!(verdict(&verifier, &good), Ok(()), "{algorithm}");
        for length in 0..good.len() {
            assert_eq!(verdict(&verifier, &good[..length]), Err(JwtError::Invalid), "{algorithm}: {length}");
            assert_eq!(
                verdict(&verifier, &good[good.len() - length..]),
                Err(JwtError::Invalid),
                "{algorithm}"
            );
        }
        let signature = good.rsplit_once('.').unwrap().1;
        for added in ["A", "AA", "AAA", "AAAA", signature, ".", ".A", &".A".repeat(100)] {
            assert_eq!(verdict(&verifier, format!("{good}{added}")), Err(JwtError::Invalid), "{algorithm}");
        }
        let message = good.rsplit_once('.').unwrap().0;
        for bytes in [Vec::new(), vec![0; 32], vec![0; 64], vec![0; 96], vec![0; 256], vec![0xff; 256]] {
            let token = format!("{message}.{}", b64(bytes));
            assert_eq!(verdict(&verifier, token), Err(JwtError::Invalid), "{algorithm}: made up");
        }
    }
}

/// CVE-2022-39227, CVE-2016-9122, GHSA-jc38-x7x8-2xc8: one serialisation, one signature.
#[test]
fn rfc7515_7_2_the_json_serialisation_is_refused() {
    let good = token("access", &[]);
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    for text in [
        format!(r#"{{"payload":"{body}","protected":"{head}","signature":"{signature}"}}"#),
        format!(
            r#"{{"payload":"{body}","signatures":[{{"protected":"{head}","signature":"{signature}"}}]}}"#
        ),
        format!(r#"{{"payload":"{body}","header":{{"alg":"none"}},"signature":""}}"#),
        format!(r#"{{"a":"{head}.{body}.{signature}"}}"#),
        format!("{head}.{body}.{signature}.{signature}"),
        format!(r#"{head}.{{"user_id":"2"}}.{body}.{signature}"#),
        b64(&good),
    ] {
        assert_invalid(&text, &text);
    }
}

/// RFC 7797.
#[test]
fn rfc7797_an_unencoded_payload_is_refused() {
    for b64_member in [r#""b64":false,"crit":["b64"]"#, r#""b64":false"#, r#""b64":true"#, r#""b64":"false""#]
    {
        let head = format!(r#"{{"alg":"HS256","typ":"at+jwt",{b64_member}}}"#);
        assert_invalid(with_header(&head), b64_member);
        for payload in [access(&[]), access(&[("exp", "1")])] {
            let message = format!("{}.{payload}", b64(&head));
            let signature = b64(sign(Algorithm::HS256, message.as_bytes()));
            assert_invalid(format!("{message}.{signature}"), b64_member);
        }
    }
}

#[test]
fn rfc7518_3_2_an_hmac_key_is_no_shorter_than_its_hash() {
    for (algorithm, bytes) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let of = |length: usize| Key::from_secret(algorithm, &SECRET.as_bytes()[..length]).map(drop);
        assert_eq!(of(bytes - 1), Err(KeyError::SecretTooShort(bytes)), "{algorithm}");
        assert_eq!(of(bytes), Ok(()), "{algorithm}");
    }
}

#[test]
fn rfc7518_3_3_an_rsa_key_has_2048_bits_at_least() {
    for (pem, bits) in
        [(pem!("rsa-1024"), Err(KeyError::RsaSize(1024))), (pem!("rsa"), Ok(())), (pem!("rsa-2052"), Ok(()))]
    {
        for algorithm in [Algorithm::RS256, Algorithm::PS512] {
            assert_eq!(Key::from_pem(algorithm, pem).map(drop), bits, "{algorithm}");
        }
    }
}

/// RFC 7515 appendix A.5: a token whose algorithm is `none` and whose signature is empty.
#[test]
fn rfc7518_3_6_an_unsecured_token_is_refused() {
    let unsecured = forge(r#"{"alg":"none"}"#, access(&[]), |_| Vec::new());
    assert!(unsecured.ends_with('.'));
    assert_invalid(&unsecured, "RFC 7515 appendix A.5");
    assert_invalid(unsecured.trim_end_matches('.'), "without the last dot");
}
