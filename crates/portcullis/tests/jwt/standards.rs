//! What RFC 8725 (best practice) tells to refuse, and the advisories about those who did not. RFC 7515 and RFC 7518 are in
//! `jws.rs`, RFC 7519 in `claims.rs`, RFC 9068 in `rfc9068.rs`.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, Key, KeyError};

use crate::forge::{
    ALL, SECRET, access, assert_invalid, assert_valid, b64, by_secret, der, forge, forge_hs256, header, hmac,
    key, pair, pem, preset, public_key, sign, strict, token, verdict, verifier, with_header,
};

/// A public key in every form in which somebody might have it.
fn forms(pem: &str) -> Vec<Vec<u8>> {
    let der = der(pem);
    vec![
        pem.as_bytes().to_vec(),
        pem.trim_end().as_bytes().to_vec(),
        pem.replace('\n', "\r\n").into_bytes(),
        STANDARD.encode(&der).into_bytes(),
        der,
    ]
}

#[test]
fn rfc8725_3_1_a_key_is_for_one_algorithm() {
    for algorithm in ALL {
        let verifier = verifier([public_key(algorithm)], JwtConfig::default());
        let honest = forge(header(algorithm, "access"), access(&[]), |message| sign(algorithm, message));
        assert_eq!(verdict(&verifier, &honest), Ok(()), "{algorithm}");
        for other in ALL.into_iter().filter(|other| *other != algorithm) {
            let of_other = forge(header(other, "access"), access(&[]), |message| sign(other, message));
            assert_eq!(verdict(&verifier, of_other), Err(JwtError::Invalid), "{other} for {algorithm}");
            // The header lies about how it was signed.
            let lie = forge(header(algorithm, "access"), access(&[]), |message| sign(other, message));
            assert_eq!(verdict(&verifier, lie), Err(JwtError::Invalid), "{other} as {algorithm}");
            let lie = forge(header(other, "access"), access(&[]), |message| sign(algorithm, message));
            assert_eq!(verdict(&verifier, lie), Err(JwtError::Invalid), "{algorithm} as {other}");
        }
    }
}

/// CVE-2016-10555, CVE-2022-29217, CVE-2024-33663, CVE-2026-34950: the public key as the secret of HMAC.
#[test]
fn rfc8725_3_1_a_public_key_is_no_secret() {
    for algorithm in ALL {
        let Some((_, public)) = pair(algorithm) else { continue };
        let verifier = verifier([public_key(algorithm)], JwtConfig::default());
        for secret in forms(public) {
            for hash in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                for head in [hash, algorithm] {
                    let forged = forge(header(head, "access"), access(&[]), |m| hmac(hash, &secret, m));
                    assert_eq!(verdict(&verifier, forged), Err(JwtError::Invalid), "{hash} for {algorithm}");
                }
            }
        }
    }
}

