//! Over real connections, HTTP/1 and HTTP/2 alike.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::permission::permission_fn;
use portcullis_hyper::portcullis::{AuthRequest, Decision};
use portcullis_hyper::{Auth, GuardService, Rejection, Replay, Request, Router, collect, get, post};
use portcullis_testing::TwoUsers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
enum Page {
    Whoami,
    Echo,
    Open,
}

async fn handle(page: Page, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let text = match page {
        Page::Whoami => {
            let auth: Auth = Auth::of(request.extensions())?;
            auth.user().username.clone().into()
        }
        Page::Echo => {
            let kind = if matches!(request.body(), Replay::Left(_)) { "replayed " } else { "streamed " };
            [kind.as_bytes(), &collect(request.into_body(), 1 << 20).await?].concat().into()
        }
        Page::Open => Bytes::from_static(b"open"),
    };
    Ok(Response::new(Full::from(text)))
}

/// Serves on a free port of loopback, with or without a word about the peer.
async fn serve(world: &TwoUsers, tells_peer: bool) -> SocketAddr {
    let is_local = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.client().is_some_and(|client| client.is_loopback()))
    });
    let router = Router::new(world.guard())
        .route("/whoami", get(Page::Whoami).post(Page::Whoami))
        .route("/echo", post(Page::Echo))
        .route("/open", get(Page::Open).public())
        .route("/local", get(Page::Open).require(is_local))
        .merge(world.sessions.endpoints("/session"));
    let service = GuardService::new(router, handle).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = if tells_peer { service.with_peer(peer) } else { service.clone() };
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Begins a request.
fn request(method: &str, uri: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(uri)
}

/// Sends a request to `localhost`, which HTTP/1 says in `Host` and HTTP/2 in `:authority`.
async fn ask(
    version: Version,
    address: SocketAddr,
    request: http::request::Builder,
    body: impl Into<Bytes>,
) -> Response<String> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let mut request = request.body(Full::<Bytes>::from(body.into())).unwrap();
    let path = request.uri().path_and_query().unwrap().to_string();
    let response = if version == Version::HTTP_2 {
        *request.uri_mut() = format!("http://localhost{path}").parse().unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    assert_eq!(response.version(), version);
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8_lossy(&body).into_owned())
}

const BOTH: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

