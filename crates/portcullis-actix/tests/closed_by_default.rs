//! Nothing answers 2xx to a stranger that was not opened by a word at the route.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::{App, HttpRequest, test, web};
use common::{Served, World, request, send, serve, served, with_token};
use portcullis_actix::portcullis::permission::{AllowAny, IsAdminUser, permission_fn};
use portcullis_actix::portcullis::{AuthRequest, Decision, Policy};
use portcullis_actix::{
    GuardMiddleware, Public, Router, Seal, any, call, get, head, options, post, put, resource, scope,
};

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

async fn ok() -> &'static str {
    "secret"
}

async fn app(world: &World) -> Served {
    let inner = scope("/inner")
        .service(resource("/{id}").route(get().to(ok)).route(put().to(ok)))
        .service(resource("/").route(get().to(ok)));
    let admin = scope("/admin")
        .require(IsAdminUser)
        .service(resource("/reports").route(get().to(ok)))
        .service(resource("/open").route(get().to(ok).public()));
    let routes = world
        .router()
        .service(resource("/books").route(get().to(ok)).route(post().to(ok)))
        .service(resource("/files").route(get().to(ok)).route(options().to(ok)).route(head().to(ok)))
        .service(resource("/open").route(get().to(ok)).public())
        .service(resource("/mixed").route(get().to(ok).public()).route(post().to(ok)))
        .service(resource("/twice").route(get().to(ok)).public())
        .service(resource("/twice").route(post().to(ok)))
        .service(scope("/deep").service(inner).service(resource("/any").route(any().to(ok))))
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
        "/open" | "/mixed" | "/twice" | "/admin/open" => reads,
        path => method == "GET" && path.starts_with("/static/"),
    }
}

const PATHS: [&str; 42] = [
    "/books",
    "/books/",
    "//books",
    "/books//",
    "/./books",
    "/open/../books",
    "/open/..%2fbooks",
    "/%62ooks",
    "/books%20",
    "/books;a=b",
    "/books%00",
    "/books%0a",
    "/BOOKS",
    "/books?next=/open",
    "/books%3f/open",
    "/open/",
    "/open//",
    "/open%2f",
    "/open",
    "/open?x=1",
    "/mixed",
    "/twice",
    "/merged",
    "/deep",
    "/deep/",
    "/deep/any",
    "/deep/inner",
    "/deep/inner/",
    "/deep/inner/1",
    "/deep/inner/%31",
    "/deep/inner/1/",
    "/deep//inner/1",
    "/admin/reports",
    "/admin/open",
    "/admin/open/../reports",
    "/foreign",
    "/foreign/x",
    "/foreign/unknown",
    "/forgotten",
    "/files",
    "/static/logo.png",
    "/unknown",
];

