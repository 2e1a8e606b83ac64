//! The page at `/`, and the forms on it.
//!
//! 1. Every form is a POST that answers 303 to a GET (RFC 9110 section 15.4.4), so that reloading repeats nothing.
//! 2. Portcullis checks the token of every form that somebody sends. The login form is sent by nobody yet: it must come
//!    from this very origin, or another site could log a visitor in as somebody else (login CSRF).
//! 3. Who is logged out meanwhile lands on the login page, not on an error.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use portcullis::{Clock, Credentials, Error, Origin, Sessions, SystemClock, Unavailable, UsersError};
use portcullis_axum::{MaybeAuth, Rejection, Router, Session, get, post};
use serde::Deserialize;

use crate::app::Shop;
use crate::pages::html::{AccountPage, LoginPage, SessionRow, page};
use crate::pages::words::{ago, browser};
use crate::seed::PEOPLE;

/// Adds the pages; they ask the session alone.
pub fn routes(router: Router<Shop>, sessions: &Sessions) -> Router<Shop> {
    let session = || sessions.authenticator();
    router
        .route("/", get(home).public().authenticate_with(session()).without_object())
        .route("/login", post(log_in).public().authenticate_with(session()).without_object())
        .route("/logout", post(log_out).public().authenticate_with(session()).without_object())
        .route("/password", post(change_password).public().authenticate_with(session()).without_object())
        .route("/sessions/end", post(end_session).public().authenticate_with(session()).without_object())
        .route(
            "/sessions/end-others",
            post(end_others).public().authenticate_with(session()).without_object(),
        )
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the page promises beside the field; the browser's own check is no check (ASVS 6.2.1).
const MIN_PASSWORD: usize = 8;

#[derive(Debug, Default, Deserialize)]
struct Done {
    done: Option<String>,
}

impl Done {
    /// What was done before the redirect; a word that is not ours says nothing.
    fn notice(&self) -> Option<&'static str> {
        match self.done.as_deref()? {
            "logout" => Some("You are logged out."),
            "password" => Some("Your password is changed; your other sessions have ended."),
            "end" => Some("The session has ended."),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct LoginForm {
    username: String,
    password: String,
}

#[derive(Debug, Deserialize)]
struct PasswordForm {
    old_password: String,
    new_password: String,
}

#[derive(Debug, Deserialize)]
struct EndForm {
    session: String,
}

async fn home(
    shop: State<Shop>,
    auth: MaybeAuth,
    session: Session,
    Query(done): Query<Done>,
) -> Result<Response, Rejection> {
    show(&shop, &auth, &session, done.notice(), None).await
}

/// Shows the page of whoever asks.
async fn show(
    shop: &Shop,
    auth: &MaybeAuth,
    session: &Session,
    notice: Option<&'static str>,
    error: Option<String>,
) -> Result<Response, Rejection> {
    let csrf_token = csrf_token(session).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let Some(user) = auth.user() else {
        let username = String::new();
        return Ok(page(status, &LoginPage { notice, error, csrf_token, username, people: &PEOPLE }));
    };
    let current = session.handle().await?;
    let sessions = shop.sessions.list(&user.id).await?.into_iter().map(|(handle, record)| SessionRow {
        label: browser(&record.label),
        last_seen: ago(SystemClock.now().since(record.last_seen_at)),
        is_current: current == Some(handle),
        handle: handle.to_string(),
    });
    let (username, is_staff, sessions) = (user.username.clone(), user.is_staff, sessions.collect());
    Ok(page(status, &AccountPage { notice, error, csrf_token, username, is_staff, sessions }))
}

async fn csrf_token(session: &Session) -> Result<String, Unavailable> {
    Ok(session.csrf_token().await?.map(|token| token.expose_secret().clone()).unwrap_or_default())
}

async fn log_in(
    State(shop): State<Shop>,
    auth: MaybeAuth,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, Rejection> {
    let error = if is_same_origin(&headers, auth.access().is_https()) {
        let credentials = Credentials::new(form.username.trim(), form.password);
        match shop.users.check(&credentials, Origin::default()).await {
            Ok(user) => {
                session.log_in(&user).await?;
                return Ok(Redirect::to("/").into_response());
            }
            Err(Error::Rejected(_)) => "This user name and password do not match.",
            Err(error) => return Err(error.into()),
        }
    } else {
        "Please log in on this page."
    };
    let page_again = LoginPage {
        notice: None,
        error: Some(error.to_owned()),
        csrf_token: csrf_token(&session).await?,
        username: form.username,
        people: &PEOPLE,
    };
    Ok(page(StatusCode::BAD_REQUEST, &page_again))
}

/// Tells whether this page sent the form, which browsers say in `Origin`, or at least in `Sec-Fetch-Site`.
///
/// What says neither is refused, and so is what says it twice or of another scheme: whoever can write into plain HTTP
/// must not be able to log somebody in over TLS.
fn is_same_origin(headers: &HeaderMap, is_https: bool) -> bool {
    let scheme = if is_https { "https://" } else { "http://" };
    match only(headers, header::ORIGIN) {
        Only::Nothing => matches!(only(headers, SEC_FETCH_SITE), Only::One(b"same-origin")),
        Only::One(origin) => match (origin.strip_prefix(scheme.as_bytes()), only(headers, header::HOST)) {
            (Some(named), Only::One(host)) => named == host,
            _ => false,
        },
        Only::Several => false,
    }
}

/// The values of a header, as far as one can be believed.
enum Only<'a> {
    Nothing,
    One(&'a [u8]),
    Several,
}

fn only(headers: &HeaderMap, name: HeaderName) -> Only<'_> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Only::Nothing,
        (Some(value), None) => Only::One(value.as_bytes()),
        (Some(_), Some(_)) => Only::Several,
    }
}

async fn log_out(session: Session) -> Result<Redirect, Rejection> {
    session.log_out().await?;
    Ok(Redirect::to("/?done=logout"))
}

async fn change_password(
    State(shop): State<Shop>,
    auth: MaybeAuth,
    session: Session,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Rejection> {
    let Some(user) = auth.user() else { return Ok(Redirect::to("/").into_response()) };
    let old = Credentials::new(user.username.clone(), form.old_password);
    let error = match shop.users.check(&old, Origin::default()).await {
        Ok(_) if form.new_password.chars().count() < MIN_PASSWORD => {
            "The new password is too short: it needs at least 8 characters.".to_owned()
        }
        Ok(_) => match shop.users.set_password(&user.id, &form.new_password).await {
            Ok(()) => {
                session.keep_after_password_change().await?;
                return Ok(Redirect::to("/?done=password").into_response());
            }
            Err(UsersError::Unavailable(outage)) => return Err(outage.into()),
            Err(error) => error.to_string(),
        },
        Err(Error::Rejected(_)) => "The present password is wrong.".to_owned(),
        Err(error) => return Err(error.into()),
    };
    show(&shop, &auth, &session, None, Some(error)).await
}

async fn end_session(
    State(shop): State<Shop>,
    auth: MaybeAuth,
    Form(form): Form<EndForm>,
) -> Result<Redirect, Rejection> {
    if let (Some(user), Ok(handle)) = (auth.user(), form.session.parse()) {
        shop.sessions.end(&user.id, &handle).await?;
    }
    Ok(Redirect::to("/?done=end"))
}

async fn end_others(State(shop): State<Shop>, auth: MaybeAuth) -> Result<Redirect, Rejection> {
    if let Some(identity) = auth.identity() {
        shop.sessions.end_all(&identity.user().id, identity.grant().session()).await?;
    }
    Ok(Redirect::to("/?done=end"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_this_page_may_send_the_login_form() {
        for (sent, is_https, own) in [
            (&[("origin", "http://shop.example")][..], false, true),
            (&[("origin", "https://shop.example")], true, true),
            (&[("sec-fetch-site", "same-origin")], false, true),
            (&[], false, false),
            (&[("origin", "http://shop.example")], true, false),
            (&[("origin", "https://shop.example")], false, false),
            (&[("origin", "http://evil.example")], false, false),
            (&[("origin", "http://evil\u{e9}.example")], false, false),
            (&[("origin", "http://shop.example:81")], false, false),
            (&[("origin", "http://shop.example.evil.example")], false, false),
            (&[("origin", "null")], false, false),
            (&[("origin", "")], false, false),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false, false),
            (&[("origin", "http://shop.example"), ("origin", "http://evil.example")], false, false),
            (&[("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "same-site")], false, false),
            (&[("sec-fetch-site", "none")], false, false),
        ] {
            let mut headers =
                HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("shop.example"))]);
            for (name, value) in sent {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(HeaderName::from_static(name), value);
            }
            assert_eq!(is_same_origin(&headers, is_https), own, "{sent:?}, https: {is_https}");
        }
    }

    #[test]
    fn without_a_host_there_is_no_origin_of_ours() {
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://"))]);
        assert!(!is_same_origin(&headers, false));
    }
}
