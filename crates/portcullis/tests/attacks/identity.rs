//! Who is believed (threats T1, T2, T9, T23, and inactive or deleted users through every scheme).

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::{HeaderName, Response};
use portcullis::authentication::Authenticator;
use portcullis::store::{UserChange, UserStore};
use portcullis::{
    Access, Account, Error, Identity, Misconfigured, Policy, Rejected, RequestHead, Scheme, SessionConfig,
    UserId,
};
use portcullis_testing::request;

use crate::common::{HARDENED, PASSWORD, World, who};

#[tokio::test]
async fn t1_an_identity_that_other_code_inserts_is_not_believed() {
    let world = World::new().await;
    let root = || Identity::new(Arc::new(portcullis_testing::superuser(1, "root")), Scheme::TOKEN);
    let forged = || {
        let mut request = request("GET", "/").build();
        request.extensions_mut().insert(root());
        request.extensions_mut().insert(Arc::new(root()));
        request.extensions_mut().insert(Some(root()));
        request.extensions_mut().insert(Arc::new(root()) as Arc<dyn Any + Send + Sync>);
        request.extensions_mut().insert(portcullis_testing::superuser(1, "root"));
        request
    };
    let answer = world.send(&Policy::default(), forged(), async |access, _| who(&access)).await;
    assert_eq!(answer.status, 401);
    let answer = world.send(&Policy::default().public(), forged(), async |access, _| who(&access)).await;
    assert_eq!(answer.body, "nobody");
    assert_eq!(Access::<Account>::of(forged().extensions()).err(), Some(Misconfigured::NoGuard));
}

/// The slot of one request, carried over to another: a guard writes its own over it.
#[tokio::test]
async fn t1_the_slot_of_another_request_does_not_count_behind_a_guard() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    let (mut parts, ()) = request("GET", "/").token(&token).build().map(|_| ()).into_parts();
    let route = world.guard.route(&Policy::default()).unwrap();
    let _ = route.admit(&mut parts, None).await.unwrap();
    let mut second = request("GET", "/").build();
    *second.extensions_mut() = parts.extensions;
    let answer = world.send(&Policy::default().public(), second, async |access, _| who(&access)).await;
    assert_eq!(answer.body, "nobody");
}

#[tokio::test]
async fn t2_a_handler_without_a_guard_or_with_another_user_type_is_a_500() {
    struct Other;
    impl portcullis::User for Other {
        fn id(&self) -> UserId {
            1.into()
        }
        fn username(&self) -> &str {
            "root"
        }
        fn is_active(&self) -> bool {
            true
        }
        fn auth_epoch(&self) -> i64 {
            0
        }
    }
    let world = World::new().await;
    let answer = world.endpoint("GET", "/tokens").call(request("GET", "/tokens").build()).await;
    assert_eq!(answer.status(), 500, "an endpoint that was mounted without its guard");
    let token = world.token_of("john").await;
    let (mut parts, ()) = request("GET", "/").token(&token).build().map(|_| ()).into_parts();
    let _ = world.guard.route(&Policy::default()).unwrap().admit(&mut parts, None).await.unwrap();
    let error = Access::<Other>::of(&parts.extensions).err().unwrap();
    assert!(matches!(error, Misconfigured::OtherUser(_)));
    assert_eq!(error.into_response().status(), 500);
}

/// Returns whoever the header names, also the inactive: a careless authenticator.
struct Careless(portcullis::Users);

#[async_trait]
impl Authenticator for Careless {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        let Some(name) = head.headers.get("x-device") else { return Ok(None) };
        match name.to_str().unwrap() {
            "panics" => panic!("secret-of-the-authenticator"),
            "refuses" => Err(Rejected::new("No such device.").into()),
            "fails" => Err(portcullis::Unavailable::new("no wire").into()),
            name => Ok(self.0.find_by_name(name).await?.map(|user| Identity::new(user, self.scheme()))),
        }
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("device")
    }
}

