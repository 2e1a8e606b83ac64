//! Nothing of actix-web's own words and scopes answers 2xx to a stranger that was not opened.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::{App, HttpRequest, test, web};
use common::{Served, TwoUsers, request, send, serve, served, with_token};
use portcullis_actix::portcullis::permission::{AllowAny, IsAdminUser, permission_fn};
use portcullis_actix::portcullis::{AuthRequest, Decision, Policy};
use portcullis_actix::{
    GuardMiddleware, Public, Router, Seal, call, get, head, on, options, patch, post, resource, scope,
};

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

async fn ok() -> &'static str {
    "secret"
}

async fn app(world: &TwoUsers) -> Served {
    let admin = scope("/admin")
        .require(IsAdminUser)
        .service(resource("/reports").route(get().to(ok)))
        .service(resource("/open").route(get().to(ok).public()))
        .service(scope("/inner").service(resource("/silent").route(get().to(ok))))
        .service(scope("/loose").require(AllowAny).service(resource("/x").route(get().to(ok))));
    let routes = Router::new(world.guard())
        .service(resource("/files").route(get().to(ok)).route(options().to(ok)).route(head().to(ok)))
        .service(resource("/mixed").route(get().to(ok).public()).route(post().to(ok)))
        .service(resource("/early").public().route(get().to(ok)).route(patch().to(ok)))
        .service(resource("/dav").route(on(http::Method::from_bytes(b"PROPFIND").unwrap()).to(ok)))
        .service(admin)
        .service(Router::new(world.guard()).service(resource("/merged").route(post().to(ok))))
        .fallback(ok)
        .build()
        .unwrap();
    let staff = world.guard().route(&Policy::default().require(IsAdminUser)).unwrap();
    let foreign = web::scope("/foreign").wrap(GuardMiddleware::new(staff)).route("/x", web::to(ok));
    let app = App::new()
        .service(web::scope("/static").wrap(Public).route("/{path}*", web::get().to(ok)))
        .service(foreign)
        .service(web::resource("/forgotten").to(ok))
        .configure(|config| routes.configure(config))
        .wrap(Seal);
    served(test::init_service(app).await, TestRequest::to_request)
}

/// What a stranger may see.
fn is_open(method: &str, path: &str) -> bool {
    let reads = matches!(method, "GET" | "HEAD");
    let path = path.split('?').next().unwrap();
    match path {
        "/mixed" | "/admin/open" | "/admin/loose/x" => reads,
        "/early" => reads || method == "PATCH",
        path => method == "GET" && path.starts_with("/static/"),
    }
}

const PATHS: [&str; 20] = [
    "/files",
    "/mixed",
    "/mixed/",
    "/mixed?x=1",
    "/early",
    "/dav",
    "/merged",
    "/admin/reports",
    "/admin/open",
    "/admin/open/",
    "/admin/open/../reports",
    "/admin/inner/silent",
    "/admin/loose/x",
    "/foreign",
    "/foreign/x",
    "/foreign/%78",
    "/foreign/unknown",
    "/forgotten",
    "/static/logo.png",
    "/unknown",
];

#[actix_web::test]
async fn a_stranger_sees_only_what_was_opened() {
    let world = TwoUsers::new().await;
    let app = app(&world).await;
    for path in PATHS {
        for method in METHODS {
            for uri in [path.to_owned(), format!("http://localhost{path}")] {
                let answer = send(&app, request(method, &uri)).await;
                let row = format!("{method} {uri}: {}", answer.status);
                assert_eq!(answer.status.is_success(), is_open(method, path), "{row}");
                assert!(is_open(method, path) || !answer.body.contains("secret"), "{row}");
                if answer.status == StatusCode::UNAUTHORIZED {
                    assert!(answer.headers.contains_key("www-authenticate"), "{row}");
                    assert!(!answer.headers.contains_key("allow"), "{row}: a stranger learns the methods");
                }
            }
        }
    }
}

