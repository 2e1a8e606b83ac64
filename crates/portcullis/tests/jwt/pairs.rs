//! Pairs: a refresh token is good once, a login ends, and an outage lets nobody in.

use std::collections::HashSet;
use std::sync::Arc;

use portcullis::jwt::{Algorithm, JwtConfig, Purpose};
use portcullis::store::{MemoryStore, RefreshStore};
use portcullis::{Account, Error, EventKind, Jwt, Origin, Users};
use serde_json::{Map, Value, json};

use crate::forge::{ID, NOW, at, forge_hs256, header, payload, seconds};
use crate::world::{JwtWorld, ring};

const REUSED: &str = r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#;

fn rotating() -> JwtConfig {
    JwtConfig::simplejwt().with_rotation()
}

fn access_of(body: &Value) -> String {
    body["access"].as_str().expect("an access token").to_owned()
}

fn refresh_of(body: &Value) -> String {
    body["refresh"].as_str().expect("a refresh token").to_owned()
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
        .unwrap()
}

#[tokio::test]
async fn each_refresh_token_is_good_once_and_a_second_use_ends_the_login() {
    for config in [JwtConfig::default(), rotating()] {
        let world = JwtWorld::with(config).await;
        let other = world.refresh_of("john").await;
        let first = world.refresh_of("john").await;
        let mut chain = vec![first];
        for _ in 0..5 {
            let answer = world.post_refresh(chain.last().unwrap()).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(world.ask(&access_of(&answer.json())).await.0, 200);
            chain.push(refresh_of(&answer.json()));
        }
        assert_eq!(chain.iter().collect::<HashSet<_>>().len(), 6);
        let _ = world.world.events.take();
        for (index, old) in chain[..5].iter().enumerate() {
            let answer = world.post_refresh(old).await;
            assert_eq!((answer.status, &*answer.body), (401, REUSED), "{index}");
        }
        let answer = world.post_refresh(&chain[5]).await;
        assert_eq!((answer.status, &*answer.body), (401, REUSED), "the newest ended with the login");
        let events = &world.world.events;
        assert_eq!(events.count(EventKind::RefreshReused), 1, "{:?}", events.all());
        assert_eq!(events.count(EventKind::Rejected), 6, "{:?}", events.all());
        let reused = events.all().into_iter().find(|event| event.kind == EventKind::RefreshReused).unwrap();
        assert_eq!(reused.user, Some(world.world.id("john").await));
        assert_eq!(world.post_refresh(&other).await.status, 200, "another login lives on");
    }
}