#[actix_web::test]
async fn a_stranger_sees_only_what_was_opened() {
    let world = World::new().await;
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
async fn other_forms_of_a_target_open_nothing() {
    let world = World::new().await;
    let app = app(&world).await;
    for (method, uri) in
        [("OPTIONS", "*"), ("CONNECT", "localhost:80"), ("GET", "localhost:80"), ("GET", "*")]
    {
        let answer = send(&app, request(method, uri)).await;
        assert_eq!(answer.status, 401, "{method} {uri}");
    }
}

#[actix_web::test]
async fn head_is_decided_as_get() {
    let world = World::new().await;
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
async fn no_header_opens_a_route() {
    let world = World::new().await;
    let app = app(&world).await;
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-original-url", "/open"),
        ("x-rewrite-url", "/open"),
        ("x-forwarded-uri", "/open"),
        ("x-forwarded-prefix", "/open"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-middleware-subrequest", "middleware"),
        ("remote-user", "john"),
        ("x-remote-user", "john"),
        ("user-agent", "kube-probe/1.30"),
        ("connection", "authorization"),
    ] {
        let answer = send(&app, request("GET", "/books").insert_header((name, value))).await;
        assert_eq!(answer.status, 401, "{name}");
    }
}

#[actix_web::test]
async fn each_method_and_scope_asks_its_own() {
    let world = World::new().await;
    let app = app(&world).await;
    for (method, path, nobody, john, mary) in [
        ("GET", "/books", 401, 200, 200),
        ("DELETE", "/books", 401, 405, 405),
        ("GET", "/mixed", 200, 200, 200),
        ("POST", "/mixed", 401, 200, 200),
        ("DELETE", "/mixed", 401, 405, 405),
        ("POST", "/twice", 401, 200, 200),
        ("PUT", "/twice", 401, 405, 405),
        ("GET", "/admin/reports", 401, 403, 200),
        ("PUT", "/admin/reports", 401, 403, 405),
        ("GET", "/admin/open", 200, 200, 200),
        ("PUT", "/admin/open", 401, 403, 405),
        ("GET", "/foreign/x", 401, 403, 200),
        ("PUT", "/foreign/x", 401, 403, 200),
        ("GET", "/forgotten", 500, 500, 500),
        ("GET", "/unknown", 401, 200, 200),
        ("PROPFIND", "/deep/any", 401, 200, 200),
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
    let world = World::new().await;
    let seen = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.uri().path() == "/outer/inner/x")
    });
    let left = |request: HttpRequest| async move { request.match_info().unprocessed().to_owned() };
    let inner = scope("/inner").service(resource("/x").route(get().to(left).require(seen)));
    let routes = world.router().service(inner).build().unwrap();
    let outer = web::scope("/outer").configure(|config| routes.configure(config));
    let app = served(test::init_service(App::new().service(outer)).await, TestRequest::to_request);
    assert_eq!(send(&app, with_token("GET", "/outer/inner/x", &world.john)).await.status, 200);
    for path in ["/outer/inner/X", "/outer/inner/%78", "/inner/x", "/x", "/outer"] {
        assert_ne!(send(&app, with_token("GET", path, &world.john)).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn a_public_route_refuses_a_bad_credential() {
    let world = World::new().await;
    let app = serve(world.router().service(resource("/open").route(get().to(ok)).require(AllowAny))).await;
    assert_eq!(send(&app, request("GET", "/open")).await.status, 200);
    assert_eq!(send(&app, with_token("GET", "/open", "pct_wrong")).await.status, 401);
}

#[actix_web::test]
async fn an_unknown_path_is_404_in_the_words_of_drf() {
    let world = World::new().await;
    let app = serve(world.router().service(resource("/books").route(get().to(ok)))).await;
    for (method, path) in [("GET", "/"), ("POST", "/book"), ("GET", "/books/"), ("GET", "/open/../books")] {
        let answer = send(&app, request(method, path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (404, r#"{"detail":"Not found."}"#),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_method_that_is_not_there_is_405_in_the_words_of_drf() {
    let world = World::new().await;
    let books = resource("/books").route(post().to(ok)).route(get().to(ok));
    let app = serve(world.router().service(books)).await;
    let answer = send(&app, with_token("PUT", "/books", &world.john)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow"), answer.body.as_str()),
        (405, Some("GET, POST, HEAD"), r#"{"detail":"Method \"PUT\" not allowed."}"#)
    );
}

#[actix_web::test]
async fn the_more_exact_path_answers_however_it_was_declared() {
    let world = World::new().await;
    let says = |path: &str, text: &'static str| resource(path).route(get().to(move || async move { text }));
    let router = world
        .router()
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
    let world = World::new().await;
    let strict = world.builder().default_permission(IsAdminUser).build().unwrap();
    let inner = Router::new(strict).service(resource("/in").route(get().to(ok)));
    let app = serve(world.router().service(scope("/x").service(inner))).await;
    for (token, status) in [(&world.john, 403), (&world.mary, 200)] {
        assert_eq!(send(&app, with_token("GET", "/x/in", token)).await.status, status);
    }
}

#[actix_web::test]
async fn an_endpoint_that_a_handler_calls_is_behind_its_resource() {
    let world = World::new().await;
    let obtain = world.tokens.obtain_endpoint("/elsewhere");
    let log_in = move |request: HttpRequest, payload: web::Payload| {
        let obtain = obtain.clone();
        async move { call(&obtain, &request, payload).await }
    };
    let login = |path: &str| resource(path).route(post().to(log_in.clone()));
    let router = world.router().service(login("/open").public()).service(login("/closed"));
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
    let world = World::new().await;
    let by_path = permission_fn(|request: &AuthRequest<'_>| {
        let path = request.uri().path();
        Decision::allow_if(
            !path.starts_with("/api/admin") || request.user().is_some_and(|user| user.is_staff),
        )
    });
    let echo = |path: web::Path<String>| async move { path.into_inner() };
    let routes = world
        .router()
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