#[actix_web::test]
async fn head_is_decided_as_get() {
    let world = TwoUsers::new().await;
    let app = app(&world).await;
    for path in PATHS.iter().filter(|path| !path.starts_with("/static")) {
        for token in [None, Some(&world.john), Some(&world.mary)] {
            let one =
                |method| token.map_or_else(|| request(method, path), |token| with_token(method, path, token));
            let (get, head) = (send(&app, one("GET")).await, send(&app, one("HEAD")).await);
            assert_eq!(get.status, head.status, "{path}");
        }
    }
}

#[actix_web::test]
async fn each_method_and_scope_asks_its_own() {
    let world = TwoUsers::new().await;
    let app = app(&world).await;
    for (method, path, nobody, john, mary) in [
        ("PUT", "/early", 405, 405, 405),
        ("PROPFIND", "/dav", 401, 200, 200),
        ("GET", "/dav", 401, 405, 405),
        ("GET", "/mixed", 200, 200, 200),
        ("POST", "/mixed", 401, 200, 200),
        ("DELETE", "/mixed", 401, 405, 405),
        ("GET", "/admin/reports", 401, 403, 200),
        ("PUT", "/admin/reports", 401, 403, 405),
        ("GET", "/admin/open", 200, 200, 200),
        ("PUT", "/admin/open", 401, 403, 405),
        ("GET", "/admin/inner/silent", 401, 403, 200),
        ("GET", "/admin/loose/x", 200, 200, 200),
        ("GET", "/foreign/x", 401, 403, 200),
        ("PUT", "/foreign/x", 401, 403, 200),
        ("GET", "/forgotten", 500, 500, 500),
        ("GET", "/unknown", 401, 200, 200),
    ] {
        let row = format!("{method} {path}");
        assert_eq!(send(&app, request(method, path)).await.status, nobody, "{row} of nobody");
        let answer = send(&app, with_token(method, path, &world.john)).await;
        assert_eq!(answer.status, john, "{row} of John");
        assert_eq!(answer.headers.contains_key("allow"), john == 405, "{row} of John");
        assert_eq!(send(&app, with_token(method, path, &world.mary)).await.status, mary, "{row} of Mary");
    }
}

