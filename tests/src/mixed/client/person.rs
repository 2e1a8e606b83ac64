//! Somebody with a password, who gets sessions, tokens and pairs for it, and ends them again.

use std::time::Duration;

use http::header::SET_COOKIE;
use http::{HeaderName, Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::judge::Answer;
use super::lane::Lane;
use super::request::{Credential, With, basic, bearer, cookie, get, header, post, post_json, token};
use super::tally::{Failure, Kind};
use super::wire::Content;
use crate::mixed::server::site::{self, ACCESS_LIFETIME, LOGIN_LIFETIME};

const CSRF: HeaderName = HeaderName::from_static("x-csrftoken");
/// How many credentials that have ended are remembered.
const REMEMBERED: usize = 8;

/// A way to say who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Jwt,
    Session,
    Token,
    Basic,
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) password: String,
    /// The cookie of the session as it is sent.
    pub(super) cookie: Option<String>,
    csrf: Option<String>,
    pub(super) token: Option<String>,
    pub(super) pair: Option<Pair>,
    ended: Vec<Ended>,
    /// A login, or the issue of a token, was given up: there may be some that nobody has.
    pub(super) lost_sessions: bool,
    pub(super) lost_tokens: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: String,
    issued: Instant,
    logged_in: Instant,
}

/// What must not let anybody in any more.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) credential: Credential,
    pub(super) why: &'static str,
    since: Instant,
}

impl Way {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Jwt => Kind::Jwt,
            Self::Session => Kind::Session,
            Self::Token => Kind::Token,
            Self::Basic => Kind::Basic,
        }
    }

    /// What the server calls it.
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Session => "session",
            Self::Token => "token",
            Self::Basic => "basic",
        }
    }
}

impl Pair {
    /// Whether one login made both.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.logged_in == other.logged_in
    }
}

impl Person {
    pub(super) fn new(number: usize) -> Self {
        Self {
            name: site::name(number),
            password: site::password(number),
            cookie: None,
            csrf: None,
            token: None,
            pair: None,
            ended: Vec::new(),
            lost_sessions: false,
            lost_tokens: false,
        }
    }

    /// Begins anew after something went wrong.
    pub(super) fn forget(&mut self) {
        (self.cookie, self.csrf, self.token, self.pair) = (None, None, None, None);
        (self.lost_sessions, self.lost_tokens) = (true, true);
    }

    /// A credential of a kind, got first where there is none.
    pub(super) async fn credential(&mut self, lane: &mut Lane, way: Way) -> Result<Credential, Failure> {
        match way {
            Way::Jwt => bearer(&self.fresh_pair(lane).await?.access),
            Way::Session => cookie(&self.session(lane).await?),
            Way::Token => token(&self.issued(lane).await?),
            Way::Basic => basic(&self.name, &self.password),
        }
    }

    /// What a POST says besides, so that it is believed.
    pub(super) async fn proof(&mut self, lane: &mut Lane, way: Way) -> Result<Option<Credential>, Failure> {
        if way != Way::Session {
            return Ok(None);
        }
        let session = self.session(lane).await?;
        self.csrf(lane, &session).await.map(Some)
    }

    async fn csrf(&mut self, lane: &mut Lane, session: &str) -> Result<Credential, Failure> {
        let csrf = match self.csrf.take() {
            Some(csrf) => csrf,
            None => {
                let request = get("/session/csrf").with([cookie(session)?]);
                lane.ask(Kind::Session, request).await?.member(StatusCode::OK, "csrfToken")?
            }
        };
        let proof = header(CSRF, &csrf)?;
        self.csrf = Some(csrf);
        Ok(proof)
    }

    /// Some credential that has ended by now.
    pub(super) fn ended(&self, lane: &mut Lane) -> Option<Ended> {
        let now = Instant::now();
        let ended: Vec<_> = self.ended.iter().filter(|ended| ended.since <= now).collect();
        let place = lane.dice.below(u64::try_from(ended.len()).ok()?);
        ended.get(usize::try_from(place).ok()?).copied().cloned()
    }

    pub(super) fn remember(&mut self, credential: Credential, why: &'static str, after: Duration) {
        if self.ended.len() >= REMEMBERED {
            self.ended.remove(0);
        }
        self.ended.push(Ended { credential, why, since: Instant::now() + after });
    }

    pub(super) fn login_request(&self) -> Request<Content> {
        post_json("/session/login", &self.username_and_password())
    }

    pub(super) fn issue_request(&self) -> Request<Content> {
        post_json("/token", &self.username_and_password())
    }

    pub(super) fn obtain_request(&self) -> Request<Content> {
        post_json("/jwt", &self.username_and_password())
    }

    pub(super) fn refresh_request(pair: &Pair) -> Request<Content> {
        post_json("/jwt/refresh", &json!({ "refresh": pair.refresh }))
    }

    fn username_and_password(&self) -> Value {
        json!({ "username": self.name, "password": self.password })
    }

