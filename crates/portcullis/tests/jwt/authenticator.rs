//! What stands in the `Authorization` header, and who comes out.

use portcullis::authentication::StatelessJwtAuthenticator;
use portcullis::jwt::{Algorithm, JwtConfig, JwtVerifier};
use portcullis::permission::{IsAdminUser, IsSuperuser, ModelPermissions};
use portcullis::store::NoUsers;
use portcullis::{Access, Account, Admission, Guard, Policy, Scheme, Users};
use portcullis_testing::request;

use crate::forge::{NOW, forge_hs256, header, token};
use crate::world::{JwtWorld, environment, ring};

const ABSENT: &str = r#"{"detail":"Authentication credentials were not provided."}"#;
const MALFORMED: &str = r#"{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}"#;

fn invalid(message: &str) -> String {
    format!(
        r#"{{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{{"token_class":"AccessToken","token_type":"access","message":"{message}"}}]}}"#
    )
}

/// Asks a closed route with these header lines.
async fn ask(world: &JwtWorld, lines: &[&[u8]]) -> (u16, String, Option<String>) {
    let request =
        lines.iter().fold(request("GET", "/"), |request, line| request.header("authorization", line));
    let answer = world.world.private(request).await;
    let challenge = answer.headers.get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (answer.status, answer.body, challenge)
}

