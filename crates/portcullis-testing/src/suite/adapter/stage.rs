//! An adapter with its world, and rows of requests.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::SET_COOKIE;
use http::{Request, Response};

use super::answer::{fits, shown};
use super::store::Outage;
use super::{Adapter, Pieces, World};
use crate::request::{RequestBuilder, request};
use crate::suite::stage::{Check, Failure};

/// Where a client sits unless a row says something else.
pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) type Clause<A> = (&'static str, for<'a> fn(&'a Stage<A>) -> LocalBoxFuture<'a, Check>);

pub(super) struct Stage<A> {
    pub(super) world: World,
    pub(super) adapter: A,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    John,
    Mary,
}

/// What a browser keeps after a login.
pub(super) struct Browser {
    pub(super) cookie: String,
    pub(super) csrf: String,
}

/// A row: its name, the request, the answer.
pub(super) type Row = (String, RequestBuilder, String);

impl Who {
    pub(super) const ALL: [Self; 3] = [Self::Nobody, Self::John, Self::Mary];
}

impl<A: Adapter> Stage<A> {
    pub(super) async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.send_in_pieces(request.map(Pieces::halves)).await
    }

    pub(super) async fn send_in_pieces(&self, request: Request<Pieces>) -> Response<Bytes> {
        self.adapter.send(request, Some(PEER)).await
    }

    /// Sends a request and shows the answer.
    pub(super) async fn ask(&self, request: RequestBuilder) -> String {
        shown(&self.send(request.build()).await)
    }

    /// Begins a request of somebody, with a token.
    pub(super) fn as_who(&self, who: Who, method: &str, uri: &str) -> RequestBuilder {
        let token = match who {
            Who::Nobody => return request(method, uri),
            Who::John => &self.world.john,
            Who::Mary => &self.world.mary,
        };
        request(method, uri).token(token.expose_secret())
    }

    /// Sends the request of every row, in order, and names the rows that were answered otherwise.
    pub(super) async fn walk(&self, rows: impl IntoIterator<Item = Row>) -> Check {
        let mut wrong = Vec::new();
        for (name, request, expected) in rows {
            compare(&mut wrong, &name, &self.ask(request).await, &expected);
        }
        verdict(&wrong)
    }

    pub(super) fn fail(&self, outage: Outage) {
        self.world.store.fail(outage);
    }

    /// Logs John in by his password and fetches a CSRF token.
    pub(super) async fn log_in(&self) -> Result<Browser, Failure> {
        let cookie = cookie_of(&self.send(login().build()).await)?;
        let csrf = self.send(from_browser("GET", "/session/csrf", &cookie).build()).await;
        let csrf: serde_json::Value = serde_json::from_slice(csrf.body()).unwrap_or_default();
        let csrf = csrf.get("csrfToken").and_then(|token| token.as_str()).map(ToOwned::to_owned);
        Ok(Browser { cookie, csrf: csrf.ok_or_else(|| Failure::new("GET /session/csrf answers no token"))? })
    }
}

impl Browser {
    /// Begins a request of our own site with the session's cookie and without its CSRF token.
    pub(super) fn without_token(&self, method: &str, uri: &str) -> RequestBuilder {
        from_browser(method, uri, &self.cookie)
    }

    /// Begins a request of our own site with the session's cookie and its CSRF token in the header.
    pub(super) fn request(&self, method: &str, uri: &str) -> RequestBuilder {
        self.without_token(method, uri).header("x-csrftoken", &self.csrf)
    }
}

/// John's login at the endpoint of the sessions.
pub(super) fn login() -> RequestBuilder {
    let fields = serde_json::json!({ "username": "john", "password": super::world::PASSWORD });
    from_site("POST", "/session/login").json(&fields)
}

/// Begins a request of our own site.
pub(super) fn from_site(method: &str, uri: &str) -> RequestBuilder {
    request(method, uri).header("host", "localhost").header("origin", "http://localhost")
}

pub(super) fn from_browser(method: &str, uri: &str, cookie: &str) -> RequestBuilder {
    from_site(method, uri).cookie("__Host-session", cookie)
}

/// Returns the session that an answer sets.
pub(super) fn cookie_of(response: &Response<Bytes>) -> Result<String, Failure> {
    let lines = response.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.filter_map(|line| line.strip_prefix("__Host-session=")?.split(';').next());
    let value =
        values.next().ok_or_else(|| Failure::new(format!("no session begins:\n{}", shown(response))))?;
    Ok(value.to_owned())
}

pub(super) fn compare(wrong: &mut Vec<String>, name: &str, found: &str, expected: &str) {
    if !fits(expected, found) {
        let indent = |text: &str| text.replace('\n', "\n      ");
        wrong.push(format!(
            "{name}\n    found\n      {}\n    expected\n      {}",
            indent(found),
            indent(expected)
        ));
    }
}

/// Fails when a row is wrong; of many it shows a few.
pub(super) fn verdict(wrong: &[String]) -> Check {
    if wrong.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = wrong.iter().take(8).map(String::as_str).collect();
    Err(Failure::new(format!("{} rows:\n  {}", wrong.len(), shown.join("\n  "))))
}
