//! One route behind the guard.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, COOKIE, FORWARDED, SET_COOKIE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::error::{Denial, Error, Rejected, Unavailable};
use crate::event::{Event, EventKind, Origin};
use crate::guard::answer::{Answers, add_vary, not_authenticated, plain};
use crate::guard::builder::one_sessions;
use crate::guard::proxies::FORWARDED_FOR;
use crate::guard::{Access, Entry, Guard, GuardError, Policy};
use crate::identity::Identity;
use crate::permission::{Decision, Permissions};
use crate::request::{AuthRequest, RequestHead};
use crate::session::{CsrfCheck, MAX_FORM, SessionState, Sessions, is_exempt};
use crate::throttle::{self, Throttle};
use crate::user::{Account, User};

/// What holds on one route, fixed when it is registered; cloning shares it.
///
/// # Examples
///
/// See [`Admitted`].
pub struct Route<U = Account>(Arc<Inner<U>>);

struct Inner<U> {
    guard: Guard<U>,
    authenticators: Arc<[Entry<U>]>,
    sessions: Option<Sessions<U>>,
    permission: Permissions<U>,
    throttles: Arc<[Throttle]>,
    owes_object: bool,
    takes_passwords: bool,
    answers: Answers,
}

/// What became of a request: let through, or waiting for its small form body.
///
/// # Examples
///
/// See [`Admitted`].
#[must_use = "the request is answered by nobody, and its answer must pass `finish`"]
pub enum Admission<U = Account> {
    /// It may go on.
    Ready(Admitted<U>),
    /// Its origin must be proved by a form field: collect the body and call [`Pending::with_body`].
    NeedsBody(Box<Pending<U>>),
}

/// A request that may go on; its answer must pass [`Admitted::finish`].
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use portcullis::{Access, Admission, Guard, Policy, Route, Users, store::MemoryStore};
///
/// /// Answers one request, as an adapter does.
/// async fn answer(route: &Route, request: http::Request<Bytes>) -> http::Response<Bytes> {
///     let (mut parts, body) = request.into_parts();
///     let admitted = match route.admit(&mut parts, None).await {
///         Ok(Admission::Ready(admitted)) => admitted,
///         Ok(Admission::NeedsBody(pending)) => match pending.with_body(&mut parts, &body).await {
///             Ok(admitted) => admitted,
///             Err(refusal) => return refusal,
///         },
///         Err(refusal) => return refusal,
///     };
///     let access = Access::of(&parts.extensions).expect("the guard let it through");
///     let greeting = access.identity().map_or("Hello", |_: &portcullis::Identity| "Welcome back");
///     admitted.finish(http::Response::new(greeting.into())).await
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let users = Users::new(MemoryStore::new());
/// let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
/// let open = guard.route(&Policy::default().public())?;
/// assert_eq!(answer(&open, http::Request::default()).await.body(), "Hello");
/// let closed = guard.route(&Policy::default())?;
/// assert_eq!(answer(&closed, http::Request::default()).await.status(), 401);
/// # Ok::<(), portcullis::GuardError>(())
/// # }).unwrap();
/// ```
#[must_use = "the answer must pass `finish`"]
pub struct Admitted<U = Account>(Access<U>);

/// A request whose form body must be looked at first.
///
/// # Examples
///
/// See [`Admitted`].
#[must_use = "the request is not let through yet"]
pub struct Pending<U = Account> {
    route: Route<U>,
    identity: Option<Identity<U>>,
    state: SessionState,
    check: CsrfCheck,
    peer: Option<IpAddr>,
}

/// The error that a handler answered with; [`Admitted::finish`] gives it the route's status, challenges and body.
#[derive(Clone)]
struct HandlerError(Error);

impl<U> Clone for Route<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: User> fmt::Debug for Route<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("authenticators", &self.authenticators().collect::<Vec<_>>())
            .field("permission", &self.0.permission.describe())
            .finish()
    }
}

impl<U: User> fmt::Debug for Admitted<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admitted").field(&self.0).finish()
    }
}

impl<U: User> fmt::Debug for Admission<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(admitted) => f.debug_tuple("Ready").field(admitted).finish(),
            Self::NeedsBody(pending) => f.debug_tuple("NeedsBody").field(pending).finish(),
        }
    }
}