    /// Logs in, also over an old session, which ends.
    pub(super) async fn log_in(&mut self, lane: &mut Lane) -> Result<String, Failure> {
        let old = self.cookie.take().map(|old| cookie(&old)).transpose()?;
        let answer = lane.ask(Kind::LogIn, self.login_request().with(old.clone())).await?;
        let user = answer.member(StatusCode::OK, "user")?;
        if user != self.name {
            return Err(Failure::Identity(format!("{} was logged in as {user}", self.name)));
        }
        let session = session_of(&answer)?;
        (self.cookie, self.csrf) = (Some(session.clone()), None);
        if let Some(old) = old {
            self.remember(old, "the session that a login replaced", Duration::ZERO);
        }
        if std::mem::take(&mut self.lost_sessions) {
            let proof = self.csrf(lane, &session).await?;
            let request = post("/session/end-others", Content::whole("")).with([cookie(&session)?, proof]);
            lane.ask(Kind::Tidy, request).await?.must_be(StatusCode::OK)?;
        }
        Ok(session)
    }

    pub(super) async fn log_out(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let request = self.logout_request(lane).await?;
        let old = self.session(lane).await?;
        lane.ask(Kind::LogOut, request).await?.must_be(StatusCode::NO_CONTENT)?;
        self.cookie = None;
        self.remember(cookie(&old)?, "a session that was logged out", Duration::ZERO);
        Ok(())
    }

    pub(super) async fn logout_request(&mut self, lane: &mut Lane) -> Result<Request<Content>, Failure> {
        let session = self.credential(lane, Way::Session).await?;
        let proof = self.proof(lane, Way::Session).await?;
        Ok(post("/session/logout", Content::whole("")).with([session]).with(proof))
    }

    /// Revokes the token that it has.
    pub(super) async fn revoke(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let old = self.credential(lane, Way::Token).await?;
        let request = post_json("/token/revoke", &json!({})).with([old.clone()]);
        lane.ask(Kind::Revoke, request).await?.must_be(StatusCode::NO_CONTENT)?;
        self.token = None;
        self.remember(old, "a token that was revoked", Duration::ZERO);
        Ok(())
    }

    /// Exchanges the refresh token, or logs in anew where the login ends soon.
    pub(super) async fn refresh(&mut self, lane: &mut Lane) -> Result<Pair, Failure> {
        let old = self.pair.take().filter(|old| old.logged_in.elapsed() < LOGIN_LIFETIME / 2);
        let (kind, request, logged_in) = match &old {
            Some(old) => (Kind::Refresh, Self::refresh_request(old), old.logged_in),
            None => (Kind::Obtain, self.obtain_request(), Instant::now()),
        };
        let answer = lane.ask(kind, request).await?;
        let pair = Pair {
            access: answer.member(StatusCode::OK, "access")?,
            refresh: answer.member(StatusCode::OK, "refresh")?,
            issued: Instant::now(),
            logged_in,
        };
        let margin = Duration::from_secs(2);
        self.remember(bearer(&pair.access)?, "an access token that ended", ACCESS_LIFETIME + margin);
        self.pair = Some(pair.clone());
        Ok(pair)
    }

    /// A pair whose access token has half of its life before it at least.
    pub(super) async fn fresh_pair(&mut self, lane: &mut Lane) -> Result<Pair, Failure> {
        match &self.pair {
            Some(pair) if pair.issued.elapsed() < ACCESS_LIFETIME / 2 => Ok(pair.clone()),
            _ => self.refresh(lane).await,
        }
    }

    pub(super) async fn session(&mut self, lane: &mut Lane) -> Result<String, Failure> {
        match &self.cookie {
            Some(session) => Ok(session.clone()),
            None => self.log_in(lane).await,
        }
    }

    pub(super) async fn issued(&mut self, lane: &mut Lane) -> Result<String, Failure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let issued = lane.ask(Kind::Issue, self.issue_request()).await?.member(StatusCode::OK, "token")?;
        self.token = Some(issued.clone());
        if std::mem::take(&mut self.lost_tokens) {
            self.revoke_others(lane, &token(&issued)?).await?;
        }
        Ok(issued)
    }

    async fn revoke_others(&self, lane: &mut Lane, own: &Credential) -> Result<(), Failure> {
        let list = lane.ask(Kind::Tidy, get("/token").with([own.clone()])).await?;
        for id in list.others()? {
            let request = post_json("/token/revoke", &json!({ "id": id })).with([own.clone()]);
            let answer = lane.ask(Kind::Tidy, request).await?;
            // A revocation that was given up may come through meanwhile.
            answer.must_be(StatusCode::NO_CONTENT).or_else(|_| answer.must_be(StatusCode::BAD_REQUEST))?;
        }
        Ok(())
    }
}

fn session_of(answer: &Answer) -> Result<String, Failure> {
    let cookie = answer.headers.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
    let pair = cookie.and_then(|cookie| cookie.split(';').next());
    pair.map(str::to_owned).ok_or_else(|| Failure::Error("a login without a cookie".to_owned()))
}
