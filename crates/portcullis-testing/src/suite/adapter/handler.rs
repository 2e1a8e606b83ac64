//! What the handlers of the routes do.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use portcullis::{
    Access, Account, Auth, Denial, Error, MaybeAuth, Rejected, Rejection, Session, SessionError, Throttled,
    Unavailable, User, UserId,
};

use super::world::Note;

/// Answers by the name of a handler, for a framework without extractors; `note` makes the adapter's own type.
///
/// The names are those of the paths of [`adapter`](crate::suite::adapter): `whoami`, `scheme`, `maybe`, `echo`, `method`,
/// `checked`, `swallowed`, `listed`, `owed`, `failing`, `teapot`, `session` and all that keep something in one,
/// `member-auth`, `member-maybe`, `member-session`. Any other is the text to answer. What a path captures is its last
/// segment.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
///
/// # Errors
///
/// [`Rejection`] where the handler is to be refused.
pub async fn handle<T: Send + Sync + 'static>(
    name: &str,
    parts: &Parts,
    body: Bytes,
    note: fn(Note) -> T,
) -> Result<Response<Bytes>, Rejection> {
    let extensions = &parts.extensions;
    let auth = || Auth::<Account>::of::<Bytes>(extensions);
    let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let text = match name {
        "whoami" => auth()?.user().username.clone(),
        "scheme" => scheme(&auth()?),
        "maybe" => {
            let auth = MaybeAuth::<Account>::of(extensions)?;
            auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
        }
        "echo" => return Ok(Response::new(body)),
        "method" => parts.method.to_string(),
        "checked" => {
            auth()?.check_object(&note(Note(1))).await?;
            "a note".to_owned()
        }
        "swallowed" => {
            let _ = auth()?.check_object(&note(Note(2))).await;
            "a note".to_owned()
        }
        "listed" => {
            let (auth, [one, two]) = (auth()?, [1, 2].map(|number| note(Note(number))));
            format!("{} {}", auth.allows(&one).await?, auth.allows(&two).await?)
        }
        "owed" => return owed(&Access::of(extensions)?, last, note).await,
        "failing" => return Err(failure(last).into()),
        "teapot" => return Err(Rejection::answer(answer(StatusCode::IM_A_TEAPOT, "teapot"))),
        "member-auth" => Auth::<Member>::of::<Bytes>(extensions)?.user().username().to_owned(),
        "member-maybe" => format!("{:?}", MaybeAuth::<Member>::of::<Bytes>(extensions)?.identity().is_some()),
        "member-session" => {
            Access::<Member>::of(extensions)?.session(&parts.headers).await?;
            "a session".to_owned()
        }
        _ => return keep(name, parts).await,
    };
    Ok(Response::new(text.into()))
}

async fn owed<T: Send + Sync + 'static>(
    access: &Access,
    kind: &str,
    note: fn(Note) -> T,
) -> Result<Response<Bytes>, Rejection> {
    let mut response = answer(owe(access, kind, note).await, "");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/notes/1"));
    Ok(response)
}

/// The handlers that take the session.
async fn keep(name: &str, parts: &Parts) -> Result<Response<Bytes>, Rejection> {
    let session = async || -> Result<Session, Rejection> {
        let access: Access = Access::of(&parts.extensions)?;
        Ok(access.session(&parts.headers).await?)
    };
    let text = match name {
        "session" => session().await.map(|_| "a session".to_owned())?,
        "count" => count(&session().await?).await?.to_string(),
        "count-and-fail" => {
            count(&session().await?).await?;
            return Ok(answer(StatusCode::BAD_GATEWAY, "failed"));
        }
        "count-and-refuse" => {
            count(&session().await?).await?;
            return Ok(answer(StatusCode::NOT_FOUND, "refused"));
        }
        "count-and-panic" => {
            count(&session().await?).await?;
            panics()
        }
        "count-and-wait" => {
            count(&session().await?).await?;
            pending().await
        }
        "cycle" => {
            session().await?.cycle_id().await?;
            "cycled".to_owned()
        }
        "log-out-and-fail" => {
            session().await?.log_out().await?;
            return Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, "failed"));
        }
        text => text.to_owned(),
    };
    Ok(Response::new(text.into()))
}

#[expect(clippy::panic, reason = "the route is there for that")]
fn panics() -> ! {
    panic!("a bug of the handler")
}

fn answer(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

/// Makes the answer of `/scheme`: how the user authenticated, and whether the access knows it, too.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[must_use]
pub fn scheme(auth: &Auth) -> String {
    format!("{} {}", auth.identity().scheme(), auth.access().identity().is_some())
}

/// Does to notes what `/owed/{kind}` says, ignores what comes out, and tells the status to answer.
///
/// `both` checks notes 1 and 2, `both-reversed` 2 and 1, `asked` only asks about them, `another-type` checks an `Arc` of
/// note 1; `redirected`, `switched`, `not-modified` and `malformed` look at none.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
pub async fn owe<T: Send + Sync + 'static>(access: &Access, kind: &str, note: fn(Note) -> T) -> StatusCode {
    let [one, two] = [1, 2].map(|number| note(Note(number)));
    match kind {
        "both" => drop((access.check_object(&one).await, access.check_object(&two).await)),
        "both-reversed" => drop((access.check_object(&two).await, access.check_object(&one).await)),
        "asked" => drop((access.allows(&one).await, access.allows(&two).await)),
        "another-type" => drop(access.check_object(&Arc::new(one)).await),
        _ => {}
    }
    match kind {
        "redirected" => StatusCode::FOUND,
        "switched" => StatusCode::SWITCHING_PROTOCOLS,
        "not-modified" => StatusCode::NOT_MODIFIED,
        "malformed" => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// Makes the error that a handler of `/failing/{kind}` returns: `rejected`, `denied`, `hidden`, `throttled`, else an
/// outage.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[must_use]
pub fn failure(kind: &str) -> Error {
    match kind {
        "rejected" => Rejected::new("Say it again.").into(),
        "denied" => Denial::new("Not today.").into(),
        "hidden" => Denial::new("Not today.").hide().into(),
        "throttled" => Throttled::new(Duration::from_millis(1_500)).into(),
        _ => Unavailable::new("10.0.0.7 is away").into(),
    }
}

/// Counts the visits of a session, this one too.
///
/// # Errors
///
/// [`SessionError`] as [`Session::insert`].
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
pub async fn count(session: &Session<Account>) -> Result<u32, SessionError> {
    let count = session.get::<u32>("count").await?.unwrap_or(0).saturating_add(1);
    session.insert("count", &count).await?;
    Ok(count)
}

/// A user of another type than the guard's.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[derive(Debug)]
pub struct Member;

impl User for Member {
    fn id(&self) -> UserId {
        1.into()
    }

    fn username(&self) -> &'static str {
        "member"
    }

    fn is_active(&self) -> bool {
        true
    }

    fn auth_epoch(&self) -> i64 {
        0
    }
}