impl<U> fmt::Debug for Pending<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<U: User> Route<U> {
    pub(crate) fn new(guard: Guard<U>, policy: &Policy<U>) -> Result<Self, GuardError> {
        let permission = policy.permission.clone().transpose()?.unwrap_or_else(|| guard.0.permission.clone());
        let authenticators =
            policy.authenticators.clone().unwrap_or_else(|| Arc::clone(&guard.0.authenticators));
        if authenticators.is_empty() && permission.needs_identity() {
            return Err(GuardError::NobodyCanPass(permission.describe()));
        }
        let throttles = policy.throttles.clone().unwrap_or_else(|| Arc::clone(&guard.0.throttles));
        let sessions = one_sessions(&authenticators)?.or_else(|| guard.sessions().cloned());
        let answers = Answers::new(&authenticators, guard.0.challenge);
        Ok(Self(Arc::new(Inner {
            guard,
            authenticators,
            sessions,
            permission,
            throttles,
            owes_object: !policy.has_no_object,
            takes_passwords: policy.takes_passwords,
            answers,
        })))
    }

    /// Lends the guard.
    #[must_use]
    pub fn guard(&self) -> &Guard<U> {
        &self.0.guard
    }

    /// Names the schemes of the route's authenticators, in order; for the table of routes.
    pub fn authenticators(&self) -> impl Iterator<Item = &'static str> {
        self.0.authenticators.iter().map(|entry| entry.authenticator().scheme().as_str())
    }

    /// Lends the permission of the route.
    #[must_use]
    pub fn permission(&self) -> &Permissions<U> {
        &self.0.permission
    }

    pub(crate) fn sessions(&self) -> Option<&Sessions<U>> {
        self.0.sessions.as_ref()
    }

    /// Decides about a request before its handler runs; `peer` is the other end of the connection.
    ///
    /// # Errors
    ///
    /// The finished answer, when the request may not go on.
    pub async fn admit(
        &self,
        parts: &mut Parts,
        peer: Option<IpAddr>,
    ) -> Result<Admission<U>, Response<Bytes>> {
        let mut state = SessionState::default();
        let head = self.head(parts, peer);
        let mut identity = match self.authenticate(&head, &mut state).await {
            Ok(identity) => identity,
            Err(error) => return Err(self.answer_refusal(&error, &head, None, &mut state)),
        };
        if let Some(known) = &identity {
            // Boxed, as a session's look-up is: few requests are unsafe ones of a session.
            let checked = if owes_origin(known, parts) {
                Box::pin(self.check_origin(&head, known, &mut state)).await
            } else {
                Ok(None)
            };
            match checked {
                Ok(None) => {}
                Ok(Some(check)) => {
                    let (route, identity) = (self.clone(), identity.take());
                    return Ok(Admission::NeedsBody(Box::new(Pending {
                        route,
                        identity,
                        state,
                        check,
                        peer,
                    })));
                }
                Err(error) => return Err(self.answer_refusal(&error, &head, identity.as_ref(), &mut state)),
            }
        }
        self.permit(parts, peer, &mut identity, &mut state).await.map(Admission::Ready)
    }

    fn head<'a>(&self, parts: &'a Parts, peer: Option<IpAddr>) -> RequestHead<'a> {
        let proxies = &self.0.guard.0.proxies;
        let is_https = parts.uri.scheme_str() == Some("https") || proxies.says_https(peer, &parts.headers);
        RequestHead::new(parts, peer).with_client(proxies.client(peer, &parts.headers)).with_https(is_https)
    }

    async fn authenticate(
        &self,
        head: &RequestHead<'_>,
        state: &mut SessionState,
    ) -> Result<Option<Identity<U>>, Error> {
        if self.0.takes_passwords {
            self.check_transport(head)?;
        }
        for entry in self.0.authenticators.iter() {
            let authenticator = entry.authenticator();
            if !authenticator.applies(head) {
                continue;
            }
            if self.0.guard.0.requires_https
                && authenticator.header().is_none_or(|header| head.headers.contains_key(header))
            {
                self.check_transport(head)?;
            }
            let found = match entry.plain_sessions() {
                Some(sessions) if !sessions.are_named(&head.headers, state) => None,
                // Boxed, as the others' are: a request pays for the room of what it uses.
                Some(sessions) => Box::pin(sessions.identify(head, state)).await?,
                None => authenticator.authenticate(head).await?,
            };
            match found {
                Some(identity) if identity.user().is_active() => return Ok(Some(identity)),
                Some(_) => return Err(Rejected::new("User inactive or deleted.").into()),
                None => {}
            }
        }
        Ok(None)
    }

    /// Refuses credentials in clear text where the guard requires TLS.
    fn check_transport(&self, head: &RequestHead<'_>) -> Result<(), Error> {
        // Both: a client in a trusted network may forward itself as loopback.
        let are_loopback = [head.peer(), head.client()]
            .iter()
            .all(|end| end.is_some_and(|end| end.to_canonical().is_loopback()));
        // A proxy of this machine that nobody trusts yet forwards strangers.
        let is_forwarded = [FORWARDED_FOR, FORWARDED].iter().any(|name| head.headers.contains_key(name));
        let is_local = are_loopback && !is_forwarded;
        if self.0.guard.0.requires_https && !head.is_https() && !is_local {
            return Err(Denial::new("Credentials are accepted over HTTPS only.")
                .with_code("https_required")
                .into());
        }
        Ok(())
    }

    /// Checks the origin of an unsafe request of a session; `Some` where a form body must tell.
    ///
    /// An authenticator around that of the sessions may return its identity, or one of an earlier request; the origin is
    /// proved against the session that this request names, or not at all.
    async fn check_origin(
        &self,
        head: &RequestHead<'_>,
        identity: &Identity<U>,
        state: &mut SessionState,
    ) -> Result<Option<CsrfCheck>, Error> {
        let Some(session) = identity.grant().session() else {
            return Ok(None);
        };
        let sessions = self.sessions().ok_or_else(|| {
            Unavailable::new("an authenticator returns a session's identity: lend `Authenticator::sessions`")
        })?;
        sessions.look(&head.headers, state);
        sessions.load(state).await?;
        if state.current().is_none_or(|current| current.key != *session) {
            let reason = "an authenticator returns the identity of a session that the request does not name";
            return Err(Unavailable::new(reason).into());
        }
        let Some(check) = sessions.check_csrf(head, state)? else { return Ok(None) };
        if check.needs_body(head, self.0.guard.0.reads_forms_first) {
            return Ok(Some(check));
        }
        check.check_header(head)?;
        Ok(None)
    }

    async fn permit(
        &self,
        parts: &mut Parts,
        peer: Option<IpAddr>,
        identity: &mut Option<Identity<U>>,
        state: &mut SessionState,
    ) -> Result<Admitted<U>, Response<Bytes>> {
        // Boxed, so that a route without throttles has no room for them.
        let permitted = if self.0.throttles.is_empty() {
            let decision = self.0.permission.check(&self.request(parts, peer, identity.as_ref())).await;
            self.judge(decision, &parts.method, identity.is_some())
        } else {
            Box::pin(self.permit_and_count(parts, peer, identity.as_ref())).await
        };
        // Described only now: what lives while something waits makes every request larger.
        let head = self.head(parts, peer);
        match permitted {
            Ok(owes) => {
                let (identity, state) = (identity.take(), std::mem::take(state));
                let access = Access::new(self.clone(), parts, &head, identity, state, owes);
                access.insert(&mut parts.extensions);
                Ok(Admitted(access))
            }
            Err(error) => Err(self.answer_refusal(&error, &head, identity.as_ref(), state)),
        }
    }

    /// What the permission of the route decides on.
    fn request<'a>(
        &self,
        parts: &'a Parts,
        peer: Option<IpAddr>,
        identity: Option<&'a Identity<U>>,
    ) -> AuthRequest<'a, U> {
        let client = self.0.guard.0.proxies.client(peer, &parts.headers);
        AuthRequest::new(&parts.method, &parts.uri, &parts.headers, identity, client)
    }

    /// Whether a permitted request owes an object check, or why it was not permitted.
    fn judge(
        &self,
        decision: Result<Decision, Unavailable>,
        method: &Method,
        is_known: bool,
    ) -> Result<bool, Error> {
        match decision {
            Ok(Decision::Allow) => Ok(false),
            Ok(Decision::NeedsObject) => Ok(self.owes_on(method)),
            Ok(Decision::Deny(denial)) => Err(self.refusal(denial, is_known)),
            Err(outage) => Err(outage.into()),
        }
    }

    /// Counts a request that is permitted, whatever its method; what was refused before is not counted, as in DRF.
    async fn permit_and_count(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
        identity: Option<&Identity<U>>,
    ) -> Result<bool, Error> {
        let request = self.request(parts, peer, identity);
        let decision = self.0.permission.check(&request).await;
        let owes = self.judge(decision, &parts.method, identity.is_some())?;
        let (user, now) = (identity.map(|identity| identity.user().id()), self.0.guard.environment().now());
        throttle::check(&self.0.throttles, user.as_ref(), request.client(), now).await?;
        Ok(owes)
    }

    fn owes_on(&self, method: &Method) -> bool {
        self.0.owes_object && (self.0.guard.0.posts_owe_objects || *method != Method::POST)
    }

    /// A refused act of somebody is a denial; of nobody, a request to authenticate (DRF `permission_denied`).
    pub(crate) fn refusal(&self, denial: Denial, is_known: bool) -> Error {
        if is_known || denial.is_hidden() || self.0.authenticators.is_empty() {
            denial.into()
        } else {
            not_authenticated()
        }
    }

    fn answer_refusal(
        &self,
        error: &Error,
        head: &RequestHead<'_>,
        identity: Option<&Identity<U>>,
        state: &mut SessionState,
    ) -> Response<Bytes> {
        self.record(error, head.origin(), identity);
        let mut response = self.render(error);
        self.write_cookies(state, response.headers_mut());
        response
    }

    fn record(&self, error: &Error, origin: Origin<'_>, identity: Option<&Identity<U>>) {
        self.0.guard.environment().record(|| {
            let event = Event::new(kind_of(error)).with_code(error.code()).with_origin(origin);
            identity.into_iter().fold(event, |event, identity| {
                event.with_user(identity.user().id()).with_scheme(identity.scheme())
            })
        });
        if let Error::Unavailable(outage) = error {
            tracing::warn!(target: "portcullis", reason = outage.reason(), "a request could not be decided");
        }
    }

    /// Turns an error into the answer of this route: status, challenges, body.
    #[must_use]
    pub fn render(&self, error: &Error) -> Response<Bytes> {
        self.0.answers.refuse(error, self.0.guard.0.render.as_ref())
    }

    /// Answers a path that nobody knows, as DRF does; for adapters.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Guard, Policy, Users, store::MemoryStore};
    ///
    /// let users = Users::new(MemoryStore::new());
    /// let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    /// let answer = guard.route(&Policy::default().public())?.not_found();
    /// assert_eq!((answer.status().as_u16(), &answer.body()[..]), (404, &br#"{"detail":"Not found."}"#[..]));
    /// # Ok::<(), portcullis::GuardError>(())
    /// ```
    #[must_use]
    pub fn not_found(&self) -> Response<Bytes> {
        self.render(&Denial::default().hide().into())
    }

    fn write_cookies(&self, state: &mut SessionState, headers: &mut HeaderMap) {
        let Some(sessions) = &self.0.sessions else { return };
        let cookies = sessions.cookies(state).unwrap_or_else(|error| {
            tracing::error!(target: "portcullis", %error, "a cookie cannot be written");
            Vec::new()
        });
        if !cookies.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        cookies.into_iter().for_each(|cookie| {
            headers.append(SET_COOKIE, cookie);
        });
    }
}

