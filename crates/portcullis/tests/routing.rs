//! What the routers of all adapters share: which policy counts, who answers a method, what is an error.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use http::Method;
use portcullis::permission::{AllowAny, IsAdminUser, IsAuthenticated, IsSuperuser};
use portcullis::routing::{Found, Methods, Resource, Routes, Unknown, below};
use portcullis::store::MemoryStore;
use portcullis::{Account, Guard, Policy, Tokens, Users};

type Handlers = Methods<&'static str, Account>;

fn guard() -> Guard {
    let store = MemoryStore::new();
    Guard::builder(Users::new(store.clone()))
        .authenticate(Tokens::new(store).authenticator())
        .build()
        .unwrap()
}

fn routes() -> Routes<&'static str> {
    Routes::new(guard())
}

fn on(method: Method) -> Handlers {
    Methods::on(method, "handler")
}

/// The permissions of the one path: that of GET, and that of a method that it does not have.
fn asked(routes: Routes<&'static str>) -> (String, String) {
    let built = routes.build().unwrap();
    let [resource] = &built.resources[..] else { panic!("one path") };
    let Found::Handler(route, _) = resource.find(&Method::GET) else { panic!("GET is there") };
    let Found::NotAllowed(others) = resource.find(&Method::TRACE) else { panic!("TRACE is not") };
    (route.permission().describe(), others.permission().describe())
}

#[test]
fn the_nearest_word_counts() {
    let get = || on(Method::GET);
    let own = || Methods::none().with(Some(Method::GET), Policy::default().require(IsSuperuser), "handler");
    let nested = |inner: Routes<&'static str>| routes().require(IsAdminUser).nest("/x", inner);
    let rows = [
        ("nothing is said", routes().route("/", get()), "IsAuthenticated", "IsAuthenticated"),
        ("the path says it", routes().route("/", get().require(IsAdminUser)), "IsAdminUser", "IsAdminUser"),
        ("the router says it", routes().require(IsAdminUser).route("/", get()), "IsAdminUser", "IsAdminUser"),
        (
            "the router says it later",
            routes().route("/", get()).require(IsAdminUser),
            "IsAdminUser",
            "IsAdminUser",
        ),
        ("the method goes before all", routes().route("/", own().public()), "IsSuperuser", "AllowAny"),
        ("a method's word is its own", routes().route("/", own()), "IsSuperuser", "IsAuthenticated"),
        (
            "the path loosens its router",
            routes().require(IsAdminUser).route("/", get().public()),
            "AllowAny",
            "AllowAny",
        ),
        ("the outer router reaches in", nested(routes().route("/", get())), "IsAdminUser", "IsAdminUser"),
        (
            "the inner router goes before the outer",
            nested(routes().require(IsSuperuser).route("/", get())),
            "IsSuperuser",
            "IsSuperuser",
        ),
        (
            "a path said twice asks the default for the rest",
            routes().route("/", get().public()).route("/", on(Method::POST).require(AllowAny)),
            "AllowAny",
            "IsAuthenticated",
        ),
        (
            "a policy made elsewhere",
            routes().route("/", get().policy(Policy::default().require(IsAdminUser))),
            "IsAdminUser",
            "IsAdminUser",
        ),
        (
            "what a policy leaves open stays",
            routes().route("/", get().require(IsAdminUser).policy(Policy::default().without_object())),
            "IsAdminUser",
            "IsAdminUser",
        ),
    ];
    for (name, routes, get, others) in rows {
        assert_eq!(asked(routes), (get.to_owned(), others.to_owned()), "{name}");
    }
}

fn resource(methods: Handlers) -> Resource<&'static str> {
    routes().route("/", methods).build().unwrap().resources.remove(0)
}

#[test]
fn a_method_finds_its_handler() {
    let both = || Methods::on(Method::GET, "get").and(Method::POST, "post");
    let all = || Methods::any("any").and(Method::GET, "get");
    let head = || Methods::on(Method::HEAD, "head").and(Method::GET, "get");
    let rows = [
        (both(), "GET", Some("get"), Some("GET, POST, HEAD")),
        (both(), "HEAD", Some("get"), Some("GET, POST, HEAD")),
        (both(), "POST", Some("post"), Some("GET, POST, HEAD")),
        (both(), "OPTIONS", None, Some("GET, POST, HEAD")),
        (both(), "get", None, Some("GET, POST, HEAD")),
        (both(), "QUERY", None, Some("GET, POST, HEAD")),
        (head(), "HEAD", Some("head"), Some("GET, HEAD")),
        (all(), "GET", Some("get"), None),
        (all(), "HEAD", Some("get"), None),
        (all(), "PROPFIND", Some("any"), None),
        (Methods::on(Method::TRACE, "trace"), "HEAD", None, Some("TRACE")),
    ];
    for (methods, method, handler, allow) in rows {
        let resource = resource(methods);
        let found = match resource.find(&Method::from_bytes(method.as_bytes()).unwrap()) {
            Found::Handler(_, handler) => Some(*handler),
            Found::NotAllowed(_) => None,
        };
        assert_eq!(found, handler, "{method}");
        assert_eq!(resource.allow().map(|allow| allow.to_str().unwrap()), allow, "{method}");
    }
}

#[test]
fn what_could_never_work_is_an_error() {
    let get = || on(Method::GET);
    let rows = [
        ("one method twice", routes().route("/", get()).route("/", get()), "GET / is routed twice"),
        (
            "any twice",
            routes().route("/", Methods::any("a")).route("/", Methods::any("b")),
            "* / is routed twice",
        ),
        ("no slash", routes().route("x", get()), "x: a path begins with `/`"),
        ("no methods", routes().route("/", Methods::none()), "/: it has no methods"),
        (
            "a late method",
            routes().route("/", get().public().and(Method::POST, "late")),
            "/: a method comes after",
        ),
        ("two fallbacks", routes().fallback("a").fallback("b"), "one router has one fallback"),
        ("a nested fallback", routes().nest("/x", routes().fallback("a")), "one router has one fallback"),
        (
            "nobody can pass",
            routes().route("/x", get().without_authenticators().require(IsAuthenticated)),
            "/x: ",
        ),
    ];
    for (name, routes, message) in rows {
        let error = routes.table().expect_err(name).to_string();
        assert!(error.starts_with(message), "{name}: {error}");
        assert_eq!(routes.build().expect_err(name).to_string(), error, "{name}");
    }
}

#[test]
fn unknown_paths_are_404_or_ask_the_default() {
    assert!(matches!(routes().build().unwrap().unknown, Unknown::NotFound(_)));
    let with = routes().require(IsAdminUser).fallback("fallback");
    assert_eq!(with.table().unwrap().permission("*", "*"), Some("IsAdminUser"));
    let Unknown::Fallback(route, "fallback") = with.build().unwrap().unknown else { panic!("a fallback") };
    assert_eq!(route.permission().describe(), "IsAdminUser");
}

#[test]
fn a_prefix_and_a_path_make_one_path() {
    for (prefix, path, whole) in [
        ("/api", "/books", "/api/books"),
        ("/api", "/", "/api"),
        ("/api/", "/", "/api/"),
        ("/api/", "/books", "/api/books"),
        ("/", "/books", "/books"),
    ] {
        assert_eq!(below(prefix, path), whole, "{prefix} {path}");
    }
}