async fn with_everything() -> World {
    let mut world = World::with(SessionConfig::default(), |mechanisms| {
        let header = HeaderName::from_static("x-remote-user");
        let remote = mechanisms.users.remote_user(header, ["10.0.0.0/8"]).unwrap();
        mechanisms.all().authenticate(remote).authenticate(Careless(mechanisms.users.clone()))
    })
    .await;
    world.peer = Some([10, 0, 0, 1].into());
    world
}

#[tokio::test]
async fn inactive_and_deleted_users_pass_by_no_scheme() {
    for end in ["inactive", "inactive, the epoch as it was", "deleted"] {
        let world = with_everything().await;
        let (token, cookie, id) =
            (world.token_of("john").await, world.session_of("john").await, world.id("john").await);
        let rows = || {
            [
                ("token", request("GET", "/").token(&token)),
                ("session", request("GET", "/").cookie(HARDENED, &cookie)),
                ("basic", request("GET", "/").basic("john", PASSWORD)),
                ("remote", request("GET", "/").header("x-remote-user", "john")),
                ("device", request("GET", "/").header("x-device", "john")),
            ]
        };
        for (scheme, request) in rows() {
            assert_eq!(world.private(request).await.body, format!("john by {scheme}"));
        }
        match end {
            "inactive" => world.users.deactivate(&id).await.unwrap(),
            "deleted" => world.users.delete(&id).await.unwrap(),
            _ => {
                let mut change = UserChange::default();
                change.is_active = Some(false);
                assert!(world.store.update_user(&id, change).await.unwrap());
            }
        }
        for (scheme, request) in rows() {
            assert_eq!(world.private(request).await.status, 401, "{end}: {scheme}");
        }
        for (scheme, request) in rows() {
            let answer = world.public(request).await;
            assert!(!answer.body.contains("john"), "{end}: {scheme} on an open route");
        }
    }
}

#[tokio::test]
async fn t23_a_bad_credential_is_refused_on_open_routes_too() {
    let world = with_everything().await;
    for (name, request, status) in [
        ("a token", request("GET", "/").token("wrong"), 401),
        ("a token of our form", request("GET", "/").token(&"0".repeat(40)), 401),
        ("Basic", request("GET", "/").basic("john", "wrong"), 401),
        ("Basic without base64", request("GET", "/").header("authorization", "Basic ***"), 401),
        ("a device", request("GET", "/").header("x-device", "refuses"), 401),
        (
            "two remote users",
            request("GET", "/").header("x-remote-user", "a").header("x-remote-user", "b"),
            401,
        ),
        ("a device that cannot tell", request("GET", "/").header("x-device", "fails"), 503),
    ] {
        assert_eq!(world.public(request).await.status, status, "{name}");
    }
    let rescued = request("GET", "/").token("wrong").cookie(HARDENED, &world.session_of("john").await);
    assert_eq!(world.public(rescued).await.status, 401, "a good cookie does not rescue a bad token");
}

#[tokio::test]
async fn t9_a_panic_in_an_authenticator_or_a_handler_lets_nobody_in_and_breaks_nothing() {
    let world = with_everything().await;
    let cookie = world.session_of("john").await;
    let route = world.guard.route(&Policy::default().public()).unwrap();
    let (mut parts, _) = request("GET", "/").header("x-device", "panics").build().into_parts();
    let admitted = std::panic::AssertUnwindSafe(route.admit(&mut parts, None)).catch_unwind().await;
    assert!(admitted.is_err());
    assert_eq!(Access::<Account>::of(&parts.extensions).err(), Some(Misconfigured::NoGuard));
    let handler = world.with_session(
        request("GET", "/").cookie(HARDENED, &cookie),
        async |session: portcullis::Session| {
            session.insert("note", &"x").await.unwrap();
            panic!("a handler");
        },
    );
    assert!(std::panic::AssertUnwindSafe(handler).catch_unwind().await.is_err());
    let after = world.with_session(
        request("GET", "/").cookie(HARDENED, &cookie),
        async |session: portcullis::Session| {
            assert_eq!(session.get::<String>("note").await.unwrap(), None, "nothing was saved");
            Response::default()
        },
    );
    assert_eq!(after.await.status, 200);
}