/// Whether a request of this identity must prove its origin: an unsafe one of a session, or its handshake.
fn owes_origin<U>(identity: &Identity<U>, parts: &Parts) -> bool {
    let is_unsafe = !is_exempt(&parts.method) || parts.headers.contains_key(UPGRADE);
    identity.grant().session().is_some() && is_unsafe
}

fn kind_of(error: &Error) -> EventKind {
    match error {
        Error::Rejected(_) => EventKind::Rejected,
        Error::Denied(denial) if denial.code() == "csrf_failed" => EventKind::CsrfFailed,
        Error::Denied(_) => EventKind::Denied,
        Error::Throttled(_) => EventKind::Throttled,
        Error::Unavailable(_) => EventKind::Unavailable,
    }
}

impl<U: User> Pending<U> {
    /// The most that may be read of the body, in bytes; a longer one is answered 413.
    pub const LIMIT: usize = MAX_FORM;

    /// Goes on with the whole body: the origin first, then the permission, as for every request.
    ///
    /// # Errors
    ///
    /// The finished answer, when the request may not go on: 400 and 415 for a body that cannot be read, 403 without a
    /// good token.
    ///
    /// # Security
    ///
    /// An adapter hands over the head that was admitted and the very bytes that the handler will get. With other bytes
    /// the origin of one request is proved and another one is served.
    pub async fn with_body(
        mut self,
        parts: &mut Parts,
        body: &Bytes,
    ) -> Result<Admitted<U>, Response<Bytes>> {
        let head = self.route.head(parts, self.peer);
        let strict = self.route.0.guard.0.reads_forms_first;
        match self.check.check_body(&head, body, strict) {
            Ok(Ok(())) => self.route.permit(parts, self.peer, &mut self.identity, &mut self.state).await,
            Ok(Err(error)) => {
                Err(self.route.answer_refusal(&error, &head, self.identity.as_ref(), &mut self.state))
            }
            Err(malformed) => Err(malformed.into_response()),
        }
    }

