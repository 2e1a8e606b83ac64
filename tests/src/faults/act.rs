//! What somebody does at a site, as the requests of a browser and of a program.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, RETRY_AFTER, SET_COOKIE};
use http::request::Builder;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::door::{Broken, Door};
use super::world::PASSWORD;

const SESSION: &str = "__Host-session";
const SITE: &str = "site.test";

/// Why an act was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was refused: 400, 401 or 403.
    Refused(u16),
    /// 503 with `Retry-After`: it may have happened or not.
    Outage,
    /// The connection ended: it may have happened or not.
    Lost,
    /// Something that no answer may be.
    Wrong(String),
}

/// How an act ended.
pub type Answer<T> = Result<T, Trouble>;

/// A session, as a browser knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    cookie: String,
    csrf: String,
}

impl Login {
    /// How [`Visitor::ask`] is told of the session.
    #[must_use]
    pub fn credential(&self) -> String {
        format!("Session {}", self.cookie)
    }
}

/// Somebody at a door.
#[derive(Debug, Clone)]
pub struct Visitor {
    door: Door,
    name: String,
    password: String,
}

impl Visitor {
    /// Names somebody at a door.
    #[must_use]
    pub fn new(door: &Door, name: &str) -> Self {
        Self { door: door.clone(), name: name.to_owned(), password: PASSWORD.to_owned() }
    }

    /// The same with another password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        Self { password: password.to_owned(), ..self.clone() }
    }

    /// Who this is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks a route who one is, with `Session …`, `Token …`, `Bearer …` or nothing; nobody is an empty name.
    ///
    /// # Errors
    ///
    /// The [`Trouble`], as for all acts.
    pub async fn ask(&self, path: &str, credential: &str) -> Answer<String> {
        Ok(text(&self.send(with_credential(Request::get(path), credential), "").await?))
    }

    /// Logs in with the password, and fetches the CSRF token.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn log_in(&self) -> Answer<Login> {
        let answer = self.post("/session/login", "", &self.credentials()).await?;
        let cookie = cookie(&answer).ok_or_else(|| wrong("a login without a cookie", &answer))?;
        let ask = with_credential(Request::get("/session/csrf"), &format!("Session {cookie}"));
        let csrf = member(&self.send(ask, "").await?, "csrfToken")?;
        Ok(Login { cookie, csrf })
    }

    /// Logs in, over a session if there is one, and does not look at what comes back.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn send_log_in(&self, over: Option<&Login>) -> Answer<()> {
        let credential = over.map(Login::credential).unwrap_or_default();
        self.post("/session/login", &credential, &self.credentials()).await.map(drop)
    }

    /// Changes the password.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn change_password(&self, login: &Login, new: &str) -> Answer<()> {
        let request = Request::post("/session/password").header(CONTENT_TYPE, "application/json");
        let body = json!({ "current_password": self.password, "new_password": new });
        self.send(with_login(request, login), &body.to_string()).await.map(drop)
    }

    /// Logs out.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn log_out(&self, login: &Login) -> Answer<()> {
        self.send(with_login(Request::post("/session/logout"), login), "").await.map(drop)
    }

    /// Keeps a text in the session, twice: half a save would show.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn note(&self, login: &Login, text: &str) -> Answer<()> {
        self.send(with_login(Request::put("/note"), login), text).await.map(drop)
    }

    /// Reads both copies of what was kept.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn read_note(&self, login: &Login) -> Answer<String> {
        Ok(text(&self.send(with_login(Request::get("/note"), login), "").await?))
    }

    /// Obtains an opaque token.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn issue(&self) -> Answer<String> {
        member(&self.post("/token", "", &self.credentials()).await?, "token")
    }

    /// Revokes an opaque token.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn revoke(&self, token: &str) -> Answer<()> {
        self.post("/token/revoke", &format!("Token {token}"), &json!({})).await.map(drop)
    }

    /// Obtains an access and a refresh token.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn pair(&self) -> Answer<(String, String)> {
        let answer = self.post("/jwt", "", &self.credentials()).await?;
        Ok((member(&answer, "access")?, member(&answer, "refresh")?))
    }

    /// Exchanges a refresh token for the next.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn refresh(&self, token: &str) -> Answer<String> {
        member(&self.post("/jwt/refresh", "", &json!({ "refresh": token })).await?, "refresh")
    }

    /// Ends the login of a refresh token.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn end(&self, token: &str) -> Answer<()> {
        self.post("/jwt/revoke", "", &json!({ "refresh": token })).await.map(drop)
    }

    fn credentials(&self) -> Value {
        json!({ "username": self.name, "password": self.password })
    }

    async fn post(&self, path: &str, credential: &str, body: &Value) -> Answer<Response<Bytes>> {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        self.send(with_credential(request, credential), &body.to_string()).await
    }

    async fn send(&self, request: Builder, body: &str) -> Answer<Response<Bytes>> {
        let request = request.header(HOST, SITE).body(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.map_err(|error| Trouble::Wrong(error.to_string()))?;
        judge(self.door.send(request).await.map_err(|Broken| Trouble::Lost)?)
    }
}

fn with_credential(request: Builder, credential: &str) -> Builder {
    match credential.split_once(' ') {
        Some(("Session", cookie)) => request.header(COOKIE, format!("{SESSION}={cookie}")),
        Some(_) => request.header(AUTHORIZATION, credential),
        None => request,
    }
}

fn with_login(request: Builder, login: &Login) -> Builder {
    let request = with_credential(request, &login.credential());
    request.header("x-csrftoken", &login.csrf).header(ORIGIN, format!("http://{SITE}"))
}

/// Sorts an answer: anything that is not 2xx, a refusal or a proper 503 is wrong.
fn judge(answer: Response<Bytes>) -> Answer<Response<Bytes>> {
    let says_when = answer.headers().contains_key(RETRY_AFTER);
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::SERVICE_UNAVAILABLE if says_when => Err(Trouble::Outage),
        status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Trouble::Refused(status.as_u16()))
        }
        status => Err(wrong(status.as_str(), &answer)),
    }
}

fn wrong(what: &str, answer: &Response<Bytes>) -> Trouble {
    Trouble::Wrong(format!("{what}: {}", text(answer)))
}

fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

fn member(answer: &Response<Bytes>, name: &str) -> Answer<String> {
    let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
    let found = body.as_ref().and_then(|body| body.get(name)?.as_str());
    found.map(str::to_owned).ok_or_else(|| wrong(&format!("an answer without `{name}`"), answer))
}

fn cookie(answer: &Response<Bytes>) -> Option<String> {
    let lines = answer.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let values = lines.filter_map(|line| line.split(';').next()?.strip_prefix(SESSION)?.strip_prefix('='));
    values.map(|value| value.trim_matches('"').to_owned()).find(|value| !value.is_empty())
}
