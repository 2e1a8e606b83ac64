//! The page at `/`, and the forms on it.
//!
//! 1. Every form is a POST that answers 303 to a GET (RFC 9110 section 15.4.4), so that reloading repeats nothing.
//! 2. Portcullis checks the token of every form that somebody sends. The login form is sent by nobody yet: it must come
//!    from this very origin, or another site could log a visitor in as somebody else (login CSRF).
//! 3. Who is logged out meanwhile lands on the login page, not on an error.

use http::{HeaderMap, HeaderName, StatusCode, header};
use portcullis::{
    Clock, Credentials, Error, Origin, Rejection, Session, SystemClock, Unavailable, UsersError,
};
use serde_json::{Map, Value};

use crate::answer::{Answer, detail, see_other};
use crate::input::parse;
use crate::pages::html::{AccountPage, LoginPage, SessionRow, page};
use crate::pages::words::{ago, browser};
use crate::seed::PEOPLE;
use crate::views::Call;

/// A page, or a form on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The page itself.
    Home,
    /// The form of nobody.
    LogIn,
    /// The end of this session.
    LogOut,
    /// Another password.
    Password,
    /// The end of one session.
    EndSession,
    /// The end of all but this one.
    EndOthers,
}

impl Page {
    /// All pages with their paths.
    pub const ALL: [(&'static str, Self); 6] = [
        ("/", Self::Home),
        ("/login", Self::LogIn),
        ("/logout", Self::LogOut),
        ("/password", Self::Password),
        ("/sessions/end", Self::EndSession),
        ("/sessions/end-others", Self::EndOthers),
    ];

    /// Answers a request for the page.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: a form that cannot be read, or a store that cannot answer.
    pub async fn answer(self, call: &Call<'_>, session: &Session) -> Answer {
        match self {
            Self::Home => show(call, session, notice(call), None).await,
            Self::LogIn => log_in(call, session).await,
            Self::LogOut => {
                session.log_out().await?;
                Ok(see_other("/?done=logout"))
            }
            Self::Password => change_password(call, session).await,
            Self::EndSession => end_session(call).await,
            Self::EndOthers => end_others(call).await,
        }
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the page promises beside the field; the browser's own check is no check (ASVS 6.2.1).
const MIN_PASSWORD: usize = 8;

/// What was done before the redirect; a word that is not ours says nothing.
fn notice(call: &Call<'_>) -> Option<&'static str> {
    let query = call.head.uri.query().unwrap_or_default();
    let (_, done) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    match &*done {
        "logout" => Some("You are logged out."),
        "password" => Some("Your password is changed; your other sessions have ended."),
        "end" => Some("The session has ended."),
        _ => None,
    }
}

/// The fields of a form.
struct Form(Map<String, Value>);

impl Form {
    fn read(call: &Call<'_>) -> Result<Self, Rejection> {
        parse(&call.head.headers, call.body).map(Self)
    }

    fn text(&self, name: &str) -> Result<&str, Rejection> {
        let missing = || detail(StatusCode::BAD_REQUEST, &format!("The form has no field `{name}`."));
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| Rejection::answer(missing()))
    }
}

/// Shows the page of whoever asks.
async fn show(
    call: &Call<'_>,
    session: &Session,
    notice: Option<&'static str>,
    error: Option<String>,
) -> Answer {
    let csrf_token = csrf_token(session).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let Some(user) = call.auth.user() else {
        let username = String::new();
        return Ok(page(status, &LoginPage { notice, error, csrf_token, username, people: &PEOPLE }));
    };
    let current = session.handle().await?;
    let sessions = call.shop.sessions.list(&user.id).await?.into_iter().map(|(handle, record)| SessionRow {
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

async fn log_in(call: &Call<'_>, session: &Session) -> Answer {
    let form = Form::read(call)?;
    let (username, password) = (form.text("username")?, form.text("password")?);
    let error = if is_same_origin(call) {
        let credentials = Credentials::new(username.trim(), password);
        match call.shop.users.check(&credentials, Origin::default()).await {
            Ok(user) => {
                session.log_in(&user).await?;
                return Ok(see_other("/"));
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
        csrf_token: csrf_token(session).await?,
        username: username.to_owned(),
        people: &PEOPLE,
    };
    Ok(page(StatusCode::BAD_REQUEST, &page_again))
}

/// Tells whether this page sent the form, which browsers say in `Origin`, or at least in `Sec-Fetch-Site`.
///
/// What says neither is refused, and so is what says it twice or of another scheme: whoever can write into plain HTTP
/// must not be able to log somebody in over TLS.
fn is_same_origin(call: &Call<'_>) -> bool {
    // HTTP/2 says the host in the URI.
    let authority = call.head.uri.authority().map(|authority| authority.as_str().as_bytes());
    is_from(&call.head.headers, authority, call.auth.access().is_https())
}

fn is_from(headers: &HeaderMap, authority: Option<&[u8]>, is_https: bool) -> bool {
    let host = match (only(headers, header::HOST), authority) {
        (Only::One(host), None) => host,
        (Only::One(host), Some(authority)) if host == authority => host,
        (Only::Nothing, Some(authority)) => authority,
        _ => return false,
    };
    let scheme = if is_https { "https://" } else { "http://" };
    match only(headers, header::ORIGIN) {
        Only::Nothing => matches!(only(headers, SEC_FETCH_SITE), Only::One(b"same-origin")),
        Only::One(origin) => origin.strip_prefix(scheme.as_bytes()) == Some(host),
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

async fn change_password(call: &Call<'_>, session: &Session) -> Answer {
    let Some(user) = call.auth.user() else { return Ok(see_other("/")) };
    let form = Form::read(call)?;
    let (old, new) = (form.text("old_password")?, form.text("new_password")?);
    let error =
        match call.shop.users.check(&Credentials::new(user.username.clone(), old), Origin::default()).await {
            Ok(_) if new.chars().count() < MIN_PASSWORD => {
                "The new password is too short: it needs at least 8 characters.".to_owned()
            }
            Ok(_) => match call.shop.users.set_password(&user.id, new).await {
                Ok(()) => {
                    session.keep_after_password_change().await?;
                    return Ok(see_other("/?done=password"));
                }
                Err(UsersError::Unavailable(outage)) => return Err(outage.into()),
                Err(error) => error.to_string(),
            },
            Err(Error::Rejected(_)) => "The present password is wrong.".to_owned(),
            Err(error) => return Err(error.into()),
        };
    show(call, session, None, Some(error)).await
}

async fn end_session(call: &Call<'_>) -> Answer {
    if let (Some(user), Ok(handle)) = (call.auth.user(), Form::read(call)?.text("session")?.parse()) {
        call.shop.sessions.end(&user.id, &handle).await?;
    }
    Ok(see_other("/?done=end"))
}

async fn end_others(call: &Call<'_>) -> Answer {
    if let Some(identity) = call.auth.identity() {
        call.shop.sessions.end_all(&identity.user().id, identity.grant().session()).await?;
    }
    Ok(see_other("/?done=end"))
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
            assert_eq!(is_from(&headers, None, is_https), own, "{sent:?}, https: {is_https}");
        }
    }

    #[test]
    fn without_a_host_there_is_no_origin_of_ours() {
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://"))]);
        assert!(!is_from(&headers, None, false));
    }
}
