//! The world of the attacks, guarded by JSON Web Tokens.

use std::sync::Arc;

use portcullis::authentication::Authenticator;
use portcullis::jwt::{Algorithm, JwtConfig};
use portcullis::{Account, Environment, Guard, Jwt, KeyRing, TokenPair};
use portcullis_testing::request;
use serde_json::Value;

use crate::common::{Answer, PASSWORD, World, credentials};
use crate::forge::{forge_hs256, header, key, payload};

pub(crate) fn ring() -> KeyRing {
    KeyRing::new([key(Algorithm::HS256)]).unwrap()
}

/// A [`World`] whose guard asks for access tokens, with endpoints below `/token`.
pub(crate) struct JwtWorld {
    pub(crate) world: World,
    pub(crate) jwt: Jwt,
}

impl JwtWorld {
    pub(crate) async fn strict() -> Self {
        Self::with(JwtConfig::default()).await
    }

    pub(crate) async fn preset() -> Self {
        Self::with(JwtConfig::simplejwt()).await
    }

    pub(crate) async fn with(config: JwtConfig) -> Self {
        Self::with_jwt(config, |jwt| jwt).await
    }

    pub(crate) async fn with_jwt(config: JwtConfig, change: impl FnOnce(Jwt) -> Jwt) -> Self {
        let mut world = World::new().await;
        let jwt = Jwt::new(ring(), world.store.clone()).unwrap().with_config(config).unwrap();
        let jwt = change(jwt.with_environment(environment(&world)));
        world.guard = guard(&world, jwt.authenticator());
        let _ = world.events.take();
        Self { world, jwt }
    }

    /// The same people behind a guard that loads nobody.
    pub(crate) async fn stateless(&self) -> World {
        let mut world = World::new().await;
        world.guard = guard(&world, self.jwt.stateless());
        world
    }

    pub(crate) async fn user(&self, name: &str) -> Arc<Account> {
        self.world.users.find_by_name(name).await.unwrap().unwrap()
    }

    pub(crate) async fn pair(&self, name: &str) -> TokenPair {
        self.jwt.issue(&*self.user(name).await).await.unwrap()
    }

    /// A refresh token of a login that begins now.
    pub(crate) async fn refresh_of(&self, name: &str) -> String {
        self.pair(name).await.refresh().unwrap().expose_secret().clone()
    }

    /// One forged token of each of five purposes, of `john`.
    pub(crate) async fn forged(&self) -> [String; 5] {
        let john = self.user("john").await;
        let (user, epoch) = (format!("\"{}\"", john.id), john.auth_epoch.to_string());
        ["access", "refresh", "sliding", "id", "password_reset"].map(|purpose| {
            let claims = payload(purpose, &[("user_id", &user), ("auth_epoch", &epoch)]);
            forge_hs256(header(Algorithm::HS256, purpose), claims)
        })
    }

    /// Posts JSON to an endpoint.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let endpoints = self.jwt.endpoints("/token");
        let endpoint = endpoints.into_iter().find(|endpoint| endpoint.path() == path).expect("an endpoint");
        self.world.call(&endpoint, request("POST", path).json(body)).await
    }

    pub(crate) async fn post_refresh(&self, token: &str) -> Answer {
        self.post("/token/refresh", &serde_json::json!({ "refresh": token })).await
    }

    pub(crate) async fn log_in(&self, name: &str) -> Answer {
        self.post("/token", &credentials(name, PASSWORD)).await
    }

    /// Who is let in with an access token: a status and a body.
    pub(crate) async fn ask(&self, access: &str) -> (u16, String) {
        let answer = self.world.private(request("GET", "/").bearer(access)).await;
        (answer.status, answer.body)
    }
}

pub(crate) fn environment(world: &World) -> Environment {
    Environment::default()
        .with_clock(Arc::new(world.clock.clone()))
        .with_events(Arc::new(world.events.clone()))
}

fn guard(world: &World, authenticator: impl Authenticator) -> Guard {
    Guard::builder(world.users.clone()).authenticate(authenticator).build().unwrap()
}
