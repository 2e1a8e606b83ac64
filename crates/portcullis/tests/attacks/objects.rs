//! The debt of an object check, and compositions of permissions.

use http::Response;
use portcullis::{
    AuthRequest, Decision, EventKind, HasScope, IsAuthenticated, NewToken, ObjectPermission, Permissions,
    Policy, Scopes, SessionConfig, UserId, Verdict, permit,
};
use portcullis_testing::request;

use crate::common::{World, status};

struct Book(UserId);

struct IsOwner;

impl ObjectPermission for IsOwner {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.id == book.0)).into()
    }
}

#[tokio::test]
async fn an_answer_without_the_check_it_owes_gives_nothing_away() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    let policy = Policy::default().require(IsAuthenticated & permit(IsOwner));
    for code in 100..=999 {
        let answer =
            world.send(&policy, request("GET", "/").token(&token).build(), async |_, _| status(code)).await;
        let may_leave = code == 304 || (400..=599).contains(&code);
        assert_eq!(answer.status, if may_leave { code } else { 403 }, "{code}");
    }
    let leaks = 900 - 200 - 1;
    assert_eq!(world.events.count(EventKind::ObjectCheckMissing), leaks);
}

#[tokio::test]
async fn only_an_allow_of_the_right_object_pays() {
    let world = World::new().await;
    let (token, john, jane) = (world.token_of("john").await, world.id("john").await, world.id("jane").await);
    let policy = Policy::default().require(IsOwner);
    for (name, shows, verdict) in [
        ("his own", 0, 200),
        ("hers", 1, 403),
        ("nothing", 2, 403),
        ("an object of another type", 3, 403),
        ("an Arc of his own", 4, 403),
        ("only asked", 5, 403),
    ] {
        let answer = world.send(&policy, request("GET", "/").token(&token).build(), async |access, _| {
            let (own, other) = (Book(john.clone()), Book(jane.clone()));
            let found = match shows {
                0 => access.check_object(&own).await.is_ok(),
                1 => access.check_object(&other).await.is_ok(),
                2 => false,
                3 => access.check_object(&"his own").await.is_ok(),
                4 => access.check_object(&std::sync::Arc::new(own)).await.is_ok(),
                _ => access.allows(&own).await.unwrap(),
            };
            assert_eq!(found, matches!(shows, 0 | 5), "{name}");
            Response::default()
        });
        assert_eq!(answer.await.status, verdict, "{name}");
    }
}

#[tokio::test]
async fn the_preset_owes_nothing_on_post_and_everything_else_elsewhere() {
    let world = World::with(SessionConfig::django(), |mechanisms| mechanisms.all().drf()).await;
    let token = world.token_of("john").await;
    let policy = Policy::default().require(IsOwner);
    for (method, verdict) in
        [("POST", 200), ("GET", 403), ("PUT", 403), ("DELETE", 403), ("post", 403), ("QUERY", 403)]
    {
        let request = request(method, "/").token(&token).build();
        let answer = world.send(&policy, request, async |_, _| Response::default()).await;
        assert_eq!(answer.status, verdict, "{method}");
    }
}

#[tokio::test]
async fn a_limited_token_does_no_more_than_its_scopes() {
    let world = World::new().await;
    let id = world.id("john").await;
    let issue = async |token: NewToken| world.tokens.issue(&id, token).await.unwrap().expose_secret().clone();
    let limited = issue(NewToken::default().with_scopes(Scopes::parse("books:read"))).await;
    let none = issue(NewToken::default().with_scopes(Scopes::default())).await;
    let full = issue(NewToken::default()).await;
    for (name, permission, token, verdict) in [
        ("the scope", HasScope::new("books:read"), &limited, 200),
        ("another", HasScope::new("books:write"), &limited, 403),
        ("both", HasScope::new("books:read books:write"), &limited, 403),
        ("a longer one", HasScope::new("books:reader"), &limited, 403),
        ("no scope at all is asked", HasScope::new(""), &limited, 403),
        ("no scope at all is held", HasScope::new("books:read").or_unlimited(), &none, 403),
        ("limited is not unlimited", HasScope::new("books:write").or_unlimited(), &limited, 403),
        ("an unlimited one", HasScope::new("books:read"), &full, 403),
        ("an unlimited one, where that counts", HasScope::new("books:read").or_unlimited(), &full, 200),
    ] {
        let answer =
            world.ask(&Policy::default().require(permission), request("GET", "/").token(token)).await;
        assert_eq!(answer.status, verdict, "{name}");
    }
    for endpoint in world.endpoints() {
        let (method, path) = (endpoint.method().as_str(), endpoint.path());
        let of_others = serde_json::json!({ "id": portcullis::Digest::of(&full).to_string() });
        let request = request(method, path).token(&limited).json(&of_others);
        let answer = world.call(&endpoint, request).await;
        if path.starts_with("/tokens") && (method == "GET" || path.ends_with("/revoke")) {
            assert_eq!(answer.status, 403, "{method} {path} is not for a limited token");
        }
    }
    assert_eq!(world.tokens.list(&id).await.unwrap().len(), 3, "none was revoked");
}

#[tokio::test]
async fn a_route_that_could_let_nobody_in_or_mixes_objects_is_not_built() {
    struct OfAnother;
    impl ObjectPermission for OfAnother {
        type Object = String;
        fn check_object(&self, _: &AuthRequest<'_>, _: &String) -> Verdict<'_> {
            Decision::Allow.into()
        }
    }
    let world = World::new().await;
    assert!(world.guard.route(&Policy::default().require((IsOwner, OfAnother))).is_err());
    assert!(world.guard.route(&Policy::default().without_authenticators()).is_err(), "row 151");
    let open: Permissions = Permissions::new(!permit(IsOwner)).unwrap();
    let policy = Policy::default().require(open);
    let answer = world.send(&policy, request("GET", "/").build(), async |_, _| Response::default());
    assert_eq!(answer.await.status, 403, "the negation of what is undecided is undecided");
}