#[tokio::test]
async fn the_header_is_read_as_simplejwt_reads_it() {
    for preset in [false, true] {
        let config = if preset { JwtConfig::simplejwt() } else { JwtConfig::default() };
        let world = JwtWorld::with(config.with_schemes(["Bearer", "JWT"])).await;
        let pair = world.pair("john").await;
        let access = pair.access().expose_secret().as_bytes();
        let with = |scheme: &[u8]| [scheme, access].concat();
        let other_case = if preset { Err(ABSENT.to_owned()) } else { Ok(()) };
        for (name, lines, verdict) in [
            ("Bearer", vec![with(b"Bearer ")], Ok(())),
            ("the second scheme", vec![with(b"JWT ")], Ok(())),
            ("two spaces", vec![with(b"Bearer  ")], Ok(())),
            ("a tab", vec![with(b"Bearer\t")], Ok(())),
            ("spaces around", vec![[b"  ", with(b"Bearer ").as_slice(), b"  "].concat()], Ok(())),
            ("lower case", vec![with(b"bearer ")], other_case.clone()),
            ("upper case", vec![with(b"BEARER ")], other_case.clone()),
            ("the second scheme in lower case", vec![with(b"jwt ")], other_case),
            ("another scheme", vec![with(b"Token ")], Err(ABSENT.to_owned())),
            ("a longer scheme", vec![with(b"Bearers ")], Err(ABSENT.to_owned())),
            ("no scheme", vec![access.to_vec()], Err(ABSENT.to_owned())),
            ("nothing", vec![], Err(ABSENT.to_owned())),
            ("an empty line", vec![b"".to_vec()], Err(ABSENT.to_owned())),
            ("the scheme alone", vec![b"Bearer".to_vec()], Err(MALFORMED.to_owned())),
            ("the scheme and a space", vec![b"JWT ".to_vec()], Err(MALFORMED.to_owned())),
            ("three words", vec![[with(b"Bearer ").as_slice(), b" x"].concat()], Err(MALFORMED.to_owned())),
            ("two lines", vec![with(b"Bearer "), with(b"Bearer ")], Err(MALFORMED.to_owned())),
            ("two schemes", vec![with(b"Bearer "), b"Basic am9objpz".to_vec()], Err(MALFORMED.to_owned())),
            (
                "a word on the next line",
                vec![with(b"Bearer "), b"x".to_vec()],
                Err(invalid("Token is invalid")),
            ),
            (
                "a comma behind",
                vec![[with(b"Bearer ").as_slice(), b","].concat()],
                Err(invalid("Token is invalid")),
            ),
            ("no UTF-8", vec![b"Bearer \xff\xfe\xfd".to_vec()], Err(invalid("Token is invalid"))),
            ("in quotes", vec![[b"Bearer \"", access, b"\""].concat()], Err(invalid("Token is invalid"))),
            (
                "40 KiB",
                vec![[b"Bearer ", vec![b'a'; 40 * 1024].as_slice()].concat()],
                Err(invalid("Token is invalid")),
            ),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            let (status, body, challenge) = ask(&world, &lines).await;
            match verdict {
                Ok(()) => assert_eq!((status, &*body), (200, "john by jwt"), "{name}"),
                Err(refusal) => {
                    assert_eq!((status, body), (401, refusal), "{name}");
                    assert_eq!(challenge.as_deref(), Some("Bearer realm=\"api\""), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_has_the_body_of_simplejwt() {
    let world = JwtWorld::preset().await;
    let john = format!("\"{}\"", world.world.id("john").await);
    let gone = format!("\"{}\"", world.world.id("gone").await);
    let (soon, late) = ((NOW + 600).to_string(), (NOW - 1).to_string());
    let plain = |detail: &str, code: &str| format!(r#"{{"detail":"{detail}","code":"{code}"}}"#);
    for (name, edits, body) in [
        ("expired", vec![("exp", &*late)], invalid("Token is expired")),
        ("not yet", vec![("nbf", &soon)], invalid("Token is invalid")),
        ("no end", vec![("exp", "")], invalid("Token has no 'exp' claim")),
        ("no id", vec![("jti", "")], invalid("Token has no id")),
        ("no type", vec![("token_type", "")], invalid("Token has no type")),
        ("another type", vec![("token_type", "\"refresh\"")], invalid("Token has wrong type")),
        ("no end and no id", vec![("exp", ""), ("jti", "")], invalid("Token has no 'exp' claim")),
        ("no id and no type", vec![("jti", ""), ("token_type", "")], invalid("Token has no id")),
        (
            "no user",
            vec![("user_id", "")],
            plain("Token contained no recognizable user identification", "token_not_valid"),
        ),
        ("nobody", vec![("user_id", "\"987654\"")], plain("User not found", "user_not_found")),
        ("a list for a user", vec![("user_id", "[1]")], plain("User not found", "user_not_found")),
        ("an inactive user", vec![("user_id", &gone)], plain("User is inactive", "user_inactive")),
    ] {
        let edits: Vec<_> = [("user_id", &*john)].into_iter().chain(edits).collect();
        let answer = world.ask(&token("access", &edits)).await;
        assert_eq!(answer, (401, body), "{name}");
    }
    let strict = JwtWorld::strict().await;
    let john = format!("\"{}\"", strict.world.id("john").await);
    let answer = strict.ask(&token("access", &[("user_id", &john), ("auth_epoch", "7")])).await;
    assert_eq!(answer, (401, plain("The user's password has been changed.", "password_changed")));
    let answer = strict.ask(&token("access", &[("user_id", &john), ("auth_epoch", "")])).await;
    assert_eq!(answer.0, 401, "a token without an epoch");
}

/// Values that a claim may have and should not.
const ODD: [&str; 20] = [
    "null",
    "true",
    "false",
    "-1",
    "0",
    "1.5",
    "1e300",
    "-1e300",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999999",
    "\"\"",
    "\"1\"",
    "\"abc\"",
    "\"\\u0000\"",
    "[]",
    "[1]",
    "{}",
    "{\"a\":{\"b\":[null]}}",
];

#[tokio::test]
async fn what_is_signed_but_odd_is_never_a_server_error() {
    let names =
        ["exp", "iat", "nbf", "jti", "user_id", "token_type", "sub", "aud", "iss", "auth_epoch", "scope"];
    for world in [JwtWorld::strict().await, JwtWorld::preset().await] {
        let stateless = world.stateless().await;
        for name in names {
            for value in ODD {
                let odd = token("access", &[(name, value)]);
                let loaded = world.ask(&odd).await;
                let answer = stateless.private(request("GET", "/").bearer(&odd)).await;
                assert!(matches!(loaded.0, 200 | 401), "{name} {value}: {loaded:?}");
                assert!(matches!(answer.status, 200 | 401), "{name} {value}: {}", answer.body);
            }
        }
        for odd in [
            "",
            "{",
            "[]",
            "null",
            "1",
            "\"a\"",
            "{}",
            "{\"exp\":}",
            "{} {}",
            "\u{feff}{}",
            "{\"a\":1,\"a\":1}",
        ] {
            let odd = forge_hs256(header(Algorithm::HS256, "access"), odd);
            assert_eq!(world.ask(&odd).await.0, 401, "{odd}");
        }
    }
}

/// Nothing but an exact integer or its exact spelling is a user's id.
#[tokio::test]
async fn nothing_that_merely_converts_names_a_user() {
    for world in [JwtWorld::strict().await, JwtWorld::preset().await] {
        let id = world.world.id("john").await.to_string();
        for (value, status) in [
            (id.clone(), 200),
            (format!("\"{id}\""), 200),
            (format!("{id}.0"), 401),
            (format!("\"{id}.0\""), 401),
            (format!("\"+{id}\""), 401),
            (format!("\" {id}\""), 401),
            (format!("\"0{id}\""), 401),
            (format!("\"0_{id}\""), 401),
            ("true".to_owned(), 401),
            ("\"١\"".to_owned(), 401),
            (format!("[{id}]"), 401),
            (format!("{{\"id\":{id}}}"), 401),
            ("null".to_owned(), 401),
        ] {
            assert_eq!(world.ask(&token("access", &[("user_id", &value)])).await.0, status, "{value}");
        }
    }
}

#[tokio::test]
async fn a_user_made_of_claims_has_no_rights_that_were_not_given() {
    let verifier = JwtVerifier::new(ring(), JwtConfig::default()).unwrap();
    let world = JwtWorld::strict().await;
    let verifier = verifier.with_environment(environment(&world.world));
    let guard = Guard::<Account>::builder(Users::new(NoUsers))
        .authenticate(StatelessJwtAuthenticator::new(verifier))
        .build()
        .unwrap();
    let claims = [("is_superuser", "true"), ("is_active", "false"), ("codenames", "[\"books.add_book\"]")];
    let plain = token("access", &claims);
    let staff = token("access", &[("is_staff", "true"), ("username", "\"ada\"")]);
    let odd = token("access", &[("is_staff", "1"), ("username", "7")]);
    let policies = [
        ("somebody", Policy::default(), [true, true, true]),
        ("staff", Policy::default().require(IsAdminUser), [false, true, false]),
        ("a superuser", Policy::default().require(IsSuperuser), [false, false, false]),
        (
            "a codename",
            Policy::default().require(ModelPermissions::new("books", "book")),
            [false, false, false],
        ),
    ];
    for (name, policy, may) in policies {
        let route = guard.route(&policy).unwrap();
        for (token, may) in [&plain, &staff, &odd].into_iter().zip(may) {
            let (mut parts, _) = request("POST", "/").bearer(token).build().into_parts();
            let admission = route.admit(&mut parts, None).await;
            assert_eq!(matches!(admission, Ok(Admission::Ready(_))), may, "{name}: {token}");
        }
    }
    let (mut parts, _) = request("GET", "/").bearer(&staff).build().into_parts();
    let route = guard.route(&Policy::default()).unwrap();
    assert!(route.admit(&mut parts, None).await.is_ok());
    let access: Access = Access::of(&parts.extensions).unwrap();
    let identity = access.identity().unwrap();
    assert_eq!((identity.scheme(), &*identity.user().username), (Scheme::JWT_STATELESS, "ada"));
    assert_eq!(identity.grant().claim::<bool>("is_staff"), Some(true));
    assert_eq!(identity.grant().claim::<String>("is_staff"), None);
    assert_eq!(identity.grant().expires_at().map(|end| end.as_seconds()), Some(NOW + 300));
    assert_eq!(identity.since(), None, "an access token is as old as the last refresh, not as the login");
    assert!(!format!("{identity:?}").contains("ada"), "claims are not printed");
}

#[tokio::test]
async fn a_token_elsewhere_than_in_the_header_is_nothing() {
    let world = JwtWorld::strict().await;
    let access = world.pair("john").await.access().expose_secret().clone();
    for (name, request) in [
        ("in the query", request("GET", &format!("/?access_token={access}&token={access}"))),
        ("in another header", request("GET", "/").header("x-authorization", format!("Bearer {access}"))),
        ("for a proxy", request("GET", "/").header("proxy-authorization", format!("Bearer {access}"))),
        ("in a cookie", request("GET", "/").cookie("access", &access).cookie("Authorization", &access)),
        ("in a form", request("POST", "/").form(&[("access_token", &*access)])),
    ] {
        let answer = world.world.private(request).await;
        assert_eq!((answer.status, &*answer.body), (401, ABSENT), "{name}");
    }
}

#[tokio::test]
async fn a_token_proves_the_origin_of_an_unsafe_request_by_itself() {
    let world = JwtWorld::strict().await;
    let access = world.pair("john").await.access().expose_secret().clone();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = request(method, "/").bearer(&access).header("origin", "https://evil.example");
        assert_eq!(world.world.private(request).await.status, 200, "{method}");
    }
    // On an open route a bad token is refused all the same.
    let bad = request("GET", "/").bearer(&format!("{access}x"));
    assert_eq!(world.world.public(bad).await.status, 401);
}