    /// Answers a body that is longer than [`Pending::LIMIT`]: 413.
    #[must_use]
    pub fn too_large() -> Response<Bytes> {
        plain(StatusCode::PAYLOAD_TOO_LARGE, "Request body is too large.")
    }

    /// Answers a head that the core cannot be shown: 400.
    #[must_use]
    pub fn malformed() -> Response<Bytes> {
        plain(StatusCode::BAD_REQUEST, "Malformed request.")
    }

    /// Answers a body that ended before it was whole: 400.
    #[must_use]
    pub fn unreadable() -> Response<Bytes> {
        plain(StatusCode::BAD_REQUEST, "The request body could not be read.")
    }
}

impl<U: User> Admitted<U> {
    /// Lends what the handler may know.
    #[must_use]
    pub const fn access(&self) -> &Access<U> {
        &self.0
    }

    /// Attaches a handler's error to its answer, for [`Admitted::finish`] to render; for adapters.
    pub fn attach<B>(error: Error, response: &mut Response<B>) {
        response.extensions_mut().insert(HandlerError(error));
    }

    /// Takes an attached error off an answer, for adapters whose framework has an answer type of its own.
    pub fn detach<B>(response: &mut Response<B>) -> Option<Error> {
        response.extensions_mut().remove().map(|HandlerError(error)| error)
    }

