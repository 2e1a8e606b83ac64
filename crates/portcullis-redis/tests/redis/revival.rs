//! A slow request that saves its data never brings back a session that a logout ended meanwhile (CVE-2024-35220,
//! CVE-2025-46336), through the whole guard.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use portcullis::store::{MemoryStore, Mixed};
use portcullis::{Access, Admission, Guard, Policy, Session, SessionConfig, Sessions, Users};
use portcullis_redis::{RedisConfig, RedisStore};
use tokio::sync::Barrier;

use crate::{cluster, patient, redis, rounds};

const COOKIE: &str = "__Host-session";

struct Application {
    users: Users,
    sessions: Sessions,
    guard: Guard,
}

impl Application {
    async fn new(url: &str, config: &RedisConfig, users: &MemoryStore) -> Self {
        let redis = RedisStore::connect_with(url, config.clone()).await.unwrap();
        let sessions = Sessions::new(Mixed::new(redis, users.clone()), SessionConfig::default());
        let users = Users::new(users.clone());
        let guard = Guard::builder(users.clone()).authenticate(sessions.authenticator()).build().unwrap();
        Self { users, sessions, guard }
    }

    /// Sends a request to an open route; `None` is no cookie, an empty one is taken back.
    async fn send<R: Future<Output = ()>>(
        &self,
        cookie: &str,
        handler: impl FnOnce(Access, Session) -> R,
    ) -> Option<String> {
        let route = self.guard.route(&Policy::default().public()).unwrap();
        let request = Request::get("/").header("cookie", format!("{COOKIE}={cookie}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let Ok(Admission::Ready(admitted)) = route.admit(&mut parts, None).await else { return None };
        let access = Access::of(&parts.extensions).unwrap();
        let session = access.session(&parts.headers).await.unwrap();
        handler(access, session).await;
        let answer = admitted.finish(Response::<Bytes>::default()).await;
        assert_eq!(answer.status(), 200);
        let line = answer.headers().get("set-cookie")?.to_str().unwrap();
        let value = line.strip_prefix(COOKIE)?.strip_prefix('=')?.split(';').next()?;
        Some(value.trim_matches('"').to_owned())
    }

    async fn is_somebody(&self, cookie: &str) -> bool {
        let known = Arc::new(std::sync::Mutex::new(true));
        let _ =
            self.send(cookie, async |access, _| *known.lock().unwrap() = access.identity().is_some()).await;
        *known.lock().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_slow_request_revives_a_session_that_was_logged_out_on_one_server() {
    let Some(url) = redis() else { return };
    nothing_is_revived(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_slow_request_revives_a_session_that_was_logged_out_on_a_cluster() {
    let Some(url) = cluster() else { return };
    nothing_is_revived(&url).await;
}

async fn nothing_is_revived(url: &str) {
    let (users, config) = (MemoryStore::new(), patient());
    // Two processes would not share connections either.
    let here = Arc::new(Application::new(url, &config, &users).await);
    let there = Arc::new(Application::new(url, &config, &users).await);
    let john = here.users.create_without_password("john").await.unwrap();
    let mut late = 0;
    for round in 0..rounds(300) {
        let user = Arc::clone(&john);
        let cookie = here.send("", async |_, session| session.log_in(&user).await.unwrap()).await.unwrap();
        assert!(there.is_somebody(&cookie).await, "round {round}");
        let barrier = Arc::new(Barrier::new(2));
        let slow = tokio::spawn({
            let (here, cookie, barrier) = (Arc::clone(&here), cookie.clone(), Arc::clone(&barrier));
            async move {
                let save = async |_, session: Session| {
                    session.insert("round", &round).await.unwrap();
                    barrier.wait().await;
                };
                here.send(&cookie, save).await
            }
        });
        let logout = tokio::spawn({
            let (there, cookie) = (Arc::clone(&there), cookie.clone());
            async move {
                let end = async |_, session: Session| {
                    barrier.wait().await;
                    session.log_out().await.unwrap();
                };
                there.send(&cookie, end).await
            }
        });
        let (after, logout) = (slow.await.unwrap().unwrap(), logout.await.unwrap());
        assert_eq!(logout.as_deref(), Some(""));
        late += u32::from(after.is_empty());
        assert!(
            !here.is_somebody(&cookie).await && !there.is_somebody(&after).await,
            "revived in round {round}"
        );
    }
    assert!(here.sessions.list(&john.id).await.unwrap().is_empty());
    assert!(late > 0, "the logout was never first");
}
