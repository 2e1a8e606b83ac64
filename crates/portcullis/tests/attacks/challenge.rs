//! What a refusal looks like: statuses, challenges, bodies, headers.

use std::time::Duration;

use http::{Response, StatusCode};
use portcullis::{
    Account, Admitted, ChallengePolicy, Denial, Error, IsAdminUser, Policy, Rejected, Rendering,
    SessionConfig, Throttled, Unavailable,
};
use portcullis_testing::request;

use crate::common::World;

#[tokio::test]
async fn the_four_errors_keep_their_status_whoever_raises_them() {
    let hidden = || Error::from(Denial::default().hide());
    let rows = || {
        [
            (Error::from(Rejected::new("No.")), 401, None, r#"{"detail":"No."}"#),
            (Denial::new("Never.").into(), 403, None, r#"{"detail":"Never."}"#),
            (hidden(), 404, None, r#"{"detail":"Not found."}"#),
            (
                Throttled::new(Duration::from_millis(1500)).into(),
                429,
                Some("2"),
                r#"{"detail":"Request was throttled. Expected available in 2 seconds."}"#,
            ),
            (
                Unavailable::new("secret").with_retry_after(Duration::from_secs(7)).into(),
                503,
                Some("7"),
                r#"{"detail":"Service temporarily unavailable, try again later."}"#,
            ),
        ]
    };
    let world = World::new().await;
    for (error, status, wait, body) in rows() {
        let policy = Policy::default().public();
        let answer = world.send(&policy, request("GET", "/").build(), async |_, _| {
            let mut response = Response::default();
            Admitted::<Account>::attach(error, &mut response);
            response
        });
        let answer = answer.await;
        assert_eq!((answer.status, &*answer.body), (status, body));
        assert_eq!(answer.all("retry-after").first().copied(), wait, "{status}");
        assert_eq!(answer.all("www-authenticate").is_empty(), status != 401, "{status}");
        assert_eq!(answer.all("vary"), ["authorization, cookie"], "{status}");
        assert_eq!(answer.all("content-type"), ["application/json"]);
    }
}

#[tokio::test]
async fn nobody_is_asked_for_credentials_and_somebody_is_denied() {
    for (policy, anonymous) in [(ChallengePolicy::All, 401), (ChallengePolicy::First, 403)] {
        let world = World::with(SessionConfig::default(), |mechanisms| {
            mechanisms
                .only(mechanisms.sessions.authenticator())
                .authenticate(mechanisms.tokens.authenticator())
                .challenge(policy)
        })
        .await;
        let token = world.token_of("john").await;
        let staff = Policy::default().require(IsAdminUser);
        let (nobody, john) = (
            world.ask(&staff, request("GET", "/")).await,
            world.ask(&staff, request("GET", "/").token(&token)).await,
        );
        assert_eq!((nobody.status, john.status), (anonymous, 403), "{policy:?}");
        assert_eq!(nobody.json()["detail"], "Authentication credentials were not provided.");
        assert_eq!(john.json()["detail"], "You do not have permission to perform this action.");
        let wrong = world.ask(&Policy::default().public(), request("GET", "/").token("wrong")).await;
        assert_eq!(
            (wrong.status, wrong.json()["detail"].as_str()),
            (anonymous, Some("Invalid token.")),
            "{policy:?}"
        );
    }
}

#[tokio::test]
async fn a_renderer_writes_bodies_and_cannot_change_a_status() {
    let world = World::with(SessionConfig::default(), |mechanisms| {
        mechanisms.all().render(|error: &Error, status: StatusCode| {
            Rendering::json(format!("{} {}", status.as_u16(), error.code()))
        })
    })
    .await;
    let answer = world.private(request("GET", "/")).await;
    assert_eq!((answer.status, &*answer.body), (401, "401 not_authenticated"));
    assert_eq!(answer.all("www-authenticate").len(), 2);
}

#[tokio::test]
async fn head_is_decided_as_get_and_options_as_any_method() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "DELETE", "QUERY"] {
        let bare = world.private(
            request(method, "/").header("access-control-request-method", "GET").header("origin", "http://a"),
        );
        assert_eq!(bare.await.status, 401, "{method}");
        assert_eq!(world.private(request(method, "/").token(&token)).await.status, 200, "{method}");
    }
}