    /// Completes the answer before its head is sent: the object check owed, the session saved, cookies, `Vary`.
    ///
    /// At most one store call is made. A save that fails replaces the answer by 503; with a 5xx nothing is saved.
    pub async fn finish<B: From<Bytes>>(self, mut response: Response<B>) -> Response<B> {
        let route = &self.0.0.route;
        if let Some(error) = Self::detach(&mut response) {
            response = self.refuse(&error).map(B::from);
        }
        if self.0.owes_object_check() && leaves_open(response.status()) {
            response = self.replace_unchecked().map(B::from);
        }
        let mut state = self.0.0.state.lock().await;
        if let Some(sessions) = route.sessions()
            && !response.status().is_server_error()
            && state.has_changes()
            && let Err(outage) = Box::pin(sessions.save(&mut state)).await
        {
            response = self.refuse(&outage.into()).map(B::from);
        }
        route.write_cookies(&mut state, response.headers_mut());
        if let Some(vary) = route.0.answers.vary() {
            add_vary(response.headers_mut(), vary);
        }
        // A handler read the session on a route that asks no authenticator (CVE-2014-1418, CVE-2023-30861).
        if state.looked() && !route.0.answers.varies_on(&COOKIE) {
            add_vary(response.headers_mut(), &HeaderValue::from_static("cookie"));
        }
        response
    }

    /// Records what a handler, or the end of the request, refused, and renders it.
    fn refuse(&self, error: &Error) -> Response<Bytes> {
        let route = &self.0.0.route;
        let origin = Origin { client: self.0.client(), ..Origin::default() };
        route.record(error, origin, self.0.identity());
        route.render(error)
    }

    fn replace_unchecked(&self) -> Response<Bytes> {
        let route = &self.0.0.route;
        route.guard().environment().record(|| Event::new(EventKind::ObjectCheckMissing));
        tracing::error!(
            target: "portcullis",
            permission = route.permission().describe(),
            "a handler owed an object check and made none: its answer was replaced by 403"
        );
        route.render(&Denial::default().into())
    }
}

/// Whether an answer gives something away: all but errors and 304; 101 opens a stream.
fn leaves_open(status: StatusCode) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    !is_error && status != StatusCode::NOT_MODIFIED
}