/// CVE-2021-46743: a key id chooses the key, and the key the algorithm.
#[test]
fn rfc8725_3_1_a_key_id_brings_its_algorithm() {
    let keys = || [key(Algorithm::HS256).with_id("secret"), public_key(Algorithm::RS256).with_id("pair")];
    let verifier = verifier(keys(), JwtConfig::default());
    let public = pem!("rsa-public").as_bytes();
    let head = |algorithm: &str, id: &str| format!(r#"{{"alg":"{algorithm}","kid":"{id}","typ":"at+jwt"}}"#);
    let hs = |m: &[u8]| sign(Algorithm::HS256, m);
    let rs = |m: &[u8]| sign(Algorithm::RS256, m);
    for (token, verdict_, name) in [
        (forge(head("HS256", "secret"), access(&[]), hs), Ok(()), "a secret's"),
        (forge(head("RS256", "pair"), access(&[]), rs), Ok(()), "a pair's"),
        (forge(head("HS256", "pair"), access(&[]), hs), Err(JwtError::Invalid), "HS256 under the pair's id"),
        (forge(head("RS256", "secret"), access(&[]), rs), Err(JwtError::Invalid), "RS256 under the secret's"),
        (
            forge(head("HS256", "pair"), access(&[]), |m| hmac(Algorithm::HS256, public, m)),
            Err(JwtError::Invalid),
            "the public key as the secret",
        ),
        (forge(head("HS256", "Secret"), access(&[]), hs), Err(JwtError::Invalid), "an id in other letters"),
        (forge(head("HS256", ""), access(&[]), hs), Err(JwtError::Invalid), "an empty id"),
        (
            forge(r#"{"alg":"HS256","typ":"at+jwt"}"#, access(&[]), hs),
            Err(JwtError::Invalid),
            "no id where every key has one",
        ),
    ] {
        assert_eq!(verdict(&verifier, token), verdict_, "{name}");
    }
}

#[test]
fn rfc8725_3_2_only_twelve_algorithms_are_on() {
    assert_eq!(ALL.map(Algorithm::as_str).len(), 12);
    for name in [
        "HS256K",
        "HS1",
        "HS224",
        "RS1",
        "RS224",
        "RSA1_5",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ES512",
        "ES256K",
        "ES256 ",
        " HS256",
        "hs256",
        "Hs256",
        "HS256\\u0000",
        "HS-256",
        "SHA256",
        "Ed25519",
        "Ed448",
        "EDDSA",
        "A128KW",
        "dir",
        "ECDH-ES",
        "PBES2-HS256+A128KW",
        "HS256/64",
        "ML-DSA-44",
        "",
        "null",
        "none",
    ] {
        for algorithm in ALL {
            let verifier = verifier([public_key(algorithm)], JwtConfig::simplejwt());
            let forged =
                forge(format!(r#"{{"alg":"{name}","typ":"JWT"}}"#), access(&[]), |m| sign(algorithm, m));
            assert_eq!(verdict(&verifier, forged), Err(JwtError::Invalid), "{name} for {algorithm}");
        }
    }
    for alg in ["null", "true", "256", "[\"HS256\"]", "{\"HS256\":1}", "[]", "\"\\uD800\""] {
        assert_invalid(with_header(format!(r#"{{"alg":{alg},"typ":"at+jwt"}}"#)), alg);
    }
    assert_invalid(with_header(r#"{"typ":"at+jwt"}"#), "no algorithm");
}

/// RFC 7515 appendix A.5, RFC 7518 section 3.6; CVE-2015-9235.
#[test]
fn rfc8725_3_2_none_is_refused_in_every_spelling() {
    for bits in 0..16_u32 {
        let cased = |(at, letter): (usize, char)| match bits >> at & 1 {
            0 => letter,
            _ => letter.to_ascii_uppercase(),
        };
        let none: String = "none".chars().enumerate().map(cased).collect();
        for typ in ["at+jwt", "JWT"] {
            let head = format!(r#"{{"alg":"{none}","typ":"{typ}"}}"#);
            let message = format!("{}.{}", b64(&head), b64(access(&[])));
            let good = forge_hs256(&head, access(&[]));
            for token in [
                format!("{message}."),
                message.clone(),
                good,
                format!("{message}.AA"),
                format!("{message}.."),
            ] {
                for algorithm in ALL {
                    let verifier = verifier([public_key(algorithm)], JwtConfig::simplejwt());
                    assert_eq!(verdict(&verifier, &token), Err(JwtError::Invalid), "{none} for {algorithm}");
                }
            }
        }
    }
    for alg in ["none ", " none", "n\\u006fne", "none\\u0000", "nоne", "NoNe\\n"] {
        let head = format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#);
        assert_invalid(format!("{}.{}.", b64(&head), b64(access(&[]))), alg);
        assert_invalid(with_header(head), alg);
    }
}

/// CVE-2020-15240, CVE-2024-51744: every step is checked, and a bad signature is never hidden by another complaint.
#[test]
fn rfc8725_3_3_a_wrong_signature_is_told_before_anything_else() {
    let wrong = |m: &[u8]| hmac(Algorithm::HS256, b"another secret of more than thirty-two bytes", m);
    for (payload, name) in [
        (access(&[]), "a good payload"),
        (access(&[("exp", "1")]), "an ended one"),
        (access(&[("exp", "")]), "one without an end"),
        (access(&[("jti", "")]), "one without an id"),
        (access(&[("token_type", "\"refresh\"")]), "one of another type"),
        (access(&[("token_type", "")]), "one without a type"),
        ("{".into(), "broken JSON"),
    ] {
        assert_invalid(forge(header(Algorithm::HS256, "access"), &payload, wrong), name);
    }
}

#[test]
fn rfc8725_3_3_a_nested_token_is_not_opened() {
    let inner = token("access", &[]);
    for typ in ["at+jwt", "JWT"] {
        let head = format!(r#"{{"alg":"HS256","typ":"{typ}","cty":"JWT"}}"#);
        assert_invalid(forge_hs256(&head, &inner), "a token as the payload");
        assert_invalid(forge_hs256(&head, format!("\"{inner}\"")), "a token as a JSON string");
    }
    assert_invalid(format!("{inner}.{inner}"), "two tokens");
    assert_invalid(forge_hs256(r#"{"alg":"HS256","typ":"at+jwt"}"#, b64(access(&[]))), "base64 of a payload");
}

/// RFC 7518 section 3.3: RSA of 2048 bits and more; points are on their curve (CVE-2022-21449 begins so).
#[test]
fn rfc8725_3_4_weak_and_impossible_keys_are_refused_at_load() {
    for (pem, name) in [(pem!("rsa-1024"), "private"), (pem!("rsa-1024-public"), "public")] {
        for algorithm in ALL.into_iter().filter(|a| a.as_str().starts_with(['R', 'P'])) {
            assert_eq!(
                Key::from_pem(algorithm, pem).unwrap_err(),
                KeyError::RsaSize(1024),
                "{name} {algorithm}"
            );
        }
    }
    let small = format!(r#"{{"kty":"RSA","alg":"RS256","n":"{}","e":"AQAB"}}"#, b64([0xc1; 128]));
    assert_eq!(Key::from_jwk(&small).unwrap_err(), KeyError::RsaSize(1024));
    for (crv, alg, length) in [("P-256", Algorithm::ES256, 32), ("P-384", Algorithm::ES384, 48)] {
        for (x, y, name) in [
            (vec![1; length], vec![1; length], "off the curve"),
            (vec![0; length], vec![0; length], "the origin"),
            (vec![0xff; length], vec![0xff; length], "beyond the field"),
            (vec![1; length - 1], vec![1; length + 1], "split elsewhere"),
            (vec![1; length + 1], vec![1; length + 1], "too long"),
            (Vec::new(), Vec::new(), "the point at infinity"),
        ] {
            let jwk = format!(r#"{{"kty":"EC","crv":"{crv}","x":"{}","y":"{}"}}"#, b64(x), b64(y));
            assert_eq!(Key::from_jwk(&jwk).unwrap_err(), KeyError::Mismatch(alg), "{crv} {name}");
        }
    }
    let mut point = der(pem!("p256-public"));
    *point.last_mut().unwrap() ^= 1;
    assert_eq!(
        Key::from_public_der(Algorithm::ES256, &point).unwrap_err(),
        KeyError::Mismatch(Algorithm::ES256),
        "off the curve in DER"
    );
}

#[test]
fn rfc8725_3_5_guessable_secrets_are_refused() {
    for (secret, name) in [
        ("", "nothing"),
        ("secret", "secret"),
        ("changeme", "changeme"),
        ("a".repeat(64).leak(), "one letter"),
        ("changeme".repeat(8).leak(), "changeme, often"),
        ("secret".repeat(12).leak(), "secret, often"),
        ("\0".repeat(64).leak(), "zeros"),
        (&SECRET[..31], "31 bytes"),
    ] {
        assert!(
            matches!(
                Key::from_secret(Algorithm::HS256, secret),
                Err(KeyError::SecretTooShort(32) | KeyError::SecretTooRegular)
            ),
            "{name}"
        );
    }
    for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let short = Key::from_secret(algorithm, &SECRET[..length - 1]).unwrap_err();
        assert_eq!(short, KeyError::SecretTooShort(length));
        assert!(Key::from_secret(algorithm, &SECRET[..length]).is_ok(), "{algorithm}");
    }
    // HMAC pads its key with zeros: an empty one verifies what an empty one signed (CVE-2026-44351).
    for secret in [&b""[..], b"\0", b"secret", b"changeme"] {
        let head = header(Algorithm::HS256, "access");
        assert_invalid(
            forge(head, access(&[]), |m| hmac(Algorithm::HS256, secret, m)),
            "a token by a weak secret",
        );
    }
}

/// CVE-2024-28180, CVE-2023-49290, CVE-2023-51774: nothing is inflated, derived or decrypted.
#[test]
fn rfc8725_3_6_there_is_neither_compression_nor_encryption() {
    for member in [
        r#""zip":"DEF""#,
        r#""zip":null"#,
        r#""enc":"A128GCM""#,
        r#""enc":"A256CBC-HS512","p2c":2147483647,"p2s":"AAAA""#,
        r#""\u007aip":"DEF""#,
    ] {
        assert_invalid(with_header(format!(r#"{{"alg":"HS256","typ":"at+jwt",{member}}}"#)), member);
    }
    let head = b64(r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2147483647,"p2s":"AAAA"}"#);
    let start = std::time::Instant::now();
    assert_invalid(format!("{head}.AAAA.AAAA.AAAA.AAAA"), "five parts");
    assert!(start.elapsed().as_millis() < 100, "a count of rounds was believed");
    let good = token("access", &[]);
    assert_invalid(format!("{good}.AAAA.AAAA"), "a good one, and two parts more");
}

#[test]
fn rfc8725_3_7_text_is_utf_8() {
    let head = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    let good = access(&[]);
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let broken = |bytes: &[u8]| {
        let text = access(&[("name", "\"?\"")]);
        let at = text.find('?').unwrap();
        [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 1..]].concat()
    };
    for (payload, name) in [
        (broken(b"\xff"), "a byte that is never UTF-8"),
        (broken(b"\xc0\xaf"), "a slash written too long"),
        (broken(b"\xed\xa0\x80"), "a surrogate"),
        (broken(b"\xf4\x90\x80\x80"), "beyond Unicode"),
        (broken(b"\xe2\x82"), "cut"),
        ([b"\xef\xbb\xbf", good.as_bytes()].concat(), "a byte order mark"),
        (utf16, "UTF-16"),
    ] {
        assert_invalid(forge_hs256(head, payload), name);
    }
    for (head, name) in [
        ([b"\xef\xbb\xbf", head.as_bytes()].concat(), "a byte order mark in the header"),
        (
            head.replace("at+jwt", "at+jwt\",\"x\":\"?").replace('?', "\u{0}").into_bytes(),
            "a NUL in the header",
        ),
    ] {
        assert_invalid(forge_hs256(head, &good), name);
    }
    assert_valid(forge_hs256(head, access(&[("name", "\"Zoë 日本 \\u00e9\"")])), "any other text");
}

#[test]
fn rfc8725_3_9_a_key_of_one_issuer_signs_for_no_other() {
    let config = |issuer: &str| JwtConfig::default().with_issuer(issuer);
    let (a, b) = ("https://a.example", "https://b.example");
    let verifier_a = by_secret(config(a));
    let verifier_b = verifier([public_key(Algorithm::ES256)], config(b));
    let of = |issuer: &str| access(&[("iss", &format!("\"{issuer}\""))]);
    let by_a = |issuer| forge(header(Algorithm::HS256, "access"), of(issuer), |m| sign(Algorithm::HS256, m));
    let by_b = |issuer| forge(header(Algorithm::ES256, "access"), of(issuer), |m| sign(Algorithm::ES256, m));
    for (token, verifier, verdict_, name) in [
        (by_a(a), &verifier_a, Ok(()), "a's own"),
        (by_b(b), &verifier_b, Ok(()), "b's own"),
        (by_a(b), &verifier_a, Err(JwtError::Invalid), "a says it is b, to a"),
        (by_a(b), &verifier_b, Err(JwtError::Invalid), "a says it is b, to b"),
        (by_b(a), &verifier_a, Err(JwtError::Invalid), "b says it is a, to a"),
        (by_b(a), &verifier_b, Err(JwtError::Invalid), "b says it is a, to b"),
    ] {
        assert_eq!(verdict(verifier, token), verdict_, "{name}");
    }
}

/// CVE-2018-0114, CVE-2024-21643: a token does not bring its key, and nobody fetches one.
#[test]
fn rfc8725_3_10_jku_jwk_x5u_and_x5c_are_never_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let evil = b"the attacker's own secret, of forty bytes";
    let members = [
        format!(r#""jku":"{url}""#),
        format!(r#""x5u":"{url}""#),
        format!(r#""jwk":{{"kty":"oct","alg":"HS256","k":"{}"}}"#, b64(evil)),
        format!(r#""x5c":["{}"]"#, STANDARD.encode(der(pem!("certificate")))),
        format!(r#""jku":"{url}","kid":"evil""#),
        r#""jku":"file:///etc/passwd""#.to_owned(),
    ];
    for member in &members {
        let head = format!(r#"{{"alg":"HS256","typ":"at+jwt",{member}}}"#);
        assert_invalid(forge(&head, access(&[]), |m| hmac(Algorithm::HS256, evil, m)), member);
        assert_valid(with_header(&head), member);
        let head = format!(r#"{{"alg":"RS256","typ":"at+jwt",{member}}}"#);
        assert_invalid(forge(&head, access(&[]), |m| sign(Algorithm::RS256, m)), member);
    }
    assert!(listener.accept().is_err(), "somebody fetched a key");
}

#[test]
fn rfc8725_3_10_a_key_id_is_only_compared() {
    let verifier = verifier([key(Algorithm::HS256).with_id("a")], JwtConfig::default());
    let long = format!("\"{}\"", "a".repeat(1_200));
    for id in [
        r#""../../../../dev/null""#,
        r#""/etc/passwd""#,
        r#""a/../a""#,
        r#""x' UNION SELECT 'key""#,
        r#""' OR 1=1 --""#,
        r#""a\u0000""#,
        r#""\u0000a""#,
        r#""a\r\nSet-Cookie: x=1""#,
        r#""\u001b[31ma""#,
        r#""A""#,
        r#""a ""#,
        r#""ａ""#,
        r#""|ls""#,
        r#""""#,
        "null",
        "1",
        "true",
        r#"["a"]"#,
        r#"{"a":"a"}"#,
        &long,
    ] {
        let forged = with_header(format!(r#"{{"alg":"HS256","kid":{id},"typ":"at+jwt"}}"#));
        assert_eq!(verdict(&verifier, forged), Err(JwtError::Invalid), "{id}");
    }
    for id in [r#""a""#, r#""\u0061""#] {
        let honest = with_header(format!(r#"{{"alg":"HS256","kid":{id},"typ":"at+jwt"}}"#));
        assert_eq!(verdict(&verifier, honest), Ok(()), "{id}");
    }
}

/// Sections 3.11 and 3.12; all pairs are in `purposes.rs`.
#[test]
fn rfc8725_3_11_the_type_is_explicit() {
    for (typ, accepted) in [
        (r#""at+jwt""#, true),
        (r#""AT+JWT""#, true),
        (r#""application/at+jwt""#, true),
        (r#""Application/At+Jwt""#, true),
        (r#""at\u002bjwt""#, true),
        (r#""JWT""#, false),
        (r#""rt+jwt""#, false),
        (r#""at+jwt ""#, false),
        (r#""at jwt""#, false),
        (r#""at+jwt;charset=utf-8""#, false),
        (r#""application/application/at+jwt""#, false),
        (r#""application/""#, false),
        (r#""secevent+jwt""#, false),
        (r#""dpop+jwt""#, false),
        (r#""""#, false),
        (r#""éapplicatio""#, false),
        ("null", false),
        ("1", false),
        (r#"["at+jwt"]"#, false),
    ] {
        let forged = with_header(format!(r#"{{"alg":"HS256","typ":{typ}}}"#));
        assert_eq!(verdict(&strict(), &forged).is_ok(), accepted, "{typ}");
        let is_text = typ.starts_with('"');
        assert_eq!(verdict(&preset(), &forged).is_ok(), is_text, "simplejwt ignores a text: {typ}");
    }
    assert_eq!(verdict(&strict(), with_header(r#"{"alg":"HS256"}"#)), Err(JwtError::WrongType), "none");
}
