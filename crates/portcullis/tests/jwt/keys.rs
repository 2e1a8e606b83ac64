//! Keys: what is taken, what is refused and why, and what becomes of those that are replaced or retired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, Key, KeyError, KeyRing, Purpose};
use portcullis::store::MemoryStore;
use portcullis::{Account, Jwt, Timestamp, Users};
use portcullis_testing::FixedClock;
use serde_json::Value;

use crate::forge::{
    ALL, NOW, SECRET, access, at, b64, der, forge, header, key, pair, pem, public_key, sign, verdict,
    verifier, verifier_at,
};

use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, PS256, PS512, RS256, RS512};

fn mismatch(algorithm: Algorithm) -> Option<KeyError> {
    Some(KeyError::Mismatch(algorithm))
}

#[test]
fn every_algorithm_signs_what_it_verifies() {
    for algorithm in ALL {
        let ring = KeyRing::new([key(algorithm)]).unwrap();
        let jwt = Jwt::new(ring, MemoryStore::new()).unwrap();
        let ours =
            jwt.issue_for(Purpose::ACCESS, &Account::new(17, "john"), crate::forge::seconds(60)).unwrap();
        let verifies = portcullis::jwt::JwtVerifier::new(
            KeyRing::new([public_key(algorithm)]).unwrap(),
            JwtConfig::default(),
        )
        .unwrap();
        let user = verifies.verify(ours.expose_secret(), Purpose::ACCESS, |claims| claims.user_id()).unwrap();
        assert_eq!(user, Some(17.into()), "{algorithm}");
        let theirs = forge(header(algorithm, "access"), access(&[]), |m| sign(algorithm, m));
        assert_eq!(
            verdict(&verifier([public_key(algorithm)], JwtConfig::default()), theirs),
            Ok(()),
            "{algorithm}"
        );
    }
    // A modulus whose bits are no multiple of eight.
    let odd = Key::from_pem(PS256, pem!("rsa-2052")).unwrap();
    let jwt = Jwt::new(KeyRing::new([odd]).unwrap(), MemoryStore::new()).unwrap();
    let token = jwt.issue_for(Purpose::ACCESS, &Account::new(17, "john"), crate::forge::seconds(60)).unwrap();
    assert_eq!(verdict(jwt.verifier(), token.expose_secret()), Ok(()));
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    let (rsa, ec, ed) = (pem!("rsa-public"), pem!("p256-public"), pem!("ed25519-public"));
    for (name, key, algorithm, signs) in [
        ("PKCS#8 of RSA", Key::from_pem(RS256, pem!("rsa")), RS256, true),
        ("PKCS#1 of RSA", Key::from_pem(RS256, pem!("rsa-pkcs1")), RS256, true),
        ("SPKI of RSA", Key::from_pem(RS256, rsa), RS256, false),
        ("PKCS#1 of a public RSA", Key::from_pem(RS256, pem!("rsa-pkcs1-public")), RS256, false),
        ("RSA for PSS", Key::from_pem(PS512, pem!("rsa-pkcs1")), PS512, true),
        ("PKCS#8 of P-256", Key::from_pem(ES256, pem!("p256")), ES256, true),
        ("SPKI of P-256", Key::from_pem(ES256, ec), ES256, false),
        ("PKCS#8 of P-384", Key::from_pem(ES384, pem!("p384")), ES384, true),
        ("SPKI of P-384", Key::from_pem(ES384, pem!("p384-public")), ES384, false),
        ("PKCS#8 of Ed25519", Key::from_pem(EdDSA, pem!("ed25519")), EdDSA, true),
        ("SPKI of Ed25519", Key::from_pem(EdDSA, ed), EdDSA, false),
        ("DER of private RSA", Key::from_private_der(RS256, &der(pem!("rsa"))), RS256, true),
        ("DER of public RSA", Key::from_public_der(RS256, &der(rsa)), RS256, false),
        ("DER of private P-256", Key::from_private_der(ES256, &der(pem!("p256"))), ES256, true),
        ("DER of public P-256", Key::from_public_der(ES256, &der(ec)), ES256, false),
        ("DER of private Ed25519", Key::from_private_der(EdDSA, &der(pem!("ed25519"))), EdDSA, true),
        ("DER of public Ed25519", Key::from_public_der(EdDSA, &der(ed)), EdDSA, false),
        ("line breaks of Windows", Key::from_pem(ES256, &ec.replace('\n', "\r\n")), ES256, false),
        ("text before it", Key::from_pem(ES256, &format!("a key:\n{ec}")), ES256, false),
        ("a secret", Key::from_secret(HS256, SECRET), HS256, true),
        ("a secret as a JWK", Key::from_jwk(&oct(SECRET.as_bytes(), r#""alg":"HS256""#)), HS256, true),
    ] {
        let key = key.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((key.algorithm(), key.signs(), key.id()), (algorithm, signs, None), "{name}");
        let token = forge(header(algorithm, "access"), access(&[]), |m| sign(algorithm, m));
        assert_eq!(verdict(&verifier([key], JwtConfig::default()), token), Ok(()), "{name}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_is_no_key_for_the_algorithm_is_refused() {
    let rsa_public = pem!("rsa-public");
    let broken = pem!("p256").replace("MIGH", "MIGG");
    for (name, algorithm, pem, error) in [
        ("RSA for ECDSA", ES256, pem!("rsa"), mismatch(ES256)),
        ("RSA for Ed25519", EdDSA, pem!("rsa"), mismatch(EdDSA)),
        ("RSA for HMAC", HS256, pem!("rsa"), mismatch(HS256)),
        ("public RSA for ECDSA", ES256, rsa_public, mismatch(ES256)),
        ("public RSA for HMAC", HS256, rsa_public, mismatch(HS256)),
        ("PKCS#1 for ECDSA", ES256, pem!("rsa-pkcs1"), mismatch(ES256)),
        ("P-256 for RSA", RS256, pem!("p256"), mismatch(RS256)),
        ("public P-256 for PSS", PS256, pem!("p256-public"), mismatch(PS256)),
        ("P-256 for ES384", ES384, pem!("p256"), mismatch(ES384)),
        ("public P-256 for ES384", ES384, pem!("p256-public"), mismatch(ES384)),
        ("P-384 for ES256", ES256, pem!("p384"), mismatch(ES256)),
        ("public P-384 for ES256", ES256, pem!("p384-public"), mismatch(ES256)),
        ("P-521 for ES256", ES256, pem!("p521"), mismatch(ES256)),
        ("P-521 for ES384", ES384, pem!("p521-public"), mismatch(ES384)),
        ("secp256k1 for ES256", ES256, pem!("k256"), mismatch(ES256)),
        ("public secp256k1 for ES256", ES256, pem!("k256-public"), mismatch(ES256)),
        ("a compressed point", ES256, pem!("p256-compressed"), mismatch(ES256)),
        ("X25519 for Ed25519", EdDSA, pem!("x25519"), mismatch(EdDSA)),
        ("Ed25519 for RSA", RS512, pem!("ed25519"), mismatch(RS512)),
        ("RSASSA-PSS as its own kind", PS256, pem!("rsa-pss"), mismatch(PS256)),
        ("SEC1", ES256, pem!("p256-sec1"), Some(KeyError::UnknownPem)),
        ("encrypted PKCS#8", RS256, pem!("rsa-encrypted"), Some(KeyError::UnknownPem)),
        ("encrypted PKCS#1", RS256, pem!("rsa-encrypted-pkcs1"), mismatch(RS256)),
        ("a certificate", RS256, pem!("certificate"), Some(KeyError::UnknownPem)),
        ("a damaged one", ES256, &broken, mismatch(ES256)),
        ("cut", ES256, &pem!("p256")[..100], mismatch(ES256)),
        ("nothing", ES256, "", Some(KeyError::UnknownPem)),
        ("no PEM", ES256, "secret", Some(KeyError::UnknownPem)),
        ("OpenSSH", EdDSA, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== x", Some(KeyError::UnknownPem)),
        ("an empty body", RS256, "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", mismatch(RS256)),
        ("RSA of 1024 bits", RS256, pem!("rsa-1024"), Some(KeyError::RsaSize(1024))),
        ("public RSA of 1024 bits", RS256, pem!("rsa-1024-public"), Some(KeyError::RsaSize(1024))),
    ] {
        assert_eq!(Key::from_pem(algorithm, pem).err(), error, "{name}");
    }
    let halves = format!("{}{}", pem!("p256-public"), pem!("p384"));
    assert!(!Key::from_pem(ES256, &halves).unwrap().signs(), "the first of two counts");
    for (name, der_) in [("nothing", Vec::new()), ("noise", vec![0x30; 99]), ("text", b"key".to_vec())] {
        for algorithm in ALL {
            let refused = Some(KeyError::Mismatch(algorithm));
            assert_eq!(Key::from_public_der(algorithm, &der_).err(), refused, "{name}");
            assert_eq!(Key::from_private_der(algorithm, &der_).err(), refused, "{name}");
        }
    }
    assert_eq!(
        Key::from_public_der(RS256, &der(pem!("rsa"))).err(),
        mismatch(RS256),
        "a private one as public"
    );
    assert_eq!(
        Key::from_private_der(RS256, &der(rsa_public)).err(),
        mismatch(RS256),
        "a public one as private"
    );
    // Every byte of a key is taken away or turned once: never a panic, and never another key that signs.
    for (algorithm, pem) in [(ES256, pem!("p256")), (EdDSA, pem!("ed25519")), (ES384, pem!("p384-public"))] {
        let good = der(pem);
        for at in 0..good.len() {
            let mut turned = good.clone();
            turned[at] ^= 0x11;
            for bytes in [&good[..at], &good[at + 1..], &turned] {
                let _ = (Key::from_private_der(algorithm, bytes), Key::from_public_der(algorithm, bytes));
            }
        }
    }
}

/// CVE-2022-29217, CVE-2026-34950, CVE-2024-33663: whatever is public is no secret, however it is dressed.
#[test]
fn a_public_key_is_refused_as_a_secret() {
    for algorithm in ALL {
        let Some((private, public)) = pair(algorithm) else { continue };
        let jwk = ring_jwk(public_key(algorithm));
        for pem in [private, public, pem!("certificate"), pem!("rsa-pkcs1-public"), pem!("p256-sec1")] {
            let bare = pem.lines().skip(1).collect::<Vec<_>>().join("\n");
            for (name, secret) in [
                ("as it is", pem.as_bytes().to_vec()),
                ("white space before it", format!(" \r\n\t{pem}").into_bytes()),
                ("a byte order mark before it", format!("\u{feff}{pem}").into_bytes()),
                ("a vertical tab before it", format!("\u{b}\u{a0}{pem}").into_bytes()),
                ("text before it", format!("key: {pem}").into_bytes()),
                ("small letters", pem.to_ascii_lowercase().into_bytes()),
                ("line breaks of Windows", pem.replace('\n', "\r\n").into_bytes()),
                ("without its head", bare.into_bytes()),
                ("in DER", der(pem)),
                ("in base64", STANDARD.encode(der(pem)).into_bytes()),
            ] {
                assert_eq!(
                    Key::from_secret(HS256, &secret).err(),
                    Some(KeyError::SecretIsPem),
                    "{name}:\n{pem}"
                );
            }
        }
        for (name, secret) in [
            ("a JWK", jwk.clone()),
            ("a JWK set", format!("{{\"keys\":[{jwk}]}}")),
            ("an indented JWK", format!(" \n{jwk}")),
        ] {
            assert_eq!(Key::from_secret(HS256, secret).err(), Some(KeyError::SecretIsPem), "{name}");
        }
    }
    for line in [
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDf root@example.com",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ4 root@example.com",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= root",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2g=",
        " ssh-dss AAAAB3NzaC1kc3MAAACBAKrFC6uDvuxl7vnYL/Fu/Vq+12KJF4 x",
        "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAADAQABAAABgQDf",
    ] {
        assert_eq!(Key::from_secret(HS256, line).err(), Some(KeyError::SecretIsPem), "{line}");
    }
    for secret in [
        SECRET.as_bytes(),
        b"{not a JWK, but a long pass phrase with a brace}",
        b"0123456789abcdef0123456789abcdef0123456789abcdef",
        &[
            0x30, 0x1e, 9, 8, 7, 6, 5, 4, 3, 2, 1, 19, 18, 17, 16, 15, 14, 13, 12, 11, 29, 28, 27, 26, 25,
            24, 23, 22, 21, 39, 38, 37,
        ],
    ] {
        assert!(Key::from_secret(HS256, secret).is_ok(), "{secret:?}");
    }
}

fn oct(secret: &[u8], members: &str) -> String {
    format!(r#"{{"kty":"oct","k":"{}",{members}}}"#, b64(secret))
}

/// The only key of a JWK set.
fn ring_jwk(key: Key) -> String {
    let set: Value = serde_json::from_str(&KeyRing::new([key]).unwrap().jwks(at(NOW, 0))).unwrap();
    set["keys"][0].to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_jwk_is_read_strictly() {
    let jwk = |key: Key, members: &[(&str, &str)]| {
        let mut object: serde_json::Map<String, Value> = serde_json::from_str(&ring_jwk(key)).unwrap();
        for (name, value) in members {
            match *value {
                "" => object.remove(*name),
                value => object.insert((*name).into(), serde_json::from_str(value).unwrap()),
            };
        }
        Value::from(object).to_string()
    };
    let rsa = |members: &[(&str, &str)]| jwk(public_key(RS256), members);
    let ec = |members: &[(&str, &str)]| jwk(public_key(ES256), members);
    let ed = |members: &[(&str, &str)]| jwk(public_key(EdDSA), members);
    let text = |reason| Some(KeyError::Jwk(reason));
    let (unreadable, private) = (
        text("it is not the JSON of one key"),
        text("it is private, and private keys are read as PEM or DER"),
    );
    let (unsupported, kind) =
        (text("its `alg` is not supported"), text("its kind or curve is not supported"));
    let (several, use_) =
        (text("it names no `alg`, and its kind has several"), text("its `use` is not `sig`"));
    let operations = text("its `key_ops` do not list `verify`");
    for (name, jwk, error) in [
        ("RSA", rsa(&[]), None),
        ("RSA for PSS", rsa(&[("alg", "\"PS512\"")]), None),
        ("RSA without alg", rsa(&[("alg", "")]), several.clone()),
        ("RSA of ECDSA", rsa(&[("alg", "\"ES256\"")]), mismatch(ES256)),
        ("RSA of HMAC", rsa(&[("alg", "\"HS256\"")]), mismatch(HS256)),
        ("RSA of none", rsa(&[("alg", "\"none\"")]), unsupported.clone()),
        ("RSA to encrypt", rsa(&[("alg", "\"RSA-OAEP\"")]), unsupported.clone()),
        ("RSA of a number", rsa(&[("alg", "1")]), unreadable.clone()),
        ("RSA of nothing", rsa(&[("alg", "null")]), unsupported.clone()),
        ("for encryption", rsa(&[("use", "\"enc\"")]), use_.clone()),
        ("of no use told", rsa(&[("use", "")]), None),
        ("to verify", rsa(&[("key_ops", "[\"verify\"]")]), None),
        ("to sign alone", rsa(&[("key_ops", "[\"sign\"]")]), operations.clone()),
        ("to encrypt", rsa(&[("key_ops", "[\"encrypt\",\"wrapKey\"]")]), operations.clone()),
        ("to do nothing", rsa(&[("key_ops", "[]")]), operations),
        ("private", rsa(&[("d", "\"AQAB\"")]), private.clone()),
        ("a null d", ec(&[("d", "null")]), private.clone()),
        ("private Ed25519", ed(&[("d", "\"AQAB\"")]), private),
        ("no modulus", rsa(&[("n", "")]), kind.clone()),
        ("a modulus that is no base64", rsa(&[("n", "\"!\"")]), unreadable.clone()),
        ("an empty modulus", rsa(&[("n", "\"\"")]), Some(KeyError::RsaSize(0))),
        ("an even exponent", rsa(&[("e", "\"AQAA\"")]), Some(KeyError::RsaExponent)),
        ("the exponent 1", rsa(&[("e", "\"AQ\"")]), Some(KeyError::RsaExponent)),
        ("the exponent 0", rsa(&[("e", "\"AA\"")]), Some(KeyError::RsaExponent)),
        ("an endless exponent", rsa(&[("e", "\"AQAAAAAB\"")]), Some(KeyError::RsaExponent)),
        ("no exponent", rsa(&[("e", "\"\"")]), Some(KeyError::RsaExponent)),
        ("P-256 without alg", ec(&[("alg", "")]), None),
        ("P-256 of ES384", ec(&[("alg", "\"ES384\"")]), mismatch(ES384)),
        ("P-256 of HMAC", ec(&[("alg", "\"HS256\"")]), mismatch(HS256)),
        ("P-256 of RSA", ec(&[("alg", "\"RS256\"")]), mismatch(RS256)),
        ("P-256 said to be P-384", ec(&[("crv", "\"P-384\""), ("alg", "")]), mismatch(ES384)),
        ("P-521", ec(&[("crv", "\"P-521\""), ("alg", "")]), kind.clone()),
        ("secp256k1", ec(&[("crv", "\"secp256k1\""), ("alg", "")]), kind.clone()),
        ("no y", ec(&[("y", "")]), kind.clone()),
        ("Ed25519 without alg", ed(&[("alg", "")]), None),
        ("Ed25519 of ECDSA", ed(&[("alg", "\"ES256\"")]), mismatch(ES256)),
        ("Ed25519, short", ed(&[("x", "\"AQAB\"")]), mismatch(EdDSA)),
        ("X25519", ed(&[("crv", "\"X25519\"")]), kind.clone()),
        ("an unknown kind", ed(&[("kty", "\"AKP\"")]), kind.clone()),
        ("no kind", ed(&[("kty", "")]), kind.clone()),
        ("a secret without alg", oct(SECRET.as_bytes(), r#""use":"sig""#), several),
        ("a short secret", oct(b"short", r#""alg":"HS256""#), Some(KeyError::SecretTooShort(32))),
        ("a secret of RSA", oct(SECRET.as_bytes(), r#""alg":"RS256""#), mismatch(RS256)),
        ("a secret to encrypt", oct(SECRET.as_bytes(), r#""alg":"HS256","use":"enc""#), use_),
        ("a secret of AES", oct(SECRET.as_bytes(), r#""alg":"A256KW""#), unsupported),
        ("a padded secret", r#"{"kty":"oct","alg":"HS256","k":"AAAA="}"#.into(), unreadable.clone()),
        ("a set", format!("{{\"keys\":[{}]}}", rsa(&[])), kind),
        ("a list", format!("[{}]", rsa(&[])), unreadable.clone()),
        ("nothing", String::new(), unreadable.clone()),
        ("a string", "\"key\"".into(), unreadable.clone()),
        ("two", format!("{}{}", ec(&[]), ec(&[])), unreadable.clone()),
    ] {
        assert_eq!(Key::from_jwk(&jwk).err(), error, "{name}: {jwk}");
    }
    for (name, twice) in [
        ("alg", ec(&[]).replacen('{', r#"{"alg":"HS256","#, 1)),
        ("kid", ec(&[("kid", "\"b\"")]).replacen('{', r#"{"kid":"a","#, 1)),
        ("x", ec(&[]).replacen('{', r#"{"x":"AQAB","#, 1)),
        ("use", ec(&[]).replacen('{', r#"{"use":"enc","#, 1)),
        ("kty", ec(&[]).replacen('{', r#"{"kty":"oct","#, 1)),
    ] {
        assert_eq!(Key::from_jwk(&twice).err(), unreadable, "{name} twice: RFC 7517 section 4");
    }
    assert_eq!(Key::from_jwk(&ec(&[("kid", "\"2026\"")])).unwrap().id(), Some("2026"));
}

#[test]
fn a_ring_has_distinct_keys() {
    let hs = || key(HS256);
    let long = "x".repeat(129);
    for (name, keys, error) in [
        ("none", vec![], Some(KeyError::NoKey)),
        ("one", vec![hs()], None),
        ("one with an id", vec![hs().with_id("a")], None),
        ("with and without an id", vec![hs(), hs().with_id("a")], None),
        ("two without an id", vec![hs(), key(ES256)], Some(KeyError::SameId)),
        ("one id twice", vec![hs().with_id("a"), key(ES256).with_id("a")], Some(KeyError::SameId)),
        ("ids in other letters", vec![hs().with_id("a"), key(ES256).with_id("A")], None),
        ("an empty id", vec![hs().with_id("")], Some(KeyError::UnacceptableId)),
        ("128 bytes of id", vec![hs().with_id(&long[1..])], None),
        ("129 bytes of id", vec![hs().with_id(&*long)], Some(KeyError::UnacceptableId)),
        ("public alone", vec![public_key(ES256)], None),
    ] {
        assert_eq!(KeyRing::new(keys).err(), error, "{name}");
    }
    let public = KeyRing::new([public_key(ES256)]).unwrap();
    let refused = Jwt::<Account>::new(public, MemoryStore::new()).unwrap_err();
    assert_eq!(refused, KeyError::NoSigningKey.into());
    // An id is written and read as it is.
    for id in ["a\"b", "a\\b", "Zoë", "a\u{0}b", "\r\n", "../../etc/passwd", "' OR 1=1 --"] {
        let jwt =
            Jwt::new(KeyRing::new([hs().with_id(id), key(ES256)]).unwrap(), MemoryStore::new()).unwrap();
        let jwt = jwt.with_environment(portcullis::Environment::default());
        let token =
            jwt.issue_for(Purpose::ACCESS, &Account::new(1, "john"), crate::forge::seconds(60)).unwrap();
        assert_eq!(verdict(jwt.verifier(), token.expose_secret()), Ok(()), "{id:?}");
        let ring = KeyRing::new([key(ES256), hs().with_id(id)]).unwrap();
        let jwt = Jwt::new(ring, MemoryStore::new()).unwrap();
        let token =
            jwt.issue_for(Purpose::ACCESS, &Account::new(1, "john"), crate::forge::seconds(60)).unwrap();
        assert_eq!(verdict(jwt.verifier(), token.expose_secret()), Ok(()), "{id:?}");
    }
}

#[test]
fn keys_that_cannot_be_replaced_stay() {
    let ring = KeyRing::new([key(HS256)]).unwrap();
    let verifier = portcullis::jwt::JwtVerifier::new(ring.clone(), JwtConfig::default()).unwrap();
    let verifier = verifier
        .with_environment(portcullis::Environment::default().with_clock(Arc::new(FixedClock::default())));
    let good = crate::forge::token("access", &[]);
    for (keys, error) in [
        (vec![], KeyError::NoKey),
        (vec![key(ES256), key(EdDSA)], KeyError::SameId),
        (vec![key(ES256).with_id("")], KeyError::UnacceptableId),
        (vec![public_key(ES256)], KeyError::NoSigningKey),
    ] {
        assert_eq!(ring.replace(keys).unwrap_err(), error);
        assert_eq!(verdict(&verifier, &good), Ok(()), "{error}");
    }
    ring.replace([key(ES256)]).unwrap();
    assert_eq!(verdict(&verifier, &good), Err(JwtError::Invalid), "a key that is gone");
}

/// A token of a key that is in both sets is never refused while the sets are swapped.
#[test]
fn keys_are_swapped_while_eight_threads_verify() {
    let keys = |new: &str| [key(HS256), key(HS384).with_id(new)];
    let ring = KeyRing::new(keys("0")).unwrap();
    let environment = portcullis::Environment::default().with_clock(Arc::new(FixedClock::default()));
    let verifier = portcullis::jwt::JwtVerifier::new(ring.clone(), JwtConfig::default()).unwrap();
    let verifier = verifier.with_environment(environment);
    let (good, done) = (crate::forge::token("access", &[]), AtomicBool::new(false));
    let verified: usize = std::thread::scope(|scope| {
        let verify = || {
            let mut verified = 0;
            while !done.load(Ordering::Relaxed) || verified == 0 {
                assert_eq!(verdict(&verifier, &good), Ok(()));
                verified += 1;
            }
            verified
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(verify)).collect();
        for swap in 0..2_000 {
            ring.replace(keys(&swap.to_string())).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(verified >= 8, "{verified}");
}

#[tokio::test]
async fn a_key_retires_at_its_moment() {
    let clock = FixedClock::default();
    let (retires, store) = (at(NOW + 100, 0), MemoryStore::new());
    let users = Users::new(store.clone());
    let john = users.create_without_password("john").await.unwrap();
    let ring =
        KeyRing::new([key(HS256).with_id("new"), key(ES256).with_id("old").retiring_at(retires)]).unwrap();
    let environment = portcullis::Environment::default().with_clock(Arc::new(clock.clone()));
    let jwt = Jwt::new(ring.clone(), store).unwrap().with_environment(environment);
    let key_of = |token: &str| {
        let header = token.split('.').next().unwrap();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let before = jwt.issue(&john).await.unwrap();
    let before = before.access().expose_secret();
    assert_eq!(key_of(before), "old", "the last one signs");
    for (moment, is_good, signs) in [
        (at(NOW + 99, 999_999), true, "old"),
        (retires, false, "new"),
        (at(NOW + 101, 0), false, "new"),
        (at(NOW, 0), true, "old"),
    ] {
        clock.set(moment);
        assert_eq!(verdict(jwt.verifier(), before).is_ok(), is_good, "{moment:?}");
        assert_eq!(key_of(jwt.issue(&john).await.unwrap().access().expose_secret()), signs, "{moment:?}");
        assert_eq!(ring.jwks(moment).contains("\"old\""), is_good, "{moment:?}");
    }
    // Where all are retired nothing is signed, and that is an outage.
    ring.replace([key(HS256).retiring_at(retires)]).unwrap();
    clock.set(retires);
    assert!(jwt.issue(&john).await.is_err());
    let retired = verifier_at([key(HS256).retiring_at(Timestamp::EPOCH)], JwtConfig::default(), &clock);
    assert_eq!(verdict(&retired, crate::forge::token("access", &[])), Err(JwtError::Invalid));
}

#[test]
fn the_document_of_keys_tells_every_public_one_and_no_secret() {
    for algorithm in ALL {
        let ring = KeyRing::new([key(algorithm).with_id("2026-11")]).unwrap();
        let document = ring.jwks(at(NOW, 0));
        let set: Value = serde_json::from_str(&document).unwrap();
        let keys = set["keys"].as_array().unwrap();
        let Some((private, _)) = pair(algorithm) else {
            assert!(keys.is_empty(), "{algorithm}: {document}");
            continue;
        };
        let members: Vec<&str> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
        let known = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
        assert!(members.iter().all(|member| known.contains(member)), "{algorithm}: {members:?}");
        assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&algorithm.as_str().into(), &"sig".into()));
        let private = der(private);
        // Of an elliptic curve the public point follows the secret number.
        let number = private
            .windows(5)
            .position(|part| part[..4] == [2, 1, 1, 4])
            .map_or(private.len() - 32, |at| at + 5);
        for window in private[number..number + 32].windows(24) {
            assert!(!document.contains(&b64(window)), "{algorithm}");
        }
        // Whoever reads it verifies our tokens, and signs none.
        let read = Key::from_jwk(&keys[0].to_string()).unwrap();
        assert_eq!((read.algorithm(), read.signs(), read.id()), (algorithm, false, Some("2026-11")));
        let head = format!(r#"{{"alg":"{algorithm}","kid":"2026-11","typ":"at+jwt"}}"#);
        let token = forge(head, access(&[]), |m| sign(algorithm, m));
        assert_eq!(verdict(&verifier([read], JwtConfig::default()), token), Ok(()), "{algorithm}");
        assert!(
            Jwt::<Account>::new(
                KeyRing::new([Key::from_jwk(&keys[0].to_string()).unwrap()]).unwrap(),
                MemoryStore::new()
            )
            .is_err()
        );
    }
    for text in [format!("{:?}", key(HS256)), format!("{:?}", KeyRing::new([key(ES256)]).unwrap())] {
        assert!(!text.contains(SECRET) && text.contains("algorithm"), "{text}");
    }
}

/// A document that everybody reads holds no secret: whoever read it could sign.
#[test]
fn a_set_of_keys_gives_no_secret() {
    let (public, secret) =
        (ring_jwk(public_key(ES256)), oct(SECRET.as_bytes(), r#""alg":"HS256","kid":"s""#));
    let set = |keys: &[&str]| KeyRing::from_jwks(&format!("{{\"keys\":[{}]}}", keys.join(",")));
    assert_eq!(set(&[&secret]).err(), Some(KeyError::NoKey));
    assert_eq!(set(&[]).err(), Some(KeyError::NoKey));
    let ring = set(&[&public, &secret, r#"{"kty":"AKP"}"#]).unwrap();
    let verifier = portcullis::jwt::JwtVerifier::new(ring.clone(), JwtConfig::default()).unwrap();
    let verifier = verifier
        .with_environment(portcullis::Environment::default().with_clock(Arc::new(FixedClock::default())));
    let honest = forge(header(ES256, "access"), access(&[]), |m| sign(ES256, m));
    assert_eq!(verdict(&verifier, honest), Ok(()));
    let head = r#"{"alg":"HS256","kid":"s","typ":"at+jwt"}"#;
    let forged = forge(head, access(&[]), |m| sign(HS256, m));
    assert_eq!(verdict(&verifier, forged), Err(JwtError::Invalid), "by a secret that everybody reads");
    assert!(Jwt::<Account>::new(ring, MemoryStore::new()).is_err(), "nothing of it signs");
    for text in [r#"{"keys":[],"keys":[]}"#, "[]", "{}", "", "null", r#"{"keys":{}}"#] {
        assert!(KeyRing::from_jwks(text).is_err(), "{text}");
    }
}

#[test]
fn a_secret_to_verify_with_does_not_sign() {
    for (operations, signs) in
        [(r#"["verify"]"#, false), (r#"["verify","sign"]"#, true), (r#"["sign"]"#, true)]
    {
        let key = Key::from_jwk(&oct(SECRET.as_bytes(), &format!(r#""alg":"HS256","key_ops":{operations}"#)));
        match key {
            Ok(key) => assert_eq!(key.signs(), signs, "{operations}"),
            Err(error) => assert!(!operations.contains("verify"), "{operations}: {error}"),
        }
    }
}

/// RFC 8725 section 3.4: with a point of small order for a key, one signature is good for every message.
#[test]
fn a_key_of_ed25519_that_everybody_can_sign_for_is_refused() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let of = |first: &str, middle: &str, last: &str| hex(&format!("{first}{}{last}", middle.repeat(30)));
    for point in [
        of("00", "00", "00"),
        of("01", "00", "00"),
        of("ec", "ff", "7f"),
        of("ed", "ff", "7f"),
        of("ee", "ff", "7f"),
        hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ] {
        for sign_bit in [0, 0x80] {
            let mut point = point.clone();
            point[31] |= sign_bit;
            let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, b64(&point));
            assert_eq!(Key::from_jwk(&jwk).err(), mismatch(EdDSA), "{jwk}");
            let der_ = [&der(pem!("ed25519-public"))[..12], &point].concat();
            assert_eq!(Key::from_public_der(EdDSA, &der_).err(), mismatch(EdDSA), "{jwk}");
        }
    }
}
