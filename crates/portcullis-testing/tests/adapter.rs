//! An adapter without a framework passes the suite, and no broken one does.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{ALLOW, SET_COOKIE, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis::endpoint::Endpoint;
use portcullis::permission::{AllowAny, IsAdminUser, IsAuthenticated};
use portcullis::routing::{Built, Found, Methods, Resource, RouteTable, Routes, Unknown};
use portcullis::{Account, Admission, AnyAccess, Identity, Pending, Policy, Rejection, Route};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{
    self, Adapter, IsLocal, IsOwner, Note, Pieces, SeesFullPath, World,
};

#[tokio::test]
async fn an_adapter_without_a_framework_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(async |world| Plain::mount(world, Fault::None)).await
}

#[tokio::test]
async fn every_broken_adapter_is_caught() {
    for (fault, clause) in [
        (Fault::ForgetsFinish, "what_a_handler_keeps_is_saved_unless_it_fails"),
        (Fault::ForgetsFinish, "an_answer_without_the_check_that_it_owes_does_not_leave"),
        (Fault::ForgetsFinish, "an_error_of_a_handler_is_answered_as_the_route_answers"),
        (Fault::FinishesTooEarly, "what_a_handler_keeps_is_saved_unless_it_fails"),
        (Fault::TrustsExtensions, "what_other_code_inserts_is_not_believed"),
        (Fault::KeepsTheOldAccess, "the_guard_s_word_for_another_request_is_not_believed"),
        (Fault::NoGuardIsNobody, "without_the_guard_nobody_is_served"),
        (Fault::DropsVary, "the_credentials_of_a_request_decide_who_asks"),
        (Fault::DropsCookies, "a_login_sets_the_cookie_and_a_logout_takes_it_back"),
        (Fault::KeepsOneChallenge, "the_credentials_of_a_request_decide_who_asks"),
        (Fault::AnswersMethodsFirst, "every_method_of_every_route_is_decided_before_it_is_answered"),
        (Fault::TellsStrangersTheMethods, "every_method_of_every_route_is_decided_before_it_is_answered"),
        (Fault::HeadIsAMethodOfItsOwn, "every_method_of_every_route_is_decided_before_it_is_answered"),
        (Fault::HeadKeepsItsBody, "head_is_answered_as_get_without_a_body"),
        (Fault::SwallowsTheForm, "a_form_that_proves_its_origin_reaches_the_handler_byte_for_byte"),
        (Fault::WritesTheFormAnew, "a_form_that_proves_its_origin_reaches_the_handler_byte_for_byte"),
        (Fault::ReadsWithoutEnd, "the_guard_reads_64_kib_of_a_form_and_no_more"),
        (Fault::ReadsWithoutEnd, "an_endpoint_reads_64_kib_and_no_more"),
        (Fault::ReadsTheBodyFirst, "an_object_is_loaded_and_checked_before_the_body_is_read"),
        (Fault::ForgetsThePeer, "the_peer_is_the_word_of_the_server"),
        (Fault::TakesTheForwardedPeer, "the_peer_is_the_word_of_the_server"),
        (Fault::StripsThePrefix, "every_method_of_every_route_is_decided_before_it_is_answered"),
        (Fault::ServesSlashesUnguarded, "another_spelling_of_a_path_is_another_path"),
        (Fault::ServesTheAbsoluteFormToAll, "the_absolute_form_is_the_same_route"),
        (Fault::GuardsUnknownPaths, "an_unknown_path_is_404_and_needs_no_identity"),
        (Fault::ForgetsARoute, "the_table_at_start_up_is_the_documented_one"),
        (Fault::OpensARoute, "the_table_at_start_up_is_the_documented_one"),
        (Fault::OpensARoute, "every_method_of_every_route_is_decided_before_it_is_answered"),
        (Fault::ReadsWithoutEnd, "the_guard_stops_reading_where_a_form_is_too_large"),
        (Fault::CollectsTheBodyFirst, "the_guard_stops_reading_where_a_form_is_too_large"),
        (Fault::CollectsTheBodyFirst, "an_upload_that_proves_its_origin_otherwise_streams"),
        (Fault::CollectsTheBodyFirst, "of_a_refused_request_nothing_is_read"),
        (Fault::AnotherUserIsNobody, "for_another_user_type_nobody_is_served"),
        (Fault::NoSessionsIsNoSession, "without_sessions_there_is_none_to_take"),
        (Fault::AnswersForAPanic, "a_handler_that_panics_or_is_dropped_saves_nothing"),
        (Fault::ServesTheFallbackToAll, "a_fallback_asks_what_the_router_asks"),
        (Fault::AsksTheGuardAlone, "a_fallback_asks_what_the_router_asks"),
        (Fault::ServesSlashesUnguarded, "a_fallback_asks_what_the_router_asks"),
        (Fault::AnswersMethodsFirst, "a_throttle_of_the_guard_counts_whatever_is_permitted"),
        (Fault::AnswersMethodsFirst, "who_cannot_be_asked_about_is_not_nobody"),
        (Fault::ForgetsFinish, "in_drf_s_way_only_a_post_leaves_without_its_check"),
    ] {
        let result = adapter::run(async |world| Plain::mount(world, fault)).await;
        let broken: Vec<_> = result.err().iter().flat_map(Broken::clauses).collect();
        assert!(broken.contains(&clause), "{fault:?} broke only {broken:?}, not {clause}");
    }
}