#[actix_web::test]
async fn a_permission_sees_the_full_path_whatever_the_scope() {
    let world = TwoUsers::new().await;
    let seen = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.uri().path() == "/outer/inner/x")
    });
    let left = |request: HttpRequest| async move { request.match_info().unprocessed().to_owned() };
    let inner = scope("/inner").service(resource("/x").route(get().to(left).require(seen)));
    let routes = Router::new(world.guard()).service(inner).build().unwrap();
    let outer = web::scope("/outer").configure(|config| routes.configure(config));
    let app = served(test::init_service(App::new().service(outer)).await, TestRequest::to_request);
    assert_eq!(send(&app, with_token("GET", "/outer/inner/x", &world.john)).await.status, 200);
    for path in ["/outer/inner/X", "/outer/inner/%78", "/inner/x", "/x", "/outer"] {
        assert_ne!(send(&app, with_token("GET", path, &world.john)).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn the_more_exact_path_answers_however_it_was_declared() {
    let world = TwoUsers::new().await;
    let says = |path: &str, text: &'static str| resource(path).route(get().to(move || async move { text }));
    let router = Router::new(world.guard())
        .service(says("/{tail}*", "tail").require(IsAdminUser))
        .service(says("/books/{id}", "any"))
        .service(says(r"/books/{id:\d+}", "number").public())
        .service(says("/books/new", "new").require(IsAdminUser));
    let app = serve(router).await;
    for (path, nobody, john, mary) in [
        ("/books/new", 401, 403, "new"),
        ("/books/%6eew", 404, 404, r#"{"detail":"Not found."}"#),
        ("/books/7", 200, 200, "number"),
        ("/books/seven", 401, 200, "any"),
        ("/books/", 401, 403, "tail"),
        ("/books/7/8", 401, 403, "tail"),
        ("/", 401, 403, "tail"),
    ] {
        assert_eq!(send(&app, request("GET", path)).await.status, nobody, "{path} of nobody");
        assert_eq!(send(&app, with_token("GET", path, &world.john)).await.status, john, "{path} of John");
        assert_eq!(send(&app, with_token("GET", path, &world.mary)).await.body, mary, "{path} of Mary");
    }
}

#[actix_web::test]
async fn another_router_keeps_its_guard() {
    let world = TwoUsers::new().await;
    let strict = world.builder().default_permission(IsAdminUser).build().unwrap();
    let inner = Router::new(strict).service(resource("/in").route(get().to(ok)));
    let app = serve(Router::new(world.guard()).service(scope("/x").service(inner))).await;
    for (token, status) in [(&world.john, 403), (&world.mary, 200)] {
        assert_eq!(send(&app, with_token("GET", "/x/in", token)).await.status, status);
    }
}

#[actix_web::test]
async fn an_endpoint_that_a_handler_calls_is_behind_its_resource() {
    let world = TwoUsers::new().await;
    let obtain = world.tokens.obtain_endpoint("/elsewhere");
    let log_in = move |request: HttpRequest, payload: web::Payload| {
        let obtain = obtain.clone();
        async move { call(&obtain, &request, payload).await }
    };
    let login = |path: &str| resource(path).route(post().to(log_in.clone()));
    let router = Router::new(world.guard()).service(login("/open").public()).service(login("/closed"));
    let app = serve(router).await;
    let wrong = r#"{"username":"john","password":"wrong"}"#;
    for (path, status) in [("/open", 400), ("/closed", 401)] {
        let request = request("POST", path).insert_header(("content-type", "application/json"));
        assert_eq!(send(&app, request.set_payload(wrong)).await.status, status, "{path}");
    }
    let bare = App::new().route("/", web::post().to(log_in));
    let bare = served(test::init_service(bare).await, TestRequest::to_request);
    assert_eq!(send(&bare, request("POST", "/").set_payload(wrong)).await.status, 500);
}

#[actix_web::test]
async fn a_permission_on_the_path_sees_the_text_of_the_route_that_matched() {
    let world = TwoUsers::new().await;
    let by_path = permission_fn(|request: &AuthRequest<'_>| {
        let path = request.uri().path();
        Decision::allow_if(
            !path.starts_with("/api/admin") || request.user().is_some_and(|user| user.is_staff),
        )
    });
    let echo = |path: web::Path<String>| async move { path.into_inner() };
    let routes = Router::new(world.guard())
        .require(by_path)
        .service(resource("/admin/{name}").route(get().to(echo)))
        .service(resource("/admin/{name}/x.y").route(get().to(echo)))
        .service(resource("/caf\u{e9}/{name}").route(get().to(echo)))
        .service(resource("/{any}/a@b").route(get().to(echo)))
        .build()
        .unwrap();
    let app = App::new().service(web::scope("/api").configure(|config| routes.configure(config))).wrap(Seal);
    let app = served(test::init_service(app).await, TestRequest::to_request);
    for (path, john, mary) in [
        ("/api/admin/x", 403, "200 x"),
        ("/api/%61dmin/x", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/%61pi/admin/x", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/%61pi/%61dmin/%61", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/api/admin/x/x%2Ey", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/api/admin/%78%2f%2Fx/x.y", 403, "200 x//x"),
        ("/api/admin/%61%25%2561%20%C3%A9%7e", 403, "200 a%%61 é~"),
        ("/api/admin/api", 403, "200 api"),
        ("/api/admin/%61pi", 403, "200 api"),
        ("/api/admin/%zz%6", 403, "200 %zz%6"),
        ("/api/%61/a@b", 200, "200 a"),
        ("/api/%61/a%40b", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/api/caf%C3%A9/%41", 200, "200 A"),
        ("/api/c%61f%C3%A9/A", 404, "404 {\"detail\":\"Not found.\"}"),
        ("/api/admin/%FF", 403, "200 \u{fffd}"),
        ("/api/%61dmin/%FF", 404, "404 {\"detail\":\"Not found.\"}"),
    ] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!(answer.status.as_u16(), john, "{path}");
        let answer = send(&app, with_token("GET", path, &world.mary)).await;
        assert_eq!(format!("{} {}", answer.status.as_u16(), answer.body), mary, "{path}");
    }
}
