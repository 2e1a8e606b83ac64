//! An adapter without a framework passes the suite, and no broken one does.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::IpAddr;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use http::header::{ALLOW, SET_COOKIE, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis::endpoint::Endpoint;
use portcullis::permission::{IsAdminUser, IsAuthenticated};
use portcullis::routing::{Built, Found, Methods, Resource, RouteTable, Routes, Unknown};
use portcullis::{
    Access, Account, Admission, AnyAccess, Auth, Identity, MaybeAuth, Pending, Rejection, Route, Session,
};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{self, Adapter, IsLocal, IsOwner, Note, SeesFullPath, World};

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
        (Fault::ServesSlashesUnguarded, "another_spelling_of_a_path_is_404_or_the_same_route"),
        (Fault::ServesTheAbsoluteFormToAll, "the_absolute_form_is_the_same_route"),
        (Fault::GuardsUnknownPaths, "an_unknown_path_is_404_and_needs_no_identity"),
        (Fault::ForgetsARoute, "the_table_at_start_up_is_the_documented_one"),
        (Fault::OpensARoute, "the_table_at_start_up_is_the_documented_one"),
        (Fault::OpensARoute, "every_method_of_every_route_is_decided_before_it_is_answered"),
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
        let owned = IsOwner::<Note>::new;
        let inner = Routes::new(world.guard())
            .route("/deep", get("deep"))
            .route("/path", get("path").require(SeesFullPath));
        let strict = Routes::new(world.guard())
            .require(IsAdminUser)
            .route("/", get("strict"))
            .route("/loose", get("loose").public())
            .nest("/inner", inner);
        let staff = get("staff").require(IsAdminUser);
        let routes = Routes::new(world.guard())
            .route("/whoami", get("whoami"))
            .route("/maybe", of(&[Method::GET, Method::POST], "maybe").public())
            .route("/open", get("whoami").public())
            .route("/echo", of(&[Method::POST, Method::PUT], "echo"))
            .route("/any", Methods::any(Handler::Named("any")))
            .route("/local", get("local").require(IsLocal))
            .route("/mixed", get("read").public())
            .route("/mixed", of(&[Method::POST], "written"))
            .route("/throttled", get("counted").throttle(world.throttle()))
            .route(
                "/notes/{id}",
                get("note").and(Method::PUT, Handler::Named("rename")).require(IsAuthenticated & owned()),
            )
            .route("/unchecked", of(&[Method::GET, Method::POST], "a note").require(owned()))
            .route("/checked", get("checked").require(owned()))
            .route("/swallowed", get("swallowed").require(owned()))
            .route("/listed", get("listed").require(owned()).without_object())
            .route("/failing/{kind}", get("failing"))
            .route("/teapot", get("teapot"))
            .route("/count", get("count"))
            .route("/count-and-fail", get("count-and-fail"))
            .route("/count-and-refuse", get("count-and-refuse"))
            .route("/cycle", of(&[Method::POST], "cycle"))
            .route("/log-out-and-fail", of(&[Method::POST], "log-out-and-fail"))
            .nest("/strict", strict)
            .mount(world.sessions().endpoints("/session"))
            .mount(world.tokens().endpoints("/tokens"));
        let routes = match fault {
            Fault::ForgetsARoute => routes,
            Fault::OpensARoute => routes.route("/staff", staff.public()),
            _ => routes.route("/staff", staff),
        };
        let guarded_unknown = world.guard().route(&portcullis::Policy::default()).unwrap();
        Self { table: routes.table().unwrap(), built: routes.build().unwrap(), guarded_unknown, fault }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    async fn answer(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        if let Some(name) = path.strip_prefix("/unguarded/") {
            let name = if name == "auth" { "whoami" } else { name };
            return self.handle(name, parts, body).await.unwrap_or_else(Rejection::into_response);
        }
        if self.has(Fault::ServesSlashesUnguarded) && path == "/whoami/" {
            return Response::new("john".into());
        }
        if self.has(Fault::ServesTheAbsoluteFormToAll) && parts.uri.scheme().is_some() && path == "/whoami" {
            return Response::new("john".into());
        }
        let Some(resource) = self.built.resources.iter().find(|one| matches(one.path(), &path)) else {
            let Unknown::NotFound(route) = &self.built.unknown else { panic!("there is no fallback") };
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
        let (route, handler) = match found {
            Found::Handler(route, handler) => (route, Some(handler)),
            Found::NotAllowed(_) if self.has(Fault::AnswersMethodsFirst) => {
                return resource.not_allowed(&parts.method);
            }
            Found::NotAllowed(route) => (route, None),
        };
        self.guard(route, resource, handler, (parts, body), peer).await
    }

    async fn guard(
        &self,
        route: &Route,
        resource: &Resource<Handler>,
        handler: Option<&Handler>,
        (mut parts, mut body): (Parts, Bytes),
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let old = parts.extensions.clone();
        let peer = self.peer(&parts, peer);
        if self.has(Fault::StripsThePrefix) && parts.uri.path().starts_with("/strict") {
            parts.uri = parts.uri.path().replacen("/strict", "", 1).parse().unwrap_or_default();
        }
        let admitted = match route.admit(&mut parts, peer).await {
            Ok(Admission::Ready(admitted)) => Ok(admitted),
            Ok(Admission::NeedsBody(_))
                if body.len() > Pending::<Account>::LIMIT && !self.has(Fault::ReadsWithoutEnd) =>
            {
                return Pending::<Account>::too_large();
            }
            Ok(Admission::NeedsBody(pending)) => {
                let admitted = pending.with_body(&mut parts, &body).await;
                body = self.replay(body);
                admitted
            }
            Err(refusal) => Err(refusal),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(mut refusal) => {
                if self.has(Fault::TellsStrangersTheMethods) {
                    refusal.headers_mut().extend(resource.allow().cloned().map(|allow| (ALLOW, allow)));
                }
                return refusal;
            }
        };
        if self.has(Fault::KeepsTheOldAccess) && !old.is_empty() {
            parts.extensions = old;
        }
        let method = parts.method.clone();
        let run = async |parts, body| match handler {
            None => resource.not_allowed(&method),
            Some(Handler::Named(name)) => {
                self.handle(name, parts, body).await.unwrap_or_else(Rejection::into_response)
            }
            Some(Handler::Endpoint(_))
                if body.len() > Endpoint::<Account>::LIMIT && !self.has(Fault::ReadsWithoutEnd) =>
            {
                Pending::<Account>::too_large()
            }
            Some(Handler::Endpoint(endpoint)) => endpoint.call(Request::from_parts(parts, body)).await,
        };
        if self.has(Fault::ForgetsFinish) {
            return run(parts, body).await;
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

    fn replay(&self, body: Bytes) -> Bytes {
        match self.fault {
            Fault::SwallowsTheForm => Bytes::new(),
            Fault::WritesTheFormAnew => String::from_utf8_lossy(&body).replace("&&", "&").into(),
            _ => body,
        }
    }

    fn handle<'a>(&'a self, name: &'a str, parts: Parts, body: Bytes) -> BoxFuture<'a, Answer> {
        self.run(name, parts, body).boxed()
    }

    async fn run(&self, name: &str, parts: Parts, body: Bytes) -> Answer {
        let extensions = &parts.extensions;
        let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let text = match name {
            "whoami" if self.has(Fault::TrustsExtensions) && extensions.get::<Identity>().is_some() => {
                extensions.get::<Identity>().unwrap().user().username.clone()
            }
            "whoami" => Auth::<Account>::of(extensions)?.user().username.clone(),
            "maybe" if self.has(Fault::NoGuardIsNobody) && extensions.is_empty() => "nobody".to_owned(),
            "maybe" => {
                let auth = MaybeAuth::<Account>::of(extensions)?;
                auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
            }
            "echo" => return Ok(Response::new(body)),
            "any" => parts.method.to_string(),
            "note" => authorize(&parts, last).await?.0.to_string(),
            "rename" => {
                let name = || {
                    serde_json::from_slice::<String>(&body).map_err(|_| {
                        Rejection::answer(
                            fails(StatusCode::BAD_REQUEST, "no name")
                                .unwrap_or_else(Rejection::into_response),
                        )
                    })
                };
                if self.has(Fault::ReadsTheBodyFirst) {
                    name()?;
                }
                format!("{} {}", authorize(&parts, last).await?.0, name()?)
            }
            "checked" => {
                Auth::<Account>::of::<Bytes>(extensions)?.check_object(&Note(1)).await?;
                "a note".to_owned()
            }
            "swallowed" => {
                let _ = Auth::<Account>::of::<Bytes>(extensions)?.check_object(&Note(2)).await;
                "a note".to_owned()
            }
            "listed" => {
                let auth = Auth::<Account>::of::<Bytes>(extensions)?;
                format!("{} {}", auth.allows(&Note(1)).await?, auth.allows(&Note(2)).await?)
            }
            "failing" => return Err(adapter::failure(last).into()),
            "teapot" => return fails(StatusCode::IM_A_TEAPOT, "teapot"),
            "session" | "count" | "count-and-fail" | "count-and-refuse" | "cycle" | "log-out-and-fail" => {
                return keep(name, &parts).await;
            }
            text => text.to_owned(),
        };
        Ok(Response::new(text.into()))
    }
}

/// The handlers that take the session.
async fn keep(name: &str, parts: &Parts) -> Answer {
    let access: Access = Access::of(&parts.extensions)?;
    let session: Session = access.session(&parts.headers).await?;
    let text = match name {
        "count" => adapter::count(&session).await?.to_string(),
        "count-and-fail" => {
            adapter::count(&session).await?;
            return fails(StatusCode::BAD_GATEWAY, "failed");
        }
        "count-and-refuse" => {
            adapter::count(&session).await?;
            return fails(StatusCode::NOT_FOUND, "refused");
        }
        "cycle" => {
            session.cycle_id().await?;
            "cycled".to_owned()
        }
        "log-out-and-fail" => {
            session.log_out().await?;
            return fails(StatusCode::INTERNAL_SERVER_ERROR, "failed");
        }
        _ => String::new(),
    };
    Ok(Response::new(text.into()))
}

fn fails(status: StatusCode, body: &'static str) -> Answer {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    Ok(response)
}

async fn authorize(parts: &Parts, id: &str) -> Result<Note, Rejection> {
    let access = AnyAccess::of(&parts.extensions)?;
    Ok(access.authorize(Note::find(id)?).await?)
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

    async fn send(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
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