#[tokio::test]
async fn a_broken_row_is_named() {
    let broken = adapter::run(async |world| Plain::mount(world, Fault::ForgetsARoute)).await.unwrap_err();
    let text = broken.to_string();
    for part in [
        "broken: the table at start up is the documented one",
        r#"GET /staff asks ["token", "session", "basic"] for IsAdminUser: no such row"#,
        "GET /staff of Mary\n    found\n      404\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    ForgetsFinish,
    FinishesTooEarly,
    TrustsExtensions,
    KeepsTheOldAccess,
    NoGuardIsNobody,
    DropsVary,
    DropsCookies,
    KeepsOneChallenge,
    AnswersMethodsFirst,
    TellsStrangersTheMethods,
    HeadIsAMethodOfItsOwn,
    HeadKeepsItsBody,
    SwallowsTheForm,
    WritesTheFormAnew,
    ReadsWithoutEnd,
    ReadsTheBodyFirst,
    ForgetsThePeer,
    TakesTheForwardedPeer,
    StripsThePrefix,
    ServesSlashesUnguarded,
    ServesTheAbsoluteFormToAll,
    GuardsUnknownPaths,
    ForgetsARoute,
    OpensARoute,
    CollectsTheBodyFirst,
    AnotherUserIsNobody,
    NoSessionsIsNoSession,
    AnswersForAPanic,
    ServesTheFallbackToAll,
    AsksTheGuardAlone,
}

type Answer = Result<Response<Bytes>, Rejection>;

/// A handler by name, or an endpoint.
enum Handler {
    Named(&'static str),
    Endpoint(Endpoint),
}

impl From<Endpoint> for Handler {
    fn from(endpoint: Endpoint) -> Self {
        Self::Endpoint(endpoint)
    }
}

/// What answers once the route has let the request in.
#[derive(Clone, Copy)]
enum Next<'a> {
    Handler(&'a Handler),
    NotAllowed(&'a Resource<Handler>),
}

struct Plain {
    table: RouteTable,
    built: Built<Handler>,
    guarded_unknown: Route,
    fault: Fault,
}

impl Plain {
    fn mount(world: &World, fault: Fault) -> Self {
        let of = |methods: &[Method], name: &'static str| {
            methods.iter().fold(Methods::none(), |all, method| all.and(method.clone(), Handler::Named(name)))
        };
        let get = |name| of(&[Method::GET], name);
        let both = get("method").with(None, Policy::default(), Handler::Named("method"));
        let staff = get("staff").require(IsAdminUser);
        let routes = Routes::new(world.guard())
            .route("/whoami", get("whoami"))
            .route("/scheme", get("scheme"))
            .route("/maybe", of(&[Method::GET, Method::POST], "maybe").public())
            .route("/open", get("whoami").require(AllowAny))
            .route("/echo", of(&[Method::POST, Method::PUT], "echo"))
            .route("/pieces", of(&[Method::POST], "pieces"))
            .route("/any", Methods::any(Handler::Named("method")))
            .route("/both", both)
            .route(
                "/rare",
                of(&[Method::PATCH, Method::TRACE], "rare").authenticate_with(world.tokens().authenticator()),
            )
            .route("/local", get("local").require(IsLocal))
            .route("/mixed", get("read").public())
            .route("/mixed", of(&[Method::POST], "written").require(IsAdminUser))
            .route("/throttled", get("counted").throttle(world.throttle()))
            .route("/free", get("free").public().without_throttles())
            .route("/failing/{kind}", get("failing"))
            .route("/teapot", get("teapot"))
            .route("/visit", get("session").public())
            .route("/member/auth", get("member-auth"))
            .route("/member/maybe", get("member-maybe").public())
            .route("/member/session", get("member-session"))
            .mount(world.sessions().endpoints("/session"))
            .mount(world.tokens().endpoints("/tokens"))
            .mount(world.tokens().obtain_endpoint("/obtain"));
        let routes = Self::objects(routes, get);
        let routes = Self::keepers(routes, get).merge(Self::scopes(world, get));
        let routes = match fault {
            Fault::ForgetsARoute => routes,
            Fault::OpensARoute => routes.route("/staff", staff.public()),
            _ => routes.route("/staff", staff),
        };
        let routes = match (world.has_fallback(), fault) {
            (false, _) => routes,
            (true, Fault::AsksTheGuardAlone) => routes.fallback(Handler::Named("fallback")),
            (true, _) => routes.require(IsAdminUser).fallback(Handler::Named("fallback")),
        };
        let guarded_unknown = world.guard().route(&Policy::default()).unwrap();
        Self { table: routes.table().unwrap(), built: routes.build().unwrap(), guarded_unknown, fault }
    }

    fn objects(routes: Routes<Handler>, get: impl Fn(&'static str) -> Methods<Handler>) -> Routes<Handler> {
        let owned = IsOwner::<Note>::new;
        let notes = get("note").and(Method::PUT, Handler::Named("rename"));
        let unchecked = get("a note").and(Method::POST, Handler::Named("a note"));
        routes
            .route("/notes/{id}", notes.require(IsAuthenticated & owned()))
            .route("/unchecked", unchecked.require(owned()))
            .route("/checked", get("checked").require(owned()))
            .route("/swallowed", get("swallowed").require(owned()))
            .route(
                "/listed",
                get("listed").and(Method::POST, Handler::Named("listed")).require(owned()).without_object(),
            )
            .route("/owed/{kind}", get("owed").require(owned()))
    }

    fn keepers(routes: Routes<Handler>, get: impl Fn(&'static str) -> Methods<Handler>) -> Routes<Handler> {
        let post = |name| Methods::on(Method::POST, Handler::Named(name));
        routes
            .route("/count", get("count"))
            .route("/count-and-fail", get("count-and-fail"))
            .route("/count-and-refuse", get("count-and-refuse"))
            .route("/count-and-panic", get("count-and-panic"))
            .route("/count-and-wait", get("count-and-wait"))
            .route("/cycle", post("cycle"))
            .route("/log-out-and-fail", post("log-out-and-fail"))
    }

    fn scopes(world: &World, get: impl Fn(&'static str) -> Methods<Handler>) -> Routes<Handler> {
        let inner = Routes::new(world.guard())
            .route("/deep", get("deep"))
            .route("/path", get("path").require(SeesFullPath));
        let strict = Routes::new(world.guard())
            .require(IsAdminUser)
            .route("/", get("strict"))
            .route("/loose", get("loose").public())
            .route("/listed", get("listed as text").without_object())
            .nest("/inner", inner);
        let few = Routes::new(world.guard())
            .throttle(world.scope_throttle())
            .throttle(world.scope_throttle())
            .route("/silent", get("silent").public());
        Routes::new(world.guard()).nest("/strict", strict).nest("/few", few)
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    async fn answer(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        let (mut parts, mut body) = request.into_parts();
        if self.has(Fault::CollectsTheBodyFirst) {
            body = read(&mut body, usize::MAX).unwrap().into();
        }
        let path = parts.uri.path().to_owned();
        if let Some(name) = path.strip_prefix("/unguarded/") {
            let name = if name == "auth" { "whoami" } else { name };
            return self.run(name, parts, body).await.unwrap_or_else(Rejection::into_response);
        }
        if self.has(Fault::ServesSlashesUnguarded) && path == "/whoami/" {
            return Response::new("john".into());
        }
        if self.has(Fault::ServesTheAbsoluteFormToAll) && parts.uri.scheme().is_some() && path == "/whoami" {
            return Response::new("john".into());
        }
        let Some(resource) = self.built.resources.iter().find(|one| matches(one.path(), &path)) else {
            let route = match &self.built.unknown {
                Unknown::Fallback(..) if self.has(Fault::ServesTheFallbackToAll) => {
                    return Response::new("fallback".into());
                }
                Unknown::Fallback(route, handler) => {
                    return self.guard(route, Next::Handler(handler), None, (parts, body), peer).await;
                }
                Unknown::NotFound(route) => route,
            };
            if self.has(Fault::GuardsUnknownPaths)
                && let Err(refusal) = self.guarded_unknown.admit(&mut parts, peer).await
            {
                return refusal;
            }
            return route.not_found();
        };
        let is_head = parts.method == Method::HEAD;
        let found = if is_head && self.has(Fault::HeadIsAMethodOfItsOwn) {
            Found::NotAllowed(resource.others())
        } else {
            resource.find(&parts.method)
        };
        let (route, next) = match found {
            Found::Handler(route, handler) => (route, Next::Handler(handler)),
            Found::NotAllowed(_) if self.has(Fault::AnswersMethodsFirst) => {
                return resource.not_allowed(&parts.method);
            }
            Found::NotAllowed(route) => (route, Next::NotAllowed(resource)),
        };
        self.guard(route, next, resource.allow(), (parts, body), peer).await
    }

    async fn guard(
        &self,
        route: &Route,
        next: Next<'_>,
        allow: Option<&HeaderValue>,
        (mut parts, mut body): (Parts, Pieces),
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let old = parts.extensions.clone();
        let peer = self.peer(&parts, peer);
        self.strip(&mut parts);
        let admitted = match route.admit(&mut parts, peer).await {
            Ok(Admission::Ready(admitted)) => Ok(admitted),
            Ok(Admission::NeedsBody(pending)) => {
                let Some(form) = self.read(&mut body, Pending::<Account>::LIMIT) else {
                    return Pending::<Account>::too_large();
                };
                let admitted = pending.with_body(&mut parts, &form).await;
                body = self.replay(form).into();
                admitted
            }
            Err(refusal) => Err(refusal),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(mut refusal) => {
                if self.has(Fault::TellsStrangersTheMethods) {
                    refusal.headers_mut().extend(allow.cloned().map(|allow| (ALLOW, allow)));
                }
                return refusal;
            }
        };
        if self.has(Fault::KeepsTheOldAccess) && !old.is_empty() {
            parts.extensions = old;
        }
        let method = parts.method.clone();
        let run = async |parts, mut body| match next {
            Next::NotAllowed(resource) => resource.not_allowed(&method),
            Next::Handler(Handler::Named(name)) => {
                self.run(name, parts, body).await.unwrap_or_else(Rejection::into_response)
            }
            Next::Handler(Handler::Endpoint(endpoint)) => {
                match self.read(&mut body, Endpoint::<Account>::LIMIT) {
                    Some(body) => endpoint.call(Request::from_parts(parts, body)).await,
                    None => Pending::<Account>::too_large(),
                }
            }
        };
        if self.has(Fault::ForgetsFinish) {
            return run(parts, body).await;
        }
        if self.has(Fault::AnswersForAPanic) {
            let answered = AssertUnwindSafe(run(parts, body)).catch_unwind().await;
            return admitted.finish(answered.unwrap_or_default()).await;
        }
        if self.has(Fault::FinishesTooEarly) {
            let first = admitted.finish(Response::<Bytes>::default()).await;
            let mut response = run(parts, body).await;
            response.headers_mut().extend(first.headers().clone());
            return response;
        }
        admitted.finish(run(parts, body).await).await
    }

    fn peer(&self, parts: &Parts, peer: Option<IpAddr>) -> Option<IpAddr> {
        let forwarded = || parts.headers.get("x-forwarded-for")?.to_str().ok()?.parse().ok();
        match self.fault {
            Fault::ForgetsThePeer => None,
            Fault::TakesTheForwardedPeer => forwarded().or(peer),
            _ => peer,
        }
    }

    fn read(&self, body: &mut Pieces, limit: usize) -> Option<Bytes> {
        read(body, if self.has(Fault::ReadsWithoutEnd) { usize::MAX } else { limit })
    }

    fn strip(&self, parts: &mut Parts) {
        if self.has(Fault::StripsThePrefix) && parts.uri.path().starts_with("/strict") {
            parts.uri = parts.uri.path().replacen("/strict", "", 1).parse().unwrap_or_default();
        }
    }

    fn replay(&self, body: Bytes) -> Bytes {
        match self.fault {
            Fault::SwallowsTheForm => Bytes::new(),
            Fault::WritesTheFormAnew => String::from_utf8_lossy(&body).replace("&&", "&").into(),
            _ => body,
        }
    }

    async fn run(&self, name: &str, parts: Parts, mut body: Pieces) -> Answer {
        let all = |body: &mut Pieces| read(body, usize::MAX).unwrap();
        let extensions = &parts.extensions;
        let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let text = match name {
            "whoami" if self.has(Fault::TrustsExtensions) && extensions.get::<Identity>().is_some() => {
                extensions.get::<Identity>().unwrap().user().username.clone()
            }
            "maybe" if self.has(Fault::NoGuardIsNobody) && extensions.is_empty() => "nobody".to_owned(),
            "member-maybe" if self.has(Fault::AnotherUserIsNobody) => "nobody".to_owned(),
            "session" if self.has(Fault::NoSessionsIsNoSession) => String::new(),
            "note" => authorize(&parts, last).await?.0.to_string(),
            "rename" if self.has(Fault::ReadsTheBodyFirst) => {
                let name = named(&all(&mut body))?;
                format!("{} {name}", authorize(&parts, last).await?.0)
            }
            "rename" => format!("{} {}", authorize(&parts, last).await?.0, named(&all(&mut body))?),
            "pieces" => std::iter::from_fn(|| body.piece()).count().to_string(),
            name => return adapter::handle(name, &parts, all(&mut body), |note| note).await,
        };
        Ok(Response::new(text.into()))
    }
}

/// Reads a body up to a limit.
fn read(body: &mut Pieces, limit: usize) -> Option<Bytes> {
    let mut all = Vec::new();
    while let Some(piece) = body.piece() {
        all.extend_from_slice(&piece);
        if all.len() > limit {
            return None;
        }
    }
    Some(all.into())
}

fn named(body: &Bytes) -> Result<String, Rejection> {
    serde_json::from_slice(body).map_err(|_| Rejection::answer(answer(StatusCode::BAD_REQUEST, "no name")))
}

fn answer(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response
}

async fn authorize(parts: &Parts, id: &str) -> Result<Note, Rejection> {
    let access = AnyAccess::of(&parts.extensions)?;
    if id == "101" {
        return Err(Rejection::answer(answer(StatusCode::GONE, "gone")));
    }
    let id = form_urlencoded::parse(id.as_bytes()).next().map(|(id, _)| id.into_owned()).unwrap_or_default();
    Ok(access.authorize(Note::find(&id)?).await?)
}

/// Compares segment by segment; a capture takes one that is not empty.
fn matches(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let fits = |(route, path): (&&str, &&str)| route == path || (route.starts_with('{') && !path.is_empty());
    route.len() == path.len() && route.iter().zip(&path).all(fits)
}

impl Adapter for Plain {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        let is_head = request.method() == Method::HEAD;
        let mut response = self.answer(request, peer).await;
        if is_head && !self.has(Fault::HeadKeepsItsBody) {
            *response.body_mut() = Bytes::new();
        }
        let headers = response.headers_mut();
        match self.fault {
            Fault::DropsVary => drop(headers.remove(VARY)),
            Fault::DropsCookies => drop(headers.remove(SET_COOKIE)),
            Fault::KeepsOneChallenge if headers.contains_key("www-authenticate") => {
                headers.insert("www-authenticate", HeaderValue::from_static("Token"));
            }
            _ => {}
        }
        response
    }
}
