//! The example's service of tonic, over a real connection.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

#[expect(dead_code, reason = "the example's own `main`")]
#[path = "../examples/tonic.rs"]
mod books;

use async_trait::async_trait;
use books::{Client, ListReply, ListRequest, RenameReply, RenameRequest, serve};
use common::TwoUsers;
use portcullis_tower::portcullis::authentication::Authenticator;
use portcullis_tower::portcullis::permission::IsAdminUser;
use portcullis_tower::portcullis::{Error, Guard, Identity, RequestHead, Scheme, Throttle, Unavailable};
use tonic::{Code, Status};

const LIST: &str = "/bookshop.Books/List";

async fn list(client: &mut Client) -> Result<Vec<String>, Status> {
    let reply: ListReply = client.call(LIST, ListRequest {}).await?;
    Ok(reply.titles)
}

#[tokio::test]
async fn a_call_is_refused_in_the_words_of_grpc() {
    let world = TwoUsers::new().await;
    let address = serve(world.guard()).await.unwrap();
    let mut nobody = Client::connect(&address, None).await.unwrap();
    let mut john = Client::connect(&address, Some(&world.john)).await.unwrap();
    let mary = Client::connect(&address, Some(&world.mary)).await.unwrap();
    let mut wrong = Client::connect(&address, Some("pct_wrong")).await.unwrap();

    let refused = list(&mut nobody).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.message(), "Authentication credentials were not provided.");
    assert_eq!(refused.metadata().get("www-authenticate").unwrap(), "Token");
    assert_eq!(list(&mut wrong).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(list(&mut john).await.unwrap(), ["Dune", "Emma"]);

    for (name, client, id, code) in [
        ("nobody's", &nobody, 0, Some(Code::Unauthenticated)),
        ("nobody's, none", &nobody, 7, Some(Code::Unauthenticated)),
        ("his own", &john, 0, None),
        ("another's", &john, 1, Some(Code::PermissionDenied)),
        ("none", &john, 7, Some(Code::NotFound)),
        ("her own", &mary, 1, None),
    ] {
        let outcome = client.clone().rename(id, "Persuasion").await;
        assert_eq!(outcome.as_ref().err().map(Status::code), code, "{name}: {outcome:?}");
    }
    assert_eq!(list(&mut john).await.unwrap(), ["Persuasion", "Persuasion"]);

    for client in [&mut nobody, &mut john] {
        for path in
            ["/bookshop.Books/Burn", "/bookshop.Films/List", "/bookshop.Books/list", "/bookshop.Books/Li%73t"]
        {
            let outcome: Result<RenameReply, _> =
                client.call(path, RenameRequest { id: 0, title: String::new() }).await;
            assert_eq!(outcome.unwrap_err().code(), Code::Unimplemented, "{path}");
        }
    }
}

struct Broken;

#[async_trait]
impl Authenticator for Broken {
    async fn authenticate(&self, _: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        Err(Unavailable::new("the database said 10.0.0.7 refused").into())
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("broken")
    }
}

#[tokio::test]
async fn an_outage_a_throttle_and_a_default_speak_grpc_too() {
    let world = TwoUsers::new().await;
    let once = Throttle::user(world.store.clone(), "1/min".parse().unwrap());
    for (name, guard, code, waits) in [
        (
            "an outage",
            Guard::builder(world.users.clone()).authenticate(Broken).build(),
            Code::Unavailable,
            true,
        ),
        ("one call a minute", world.builder().throttle(once).build(), Code::ResourceExhausted, true),
        ("for staff", world.builder().default_permission(IsAdminUser).build(), Code::PermissionDenied, false),
    ] {
        let address = serve(guard.unwrap()).await.unwrap();
        let mut john = Client::connect(&address, Some(&world.john)).await.unwrap();
        let _ = list(&mut john).await;
        let refused = list(&mut john).await.unwrap_err();
        assert_eq!(refused.code(), code, "{name}");
        assert_eq!(refused.metadata().contains_key("retry-after"), waits, "{name}");
        assert!(!refused.message().contains("10.0.0.7"), "{name}: {}", refused.message());
    }
}
