//! What the guard adds in actix-web and in hyper; what it adds in axum to the same requests stands in `case` and `jwt`.
//!
//! 1. A request is served by the framework and a handler, and by the same behind the guard.
//! 2. actix-web speaks `http` 0.2, so its adapter copies each head. What that costs is the difference between the twelve
//!    headers of a browser and none, on an open route; what such a route adds stands beside axum and hyper, which copy
//!    nothing.

use std::convert::Infallible;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::service::{Service as _, service_fn};
use portcullis::jwt::Algorithm;
use portcullis::{Guard, Rejection};
use portcullis_hyper::GuardService;

use crate::case::{Case, Target};
use crate::jwt::with_signature;
use crate::server::{Sent, Serve, bare, direct, serve};
use crate::tokens::Signed;
use crate::world::{Outcome, World};

/// What every client sends.
const PLAIN: [(&str, &str); 3] = [("host", "localhost"), ("accept", "*/*"), ("user-agent", "curl/8.14.1")];

/// What a browser sends for a page.
const BROWSER: [(&str, &str); 12] = [
    ("host", "books.example.com"),
    ("connection", "keep-alive"),
    ("cache-control", "max-age=0"),
    ("sec-ch-ua", r#""Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140""#),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", r#""Linux""#),
    ("upgrade-insecure-requests", "1"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("sec-fetch-site", "same-origin"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-US,en;q=0.9,de;q=0.8"),
];

type Headers = Vec<(&'static str, String)>;

/// A request and the guard that decides about it.
struct Row {
    name: &'static str,
    headers: Headers,
    guard: Guard,
    status: StatusCode,
    /// Whether nobody is asked who they are.
    is_open: bool,
}

/// One of the frameworks.
struct Framework {
    name: &'static str,
    make: fn(&Headers) -> Sent,
    bare: fn() -> Outcome<Serve>,
    guarded: fn(&Row) -> Outcome<Serve>,
    /// At most so many allocations for who is let in, and for nobody.
    allocations: [i64; 2],
}

const FRAMEWORKS: [Framework; 3] = [
    Framework {
        name: "axum",
        make: make_http,
        bare: || Ok(bare()),
        guarded: guarded_in_axum,
        allocations: [10, 2],
    },
    Framework {
        name: "actix",
        make: make_actix,
        bare: bare_in_actix,
        guarded: guarded_in_actix,
        allocations: [22, 8],
    },
    Framework {
        name: "hyper",
        make: make_http,
        bare: || Ok(bare_in_hyper()),
        guarded: guarded_in_hyper,
        allocations: [14, 4],
    },
];

/// Makes every case.
pub(crate) fn cases(world: &World) -> Outcome<Vec<Case>> {
    let signed = Signed::new(Algorithm::HS256)?;
    let mut cases = Vec::new();
    for framework in FRAMEWORKS {
        for row in rows(world, &signed)? {
            // In axum the others are among the cases of `case` and `jwt`.
            if framework.name != "axum" || row.is_open {
                cases.push(case(&framework, &row, &signed)?);
            }
            if framework.name == "actix" && row.is_open {
                cases.push(Case {
                    name: "actix: copy of twelve headers".to_owned(),
                    base: without_headers(guarded_in_actix(&row)?),
                    target: Target { nanoseconds: Some(2_000.0), ..Target::NONE },
                    ..case(&framework, &row, &signed)?
                });
            }
        }
    }
    Ok(cases)
}

fn rows(world: &World, signed: &Signed) -> Outcome<[Row; 5]> {
    let tokens = world.guard().authenticate(world.tokens.authenticator()).build()?;
    let sessions = world.guard().authenticate(world.sessions.authenticator()).build()?;
    let both = world
        .guard()
        .authenticate(world.tokens.authenticator())
        .authenticate(world.sessions.authenticator())
        .build()?;
    let jwt = Guard::builder(signed.users.clone()).authenticate(signed.jwt.authenticator()).build()?;
    let row = |name, guard: &Guard, credential: Option<(&'static str, String)>| {
        let status = if credential.is_some() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        let plain = PLAIN.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Row { name, headers: plain.chain(credential).collect(), guard: guard.clone(), status, is_open: false }
    };
    let browser = BROWSER.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Ok([
        row("session", &sessions, Some(("cookie", world.cookie.clone()))),
        row("token", &tokens, Some(("authorization", format!("Token {}", world.token)))),
        row("jwt HS256", &jwt, Some(("authorization", format!("Bearer {}", signed.token)))),
        row("nothing sent", &both, None),
        Row {
            name: "a browser's head, open",
            headers: browser.collect(),
            guard: both.clone(),
            status: StatusCode::OK,
            is_open: true,
        },
    ])
}

fn case(framework: &Framework, row: &Row, signed: &Signed) -> Outcome<Case> {
    let signature = if row.name.starts_with("jwt") {
        Some(with_signature((framework.bare)()?, signed, &signed.token))
    } else {
        None
    };
    let [accepted, refused] = framework.allocations;
    let allocations = Some(if row.status == StatusCode::OK { accepted } else { refused });
    let (make, headers) = (framework.make, row.headers.clone());
    Ok(Case {
        name: format!("{}: {}", framework.name, row.name),
        request: Box::new(move || make(&headers)),
        base: (framework.bare)()?,
        ours: (framework.guarded)(row)?,
        peer: None,
        limit: None,
        signature,
        status: row.status,
        target: Target { allocations, ..Target::NONE },
    })
}

fn make_http(headers: &Headers) -> Sent {
    let request = headers.iter().fold(Request::get("/books"), |request, (name, value)| {
        request.header(HeaderName::from_static(name), value)
    });
    Sent::Http(request.body(Body::empty()).unwrap_or_default())
}

fn make_actix(headers: &Headers) -> Sent {
    let request = headers.iter().fold(TestRequest::get().uri("/books"), |request, (name, value)| {
        request.insert_header((*name, value.as_str()))
    });
    Sent::Actix(request.to_request())
}

fn guarded_in_axum(row: &Row) -> Outcome<Serve> {
    use portcullis_axum::{Auth, Router, get};
    async fn books(auth: Auth) -> &'static str {
        std::hint::black_box(auth.user());
        "ok"
    }
    let methods = if row.is_open { get(async || "ok").public().without_authenticators() } else { get(books) };
    Ok(serve(Router::new(row.guard.clone()).route("/books", methods).into_router(())?))
}

fn bare_in_actix() -> Outcome<Serve> {
    let app = App::new().service(web::resource("/books").route(web::get().to(async || "ok")));
    Ok(serve_actix(System::new().block_on(init_service(app))))
}

fn guarded_in_actix(row: &Row) -> Outcome<Serve> {
    use portcullis_actix::{Auth, Router, get, resource};
    async fn books(auth: Auth) -> &'static str {
        std::hint::black_box(auth.user());
        "ok"
    }
    let books = if row.is_open {
        resource("/books").route(get().to(async || "ok")).public().without_authenticators()
    } else {
        resource("/books").route(get().to(books))
    };
    let routes = Router::new(row.guard.clone()).service(books).build()?;
    let app = App::new().configure(|config| routes.configure(config));
    Ok(serve_actix(System::new().block_on(init_service(app))))
}

fn serve_actix<S, B>(service: S) -> Serve
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    Box::new(move |sent| {
        let Sent::Actix(request) = sent else { return StatusCode::BAD_REQUEST };
        let answer = service.call(request).now_or_never().and_then(Result::ok);
        let status = answer.map(|answer| answer.status().as_u16());
        status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

/// Forgets the headers first, which are forgotten in the end anyway.
fn without_headers(mut serve: Serve) -> Serve {
    Box::new(move |mut sent| {
        if let Sent::Actix(request) = &mut sent {
            request.head_mut().headers.clear();
        }
        serve(sent)
    })
}

fn bare_in_hyper() -> Serve {
    let service = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
    });
    direct(move |request| {
        let answer = service.call(request).now_or_never();
        answer.map_or(StatusCode::INTERNAL_SERVER_ERROR, |Ok(answer)| answer.status())
    })
}

fn guarded_in_hyper(row: &Row) -> Outcome<Serve> {
    use portcullis_hyper::{Auth, Request, Router, get};
    type Answer = Result<Response<Full<Bytes>>, Rejection>;
    async fn books(is_open: bool, request: Request<Body>) -> Answer {
        if !is_open {
            let auth: Auth = Auth::of(request.extensions())?;
            std::hint::black_box(auth.user());
        }
        Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
    }
    let methods = if row.is_open { get(true).public().without_authenticators() } else { get(false) };
    let service = GuardService::new(Router::new(row.guard.clone()).route("/books", methods), books)?;
    Ok(direct(move |request| {
        let answer = service.call(request).now_or_never();
        answer.map_or(StatusCode::INTERNAL_SERVER_ERROR, |Ok(answer)| answer.status())
    }))
}