/// RFC 9700 section 4.14: of a hundred uses at once one wins, in a thousand rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_uses_at_once_exactly_one_wins() {
    for config in [JwtConfig::default(), rotating()] {
        let store = MemoryStore::new();
        let john = Users::new(store.clone()).create_without_password("john").await.unwrap();
        let jwt = Jwt::new(ring(), store.clone()).unwrap().with_config(config).unwrap();
        for round in 0..500 {
            let first: Arc<str> =
                jwt.issue(&john).await.unwrap().refresh().unwrap().expose_secret().as_str().into();
            let uses: Vec<_> = (0..100)
                .map(|_| {
                    let (jwt, first) = (jwt.clone(), Arc::clone(&first));
                    tokio::spawn(async move { jwt.refresh(&first, Origin::default()).await })
                })
                .collect();
            let mut winners = 0;
            for used in uses {
                match used.await.unwrap() {
                    Ok(_) => winners += 1,
                    Err(Error::Rejected(refused)) => assert_eq!(refused.to_string(), "Token is blacklisted"),
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
            assert_eq!(winners, 1, "round {round}");
            assert!(jwt.list(&john.id).await.unwrap().is_empty(), "round {round}: the login has ended");
            if round % 100 == 0 {
                let _ = store.purge_refresh(portcullis::Timestamp::MAX, u32::MAX).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn who_lost_the_answer_may_ask_again_for_a_while() {
    let world = JwtWorld::with(JwtConfig::default().with_grace(seconds(10))).await;
    let clock = &world.world.clock;
    let first = world.refresh_of("john").await;
    let lost = world.post_refresh(&first).await.json();
    clock.advance(seconds(10));
    let again = world.post_refresh(&first).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(world.world.events.count(EventKind::RefreshReused), 0);
    // Who was given the answer that seemed lost is the thief, or the owner is: the login ends.
    assert_eq!(world.post_refresh(&refresh_of(&lost)).await.status, 401);
    assert_eq!(world.world.events.count(EventKind::RefreshReused), 1);
    assert_eq!(world.post_refresh(&refresh_of(&again.json())).await.status, 401);

    let first = world.refresh_of("john").await;
    let second = refresh_of(&world.post_refresh(&first).await.json());
    let third = refresh_of(&world.post_refresh(&second).await.json());
    assert_eq!(world.post_refresh(&first).await.status, 401, "its successor was used");
    assert_eq!(world.post_refresh(&third).await.status, 401);

    let first = world.refresh_of("john").await;
    let second = refresh_of(&world.post_refresh(&first).await.json());
    clock.advance(seconds(10) + std::time::Duration::from_micros(1));
    assert_eq!(world.post_refresh(&first).await.status, 401, "too late");
    assert_eq!(world.post_refresh(&second).await.status, 401);

    let first = world.refresh_of("john").await;
    assert_eq!(world.post_refresh(&first).await.status, 200);
    clock.set(at(NOW, 0));
    assert_eq!(world.post_refresh(&first).await.status, 401, "a clock that went back forgives nothing");
}

/// OWASP ASVS 5.0, 10.4.8.
#[tokio::test]
async fn a_login_ends_however_often_it_is_refreshed() {
    let life =
        |config: JwtConfig| config.with_refresh_lifetime(seconds(100)).with_login_lifetime(seconds(250));
    let world = JwtWorld::with(life(JwtConfig::default())).await;
    world.world.clock.set(at(NOW, 750_000));
    let mut token = world.refresh_of("john").await;
    for (passed, ends) in [(90, 190), (180, 250), (240, 250), (249, 250)] {
        world.world.clock.set(at(NOW + passed, 750_000));
        let answer = world.post_refresh(&token).await;
        assert_eq!(answer.status, 200, "{passed}: {}", answer.body);
        token = refresh_of(&answer.json());
        assert_eq!(claims(&token)["exp"], NOW + ends, "{passed}");
    }
    world.world.clock.set(at(NOW + 250, 0));
    let answer = world.post_refresh(&token).await;
    assert_eq!(answer.body, r#"{"detail":"Token is expired","code":"token_not_valid"}"#);
}

/// A token of the old application brings no login's end with it: it counts from its own beginning.
#[tokio::test]
async fn an_adopted_login_ends_as_well() {
    let config = rotating().with_refresh_lifetime(seconds(100)).with_login_lifetime(seconds(250));
    for (iat, first_end, last) in
        [((NOW - 50).to_string(), NOW + 100, NOW + 200), (String::new(), NOW + 100, NOW + 250)]
    {
        let world = JwtWorld::with(config.clone()).await;
        let user = format!("\"{}\"", world.world.id("john").await);
        let exp = (NOW + 500).to_string();
        let edits = [("user_id", &*user), ("auth_epoch", ""), ("iat", &*iat), ("exp", &*exp)];
        let legacy = forge_hs256(header(Algorithm::HS256, "refresh"), payload("refresh", &edits));
        let mut token = refresh_of(&world.post_refresh(&legacy).await.json());
        assert_eq!(claims(&token)["exp"], first_end, "{iat}");
        for now in [NOW + 90, NOW + 180] {
            world.world.clock.set(at(now, 0));
            token = refresh_of(&world.post_refresh(&token).await.json());
        }
        assert_eq!(claims(&token)["exp"], last, "{iat}");
        world.world.clock.set(at(last, 0));
        assert_eq!(world.post_refresh(&token).await.status, 401, "{iat}");
    }
    // One that began too long ago begins no login, and goes on with none where tokens are not rotated.
    let once = JwtConfig::simplejwt().with_refresh_lifetime(seconds(100)).with_login_lifetime(seconds(250));
    for (config, iat, status) in [
        (&config, NOW - 250, 401),
        (&config, NOW - 249, 200),
        (&once, NOW - 250, 401),
        (&once, NOW - 249, 200),
    ] {
        let world = JwtWorld::with(config.clone()).await;
        let user = format!("\"{}\"", world.world.id("john").await);
        let (iat, jti) = (iat.to_string(), format!("\"{iat}\""));
        let edits = [("user_id", &*user), ("iat", &*iat), ("jti", &*jti)];
        let legacy = forge_hs256(header(Algorithm::HS256, "refresh"), payload("refresh", &edits));
        let answer = world.post_refresh(&legacy).await;
        assert_eq!(answer.status, status, "{iat}: {}", answer.body);
    }
}

/// What was ended stays so: adoption, leeway and purges revive nothing.
#[tokio::test]
async fn what_was_revoked_is_never_adopted_again() {
    let world = JwtWorld::with(rotating().with_leeway(seconds(60))).await;
    let user = format!("\"{}\"", world.world.id("john").await);
    let (whole, fraction) = ((NOW + 100).to_string(), format!("{}.9", NOW + 100));
    for (round, exp) in [whole, fraction].iter().enumerate() {
        for path in ["/token/revoke", "/token/refresh"] {
            world.world.clock.set(at(NOW, 0));
            let id = format!("\"{round} {path}\"");
            let edits = [("user_id", &*user), ("exp", exp), ("jti", &*id)];
            let legacy = forge_hs256(header(Algorithm::HS256, "refresh"), payload("refresh", &edits));
            assert_eq!(world.post(path, &json!({ "refresh": legacy })).await.status, 200, "{path}");
            for micros in [0, 100_000_000, 100_900_000, 159_999_999, 160_000_000, 160_899_999, 160_900_000] {
                world.world.clock.set(at(NOW, micros));
                let _ = world.jwt.purge(1_000).await.unwrap();
                // Sweeps of the store itself, too.
                let _ = world.refresh_of("jane").await;
                let answer = world.post_refresh(&legacy).await;
                assert_eq!(answer.status, 401, "{path} {exp} {micros}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_password_change_a_deactivation_and_a_deletion_end_tokens() {
    for what in ["password", "everywhere", "deactivate", "delete"] {
        for (which, config) in [("strict", JwtConfig::default()), ("preset", rotating())] {
            let world = JwtWorld::with(config).await;
            let id = world.world.id("john").await;
            let pair = world.pair("john").await;
            let (access, refresh) = (pair.access().expose_secret(), pair.refresh().unwrap().expose_secret());
            assert_eq!(world.ask(access).await.0, 200);
            let users = &world.world.users;
            match what {
                "password" => users.set_password(&id, "another long password").await.unwrap(),
                "everywhere" => users.log_out_everywhere(&id).await.unwrap(),
                "deactivate" => users.deactivate(&id).await.unwrap(),
                _ => users.delete(&id).await.unwrap(),
            }
            let stays = which == "preset" && matches!(what, "password" | "everywhere");
            let (asked, body) = world.ask(access).await;
            assert_eq!(asked == 200, stays, "{which} {what}: {body}");
            let refreshed = world.post_refresh(refresh).await;
            assert_eq!(refreshed.status == 200, stays, "{which} {what}: {}", refreshed.body);
            let (code, detail) = match what {
                "deactivate" => ("user_inactive", "No active account found for the given token."),
                "delete" => ("user_not_found", "No active account found for the given token."),
                _ => ("password_changed", "The user's password has been changed."),
            };
            if !stays {
                assert_eq!((asked, refreshed.status), (401, 401), "{which} {what}");
                assert!(body.contains(code), "{which} {what}: {body}");
                assert_eq!(refreshed.json()["detail"], detail, "{which} {what}");
            }
            // Nobody needs to live to be logged out.
            let current = if stays { refresh_of(&refreshed.json()) } else { refresh.clone() };
            let revoked = world.post("/token/revoke", &json!({ "refresh": current })).await;
            assert_eq!(revoked.status, 200, "{which} {what}: {}", revoked.body);
            if what == "deactivate" {
                users.activate(&id).await.unwrap();
                assert_eq!(
                    world.post_refresh(&current).await.status,
                    401,
                    "{which}: not after it was revoked"
                );
            }
        }
    }
}

#[tokio::test]
async fn nobody_ends_the_login_of_somebody_else() {
    let world = JwtWorld::strict().await;
    let (john, jane) = (world.world.id("john").await, world.world.id("jane").await);
    let token = world.refresh_of("john").await;
    let family = world.jwt.list(&john).await.unwrap()[0].family;
    assert!(!world.jwt.revoke_family(&jane, &family).await.unwrap());
    assert!(!world.jwt.revoke_family(&format!("0{john}").as_str().into(), &family).await.unwrap());
    assert_eq!(world.jwt.revoke_all(&jane).await.unwrap(), 0);
    assert!(world.jwt.list(&jane).await.unwrap().is_empty());
    let token = refresh_of(&world.post_refresh(&token).await.json());
    assert!(world.jwt.revoke_family(&john, &family).await.unwrap());
    assert!(!world.jwt.revoke_family(&john, &family).await.unwrap(), "twice");
    assert_eq!(world.post_refresh(&token).await.status, 401);
    let _ = (world.refresh_of("john").await, world.refresh_of("john").await);
    assert_eq!(world.jwt.revoke_all(&john).await.unwrap(), 2);
}

/// Threat T11: 503, never a let-in, and never a 401 for a token that is good.
#[tokio::test]
async fn an_outage_is_503_at_every_verb() {
    let whole = [
        ("/token", "refresh", vec!["login", "create_refresh"]),
        ("/token/refresh", "refresh", vec!["user", "rotate_refresh"]),
        ("/token/verify", "token", vec!["refresh"]),
        ("/token/revoke", "refresh", vec!["revoke_refresh"]),
    ];
    for (which, config) in
        [("strict", JwtConfig::default()), ("rotating", rotating()), ("preset", JwtConfig::simplejwt())]
    {
        let world = JwtWorld::with(config).await;
        let store = &world.world.store;
        for (path, field, verbs) in &whole {
            for verb in verbs.iter().chain(&["all"]) {
                let verb = if which == "preset" && *verb == "rotate_refresh" { "refresh" } else { verb };
                let token = world.refresh_of("john").await;
                let mut body = json!({ *field: token });
                if *path == "/token" {
                    body = crate::common::credentials("john", crate::common::PASSWORD);
                }
                store.cut(verb);
                let _ = world.world.events.take();
                let answer = world.post(path, &body).await;
                let events = world.world.events.take();
                store.mend();
                assert_eq!(answer.status, 503, "{which} {path} without {verb}: {}", answer.body);
                assert_eq!(answer.all("retry-after"), ["1"], "{path}");
                assert_eq!(answer.all("www-authenticate"), [""; 0], "{path}");
                assert!(
                    !answer.body.contains("secret") && !answer.body.contains("10.0.0.5"),
                    "{}",
                    answer.body
                );
                assert!(
                    !events.iter().any(|event| event.kind == EventKind::Rejected),
                    "{path} {verb}: {events:?}"
                );
                assert_eq!(world.post(path, &body).await.status, 200, "{which} {path}: after {verb} is back");
            }
        }
        let pair = world.pair("john").await;
        for verb in ["user", "all"] {
            store.cut(verb);
            assert_eq!(world.ask(pair.access().expose_secret()).await.0, 503, "{which} {verb}");
            assert_eq!(world.ask("not.a.token").await.0, 401, "{which}: a forgery needs no store");
            store.mend();
        }
        let john = world.world.id("john").await;
        store.cut("all");
        assert!(world.jwt.list(&john).await.is_err() && world.jwt.revoke_all(&john).await.is_err());
        assert!(world.jwt.revoke_family(&john, &portcullis::Digest::of("x")).await.is_err());
        assert!(world.jwt.purge(1).await.is_err());
        let _ = world.world.events.take();
        let _ = world.jwt.revoke_all(&john).await;
        assert_eq!(world.world.events.kinds(), [], "{which}: nothing was revoked, and nobody says so");
        store.mend();
        assert_eq!(world.ask(pair.access().expose_secret()).await.0, 200, "{which}");
    }
}

fn reserved() -> Map<String, Value> {
    let claims = json!({
        "user_id": "666", "exp": 9_999_999_999_i64, "iat": 1, "nbf": 9_999_999_999_i64, "jti": "mine",
        "token_type": "access", "auth_epoch": 7, "iss": "evil", "aud": "evil",
        "tenant": "north", "quote\"d": "\"},{\"user_id\":\"666\"", "": [1, { "exp": 1 }], "scope": "books:read",
        "user_id\u{0}": 1, "User_id": 2,
    });
    claims.as_object().unwrap().clone()
}

const RESERVED: [&str; 9] = ["user_id", "exp", "iat", "nbf", "jti", "token_type", "auth_epoch", "iss", "aud"];

#[tokio::test]
async fn a_hook_and_a_copy_set_no_reserved_claim() {
    for (which, config) in
        [("strict", JwtConfig::default()), ("preset", rotating()), ("fresh", rotating().with_fresh_claims())]
    {
        let world = JwtWorld::with_jwt(config, |jwt| jwt.with_claims(|_: &Account| reserved())).await;
        let john = world.user("john").await;
        let pair = world.pair("john").await;
        let refreshed = world.post_refresh(pair.refresh().unwrap().expose_secret()).await.json();
        for (name, token) in [
            ("access", pair.access().expose_secret().clone()),
            ("refresh", pair.refresh().unwrap().expose_secret().clone()),
            ("a new access", access_of(&refreshed)),
            ("a new refresh", refresh_of(&refreshed)),
        ] {
            let claims = claims(&token);
            assert_eq!(claims["user_id"], john.id.to_string(), "{which} {name}");
            assert_eq!(claims["iat"], NOW, "{which} {name}");
            assert!(claims["exp"].as_i64().unwrap() <= NOW + 86_400, "{which} {name}");
            assert_eq!(claims["token_type"], name.rsplit(' ').next().unwrap(), "{which} {name}");
            assert_ne!(claims["jti"], "mine", "{which} {name}");
            assert!(["iss", "aud", "nbf"].iter().all(|name| claims.get(name).is_none()), "{which} {name}");
            assert_ne!(claims["auth_epoch"], 7, "{which} {name}");
            for (own, value) in reserved().iter().filter(|(own, _)| !RESERVED.contains(&own.as_str())) {
                assert_eq!(claims.get(own), Some(value), "{which} {name} {own}");
            }
            let purpose = if name.ends_with("access") { Purpose::ACCESS } else { Purpose::REFRESH };
            assert!(world.jwt.verifier().verify(&token, purpose, |_| ()).is_ok(), "{which} {name}");
        }
    }
}

#[tokio::test]
async fn a_copy_smuggles_nothing_in() {
    let world = JwtWorld::with(rotating().with_issuer("us")).await;
    let user = world.world.id("john").await.to_string();
    let quoted = format!("\"{user}\"");
    for (members, name) in [
        (r#""auth_epoch":7"#, "an epoch where none is checked"),
        (r#""aud":"evil""#, "an audience that nobody asks for"),
        (r#""user_id ":"666","user_id\u200b":"666","USER_ID":"666""#, "twins"),
        (r#""x":{"user_id":"666","exp":9999999999}"#, "within an object"),
        (r#""\u0078\"":1,"\\u0065xp":9999999999"#, "escapes within a name"),
        (r#""x":"\",\"user_id\":\"666""#, "a text that would close itself"),
        ("\"x\" \t: \r\n [ 1 , 2 ] ", "white space"),
        (r#""x":"\ud800""#, "half a pair"),
        (r#""\ud83d\ude00":"a","x":1e999,"y":-0,"z":123456789012345678901234567890"#, "numbers"),
    ] {
        let id = format!("\"{name}\"");
        let claims_ =
            payload("refresh", &[("user_id", &quoted), ("auth_epoch", ""), ("iss", "\"us\""), ("jti", &id)]);
        let forged = format!("{},{members}}}", claims_.strip_suffix('}').unwrap());
        let forged = forge_hs256(header(Algorithm::HS256, "refresh"), forged);
        let answer = world.post_refresh(&forged).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let (access, refresh) = (access_of(&answer.json()), refresh_of(&answer.json()));
        for (token, purpose, lifetime) in
            [(&access, Purpose::ACCESS, 300), (&refresh, Purpose::REFRESH, 86_400)]
        {
            let read = world.jwt.verifier().verify(token, purpose, |claims| {
                assert_eq!(claims.issuer(), Some("us"), "{name}");
                (claims.user_id().unwrap().to_string(), claims.expires_at().as_seconds())
            });
            assert_eq!(read.unwrap(), (user.clone(), NOW + lifetime), "{name}");
        }
        assert_eq!(world.ask(&access).await.0, 200, "{name}");
        if !members.contains("ud800") && !members.contains("1e999") {
            let kept = claims(&refresh);
            assert!(kept.get("auth_epoch").is_none() && kept.get("aud").is_none(), "{name}: {kept}");
        }
        assert_eq!(world.post_refresh(&refresh).await.status, 200, "{name}");
    }
}

/// CVE-class "scope upgrade at refresh" (RFC 6749 section 6): the limit of a login is not lost.
#[tokio::test]
async fn claims_are_copied_in_the_preset_and_made_anew_otherwise() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    for (which, config) in
        [("strict", JwtConfig::default()), ("preset", rotating()), ("once", JwtConfig::simplejwt())]
    {
        let count = Arc::new(AtomicUsize::new(0));
        let calls = Arc::clone(&count);
        let hook = move |_: &Account| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            Map::from_iter([("call".to_owned(), call.into()), ("scope".to_owned(), "books:read".into())])
        };
        let world = JwtWorld::with_jwt(config, |jwt| jwt.with_claims(hook)).await;
        let token = world.refresh_of("john").await;
        let refreshed = world.post_refresh(&token).await.json();
        let expected = if which == "strict" { 1 } else { 0 };
        assert_eq!(claims(&access_of(&refreshed))["call"], expected, "{which}");
        let scopes =
            world.jwt.verifier().verify(access_of(&refreshed), Purpose::ACCESS, |claims| claims.scopes());
        assert_eq!(scopes.unwrap().unwrap().to_string(), "books:read", "{which}");
        if which != "once" {
            assert_eq!(claims(&refresh_of(&refreshed))["call"], expected, "{which}");
            let second = world.post_refresh(&refresh_of(&refreshed)).await.json();
            assert_eq!(claims(&access_of(&second))["scope"], "books:read", "{which}");
        }
    }
}

#[tokio::test]
async fn events_tell_what_happened_and_no_secret() {
    use EventKind::{
        LoginFailed, LoginSucceeded, PairIssued, PairRotated, RefreshReused, RefreshRevoked, Rejected,
    };
    for config in [JwtConfig::default(), rotating()] {
        let world = JwtWorld::with(config).await;
        let events = &world.world.events;
        let mut secrets = Vec::new();
        let expect = |kinds: &[EventKind], name: &str| {
            assert_eq!(events.kinds(), kinds, "{name}: {:#?}", events.all());
            events.take()
        };
        let login = world.log_in("john").await.json();
        let recorded = expect(&[LoginSucceeded, PairIssued], "a login");
        assert!(recorded.iter().all(|event| event.user.is_some()));
        secrets.extend([access_of(&login), refresh_of(&login)]);
        assert_eq!(world.post("/token", &crate::common::credentials("john", "bad")).await.status, 401);
        expect(&[LoginFailed], "a wrong password");
        let second = world.post_refresh(&secrets[1]).await.json();
        let recorded = expect(&[PairRotated], "a rotation");
        assert!(recorded[0].text.contains("client=203.0.113.7"), "{}", recorded[0].text);
        secrets.extend([access_of(&second), refresh_of(&second)]);
        assert_eq!(world.post_refresh("not.a.token").await.status, 401);
        expect(&[Rejected], "a forgery");
        assert_eq!(world.post("/token/revoke", &json!({ "refresh": secrets[3] })).await.status, 200);
        expect(&[RefreshRevoked], "a logout");
        assert_eq!(world.post("/token/revoke", &json!({ "refresh": secrets[3] })).await.status, 401);
        expect(&[Rejected], "a second logout");
        assert_eq!(world.post("/token/revoke", &json!({ "refresh": "not.a.token" })).await.status, 401);
        expect(&[Rejected], "a logout by a forgery");
        assert_eq!(world.post_refresh(&secrets[3]).await.status, 401);
        expect(&[Rejected], "the use of a token after the logout");
        let login = world.log_in("john").await.json();
        let old = refresh_of(&login);
        secrets.extend([access_of(&login), old.clone(), refresh_of(&world.post_refresh(&old).await.json())]);
        let _ = events.take();
        assert_eq!(world.post_refresh(&old).await.status, 401);
        expect(&[RefreshReused, Rejected], "a replay");
        assert_eq!(world.post("/token/verify", &json!({ "token": old })).await.status, 400);
        let error = world.jwt.refresh(&old, Origin::default()).await.unwrap_err();
        let shown = format!("{error:?} {error} {:?} {:?}", world.jwt, world.pair("john").await);
        for secret in secrets.iter().flat_map(|token| token.split('.')).chain([crate::forge::SECRET]) {
            assert!(secret.len() < 40 || !shown.contains(secret), "{shown}");
            events.assert_never_contains(secret);
        }
        assert!(!shown.contains(ID));
    }
}