#[tokio::test]
async fn a_request_is_decided_alike_over_both() {
    let world = TwoUsers::new().await;
    let address = serve(&world, true).await;
    for (method, path, is_john, status, body) in [
        ("GET", "/whoami", true, 200, "john"),
        ("GET", "/whoami", false, 401, r#"{"detail":"Authentication credentials were not provided."}"#),
        ("HEAD", "/whoami", true, 200, ""),
        ("HEAD", "/whoami", false, 401, ""),
        ("DELETE", "/whoami", false, 401, r#"{"detail":"Authentication credentials were not provided."}"#),
        ("DELETE", "/whoami", true, 405, r#"{"detail":"Method \"DELETE\" not allowed."}"#),
        ("GET", "/open", false, 200, "open"),
        ("GET", "/local", true, 200, "open"),
        ("GET", "/unknown", false, 404, r#"{"detail":"Not found."}"#),
        ("POST", "/echo", true, 200, "streamed body"),
        (
            "GET",
            "/whoami?next=/open",
            false,
            401,
            r#"{"detail":"Authentication credentials were not provided."}"#,
        ),
    ] {
        for version in BOTH {
            let mut request = request(method, path);
            if is_john {
                request = request.header("authorization", format!("Token {}", world.john));
            }
            let answer = ask(version, address, request, if method == "POST" { "body" } else { "" }).await;
            let row = format!("{method} {path}, {version:?}");
            assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, body), "{row}");
            assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401, "{row}");
            assert_eq!(answer.headers().contains_key("allow"), status == 405, "{row}");
            if method == "HEAD" {
                assert_eq!(
                    answer.headers().get("content-length").map(|length| length.to_str().unwrap()),
                    Some(if is_john { "4" } else { "58" }),
                    "{row}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_peer_is_not_local() {
    let world = TwoUsers::new().await;
    for (tells_peer, status) in [(true, 200), (false, 403)] {
        let address = serve(&world, tells_peer).await;
        for version in BOTH {
            let request = request("GET", "/local").header("authorization", format!("Token {}", world.john));
            let answer = ask(version, address, request.header("x-forwarded-for", "127.0.0.1"), "").await;
            assert_eq!(answer.status(), status, "{version:?}");
        }
    }
}

/// Logs John in by the endpoint; returns the `Cookie` header and a CSRF token.
async fn log_in(world: &TwoUsers, version: Version, address: SocketAddr) -> (String, String) {
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    world.users.set_password(&john.id, "right").await.unwrap();
    let login = request("POST", "/session/login")
        .header("content-type", "application/json")
        .header("origin", "http://localhost");
    let answer = ask(version, address, login, r#"{"username":"john","password":"right"}"#).await;
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_str()),
        (200, r#"{"user":"john"}"#),
        "{version:?}"
    );
    let cookies = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = request("GET", "/session/csrf").header("cookie", &cookies);
    let answer = ask(version, address, csrf, "").await;
    (cookies, answer.body().split('"').nth(3).unwrap().to_owned())
}

#[tokio::test]
async fn the_origin_is_checked_against_host_and_authority() {
    let world = TwoUsers::new().await;
    let address = serve(&world, true).await;
    for version in BOTH {
        let (cookies, token) = log_in(&world, version, address).await;
        for (name, origin, token, status) in [
            ("from our own site", "http://localhost", Some(&token), 200),
            ("without a token", "http://localhost", None, 403),
            ("from another site", "http://evil.test", Some(&token), 403),
            ("from a name that begins like ours", "http://localhost.evil.test", Some(&token), 403),
            ("from another port", "http://localhost:81", Some(&token), 403),
            ("from nowhere", "null", Some(&token), 403),
        ] {
            let mut request = request("POST", "/whoami").header("cookie", &cookies).header("origin", origin);
            if let Some(token) = token {
                request = request.header("x-csrftoken", token);
            }
            let answer = ask(version, address, request, "").await;
            assert_eq!(answer.status(), status, "{name}, {version:?}: {}", answer.body());
        }
    }
}

#[tokio::test]
async fn a_form_is_read_once_and_handed_on() {
    let world = TwoUsers::new().await;
    let address = serve(&world, true).await;
    for version in BOTH {
        let (cookies, token) = log_in(&world, version, address).await;
        let small = format!("a=1&csrfmiddlewaretoken={token}&a=%zz&&é=+");
        let large = format!("csrfmiddlewaretoken={token}&a={}", "x".repeat(64 * 1024));
        for (name, has_header, body, status, kind) in [
            ("a small form", false, &small, 200, "replayed "),
            ("a small form with the header", true, &small, 200, "streamed "),
            ("a large form", false, &large, 413, ""),
            ("a large form with the header", true, &large, 200, "streamed "),
        ] {
            let mut request = request("POST", "/echo")
                .header("cookie", &cookies)
                .header("origin", "http://localhost")
                .header("content-type", "application/x-www-form-urlencoded");
            if has_header {
                request = request.header("x-csrftoken", &token);
            }
            let answer = ask(version, address, request, body.clone()).await;
            assert_eq!(answer.status(), status, "{name}, {version:?}");
            assert!(status == 413 || *answer.body() == format!("{kind}{body}"), "{name}, {version:?}");
        }
    }
}

#[tokio::test]
async fn other_forms_of_a_target_open_nothing() {
    let world = TwoUsers::new().await;
    let address = serve(&world, true).await;
    for (line, status) in [
        ("GET http://open/whoami HTTP/1.1", "401"),
        ("GET http://localhost/open HTTP/1.1", "200"),
        ("GET /open/../whoami HTTP/1.1", "404"),
        ("GET //whoami HTTP/1.1", "404"),
        ("GET /whoami/ HTTP/1.1", "404"),
        ("GET /%77hoami HTTP/1.1", "404"),
        ("GET /whoami HTTP/1.0", "401"),
        ("OPTIONS * HTTP/1.1", "404"),
        ("CONNECT open:80 HTTP/1.1", "404"),
        ("get /open HTTP/1.1", "405"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{line}: {answer}");
    }
}
