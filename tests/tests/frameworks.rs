//! The same bytes get the same answer from the bookshop on every framework: thousands of requests, most of them hostile.
//!
//! What differs is named in [`explained`]; all of it is an error in place of another, and none opens anything.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong here ends the test"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use portcullis_tests::server::Bookshop;

const FRAMEWORKS: [&str; 3] = ["axum", "actix", "hyper"];
const REQUESTS: usize = 6000;
const SEED: u64 = 0x5eed;

/// What Portcullis and the bookshop decide of an answer.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

const COMPARED: [&str; 8] = [
    "www-authenticate",
    "allow",
    "vary",
    "set-cookie",
    "cache-control",
    "content-type",
    "retry-after",
    "location",
];

/// xorshift64*, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    /// Every second time one of the first, which say something to the application.
    fn pick_often<'a>(&mut self, first: usize, of: &[&'a str]) -> &'a str {
        if self.roll(2) == 0 { self.pick(&of[..first]) } else { self.pick(of) }
    }
}

const METHODS: [&str; 18] = [
    "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
    "CONNECT", "get", "PROPFIND", "G-T", "GE\0T", "QUERY",
];
const SHELVES: [&str; 9] = [
    "books",
    "public-books",
    "admin-books",
    "open-books",
    "author-books",
    "model-books",
    "anon-model-books",
    "object-books",
    "composed-books",
];
const IDS: [&str; 22] = [
    "",
    "1/",
    "2/",
    "3/",
    "9/",
    "x/",
    "%31/",
    "01/",
    "+1/",
    "-1/",
    "%2B1/",
    "1%00/",
    "1%20/",
    "1;x/",
    "1%2F/",
    "1%252f/",
    "%EF%BC%91/",
    "../1/",
    "%2e%2e/",
    ".../",
    "1",
    "99999999999999999999/",
];
const OTHERS: [&str; 20] = [
    "/api/whoami/basic/",
    "/api/whoami/token/",
    "/api/whoami/bearer/",
    "/api/whoami/session/",
    "/api/whoami/jwt/",
    "/api/whoami/jwt-stateless/",
    "/api/whoami/remote/",
    "/api/whoami/custom/",
    "/api/whoami/multi/",
    "/api/whoami/multi-session-first/",
    "/api/whoami/optional/",
    "/api/login/",
    "/api/session/login/",
    "/api/session/logout/",
    "/api/session/password/",
    "/api/token/",
    "/api/token/refresh/",
    "/api/token/verify/",
    "/nothing",
    "*",
];
const PIECES: [&str; 24] = [
    ";x=1",
    "\\",
    "%00",
    "%",
    "%zz",
    "%2f",
    "%2e%2e/",
    "../",
    "./",
    "*",
    "{id}",
    "%7Bid%7D",
    "%ff",
    "+",
    "%20",
    "%3f",
    "%23",
    "é",
    "//",
    "?a=b",
    "?format=api",
    "#x",
    "?%00",
    "%0d%0aX: y",
];
const CREDENTIALS: [&str; 24] = [
    "",
    "Authorization: Token 1111111111111111111111111111111111111111\r\n",
    "Authorization: Token 2222222222222222222222222222222222222222\r\n",
    "Authorization: Token 3333333333333333333333333333333333333333\r\n",
    "Authorization: Token 4444444444444444444444444444444444444444\r\n",
    "Authorization: Token 5555555555555555555555555555555555555555\r\n",
    "authorization:\ttoken 1111111111111111111111111111111111111111 \r\n",
    "Authorization: Token 1111111111111111111111111111111111111111\r\nAuthorization: Token bad\r\n",
    "Authorization: Token bad\r\nAuthorization: Token 4444444444444444444444444444444444444444\r\n",
    "Authorization: Token bad\r\n",
    "Authorization: Token a b\r\n",
    "Authorization: Token\r\n",
    "Authorization:\r\n",
    "Authorization: \u{e9}\r\n",
    "Authorization: Basic xx\r\n",
    "Authorization: Bearer a.b.c\r\n",
    "X-Remote-User: john\r\n",
    "X-Remote-User: john\r\nX-Remote-User: root\r\n",
    "Cookie: sessionid=abc; csrftoken=x\r\nCookie: sessionid=def\r\n",
    "Cookie: sessionid=\u{e9}; ;=;\"\r\n",
    "X-HTTP-Method-Override: GET\r\nX-Forwarded-For: 1.2.3.4, unknown\r\nX-Forwarded-Proto: https\r\n",
    "X-Original-URL: /api/open-books/\r\nX-Rewrite-URL: /api/open-books/\r\nX-Forwarded-Prefix: /x\r\n",
    "Accept: text/html\r\n",
    "Accept: */*;q=0\r\nOrigin: null\r\n",
];
const BODIES: [&str; 6] = [r#"{"title":"x"}"#, "", "{", "title=x", "\u{e9}", "username=john&password=wrong"];
const TYPES: [&str; 6] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "application/grpc",
];

fn target(dice: &mut Dice) -> String {
    let mut path = if dice.roll(3) > 0 {
        format!("/api/{}/{}", dice.pick(&SHELVES), dice.pick_often(5, &IDS))
    } else {
        dice.pick(&OTHERS).to_owned()
    };
    // All of these are ASCII so far.
    let at = dice.roll(path.len());
    let hex = |path: &str, upper: bool| {
        let byte = path.as_bytes()[at];
        let escape = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        format!("{}{escape}{}", &path[..at], &path[at + 1..])
    };
    match dice.roll(36) {
        0 | 1 => path = hex(&path, false),
        2 | 3 => path = hex(&path, true),
        4..7 => path.insert_str(at, dice.pick(&PIECES)),
        7 => path = path.to_uppercase(),
        8 => path = format!("http://evil.example{path}"),
        9 => path = format!("https://user:pw@evil.example:99{path}"),
        10 => path = path.trim_end_matches('/').to_owned(),
        11 => path += dice.pick(&PIECES),
        12 => path += &"x".repeat(3000),
        13 => path = format!("//evil.example{path}"),
        14 => path = path.split_off(at),
        _ => {}
    }
    path
}

fn request(dice: &mut Dice) -> String {
    let (method, target) = (dice.pick_often(10, &METHODS), target(dice));
    let credentials = dice.pick_often(6, &CREDENTIALS);
    let is_writing = matches!(method, "POST" | "PUT" | "PATCH" | "DELETE");
    let host = match dice.roll(30) {
        0 if !is_writing => "",
        1 if !is_writing => "Host: a\r\nHost: b\r\n",
        2 => "Host: a b/c\r\n",
        _ => "Host: shop.example\r\n",
    };
    let body = if is_writing || dice.roll(10) == 0 { dice.pick_often(1, &BODIES) } else { "" };
    let mut head = format!("{method} {target} HTTP/1.1\r\n{host}{credentials}Connection: close\r\n");
    if !body.is_empty() {
        let kind = dice.pick_often(1, &TYPES);
        head += &format!("Content-Type: {kind}\r\n");
    }
    let length = body.len();
    match dice.roll(20) {
        0 if length > 0 => {
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
        }
        1 if length > 0 => format!("{head}Transfer-Encoding: gzip\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"),
        2 if length > 0 => format!("{head}Content-Length: -1\r\n\r\n{body}"),
        3 if length > 0 => format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{body}"),
        _ if length > 0 => format!("{head}Content-Length: {length}\r\n\r\n{body}"),
        _ => format!("{head}\r\n"),
    }
}

/// Sends a request and waits for the end of its answer, which must come.
fn send(address: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        // A server that answers before it has read everything may reset the connection behind its answer.
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: {request:?}"),
        }
        // actix-web keeps a tunnel open that it was asked for and refused.
        if request.starts_with("CONNECT") && is_whole(&answer) {
            break;
        }
    }
    read(&String::from_utf8_lossy(&answer))
}

fn is_whole(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn read(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok()).unwrap_or(0);
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_lowercase(), value));
    let mut headers: Vec<_> = fields
        .filter(|(name, _)| COMPARED.contains(&name.as_str()))
        .map(|(name, value)| match value.split_once("; ") {
            // Tokens are random, and seconds pass.
            Some((pair, attributes)) if name == "set-cookie" => {
                let attributes =
                    attributes.split("; ").filter(|attribute| !attribute.starts_with("Expires="));
                let cookie = pair.split('=').next().unwrap_or_default();
                format!("{name}: {cookie}; {}", attributes.collect::<Vec<_>>().join("; "))
            }
            _ => format!("{name}: {value}"),
        })
        .collect();
    headers.sort_unstable();
    // A page has a token in it.
    let is_page = headers.iter().any(|header| header.starts_with("content-type: text/html"));
    let body = if is_page { body.lines().next().unwrap_or_default() } else { body };
    Answer { status, headers, body: body.to_owned() }
}

/// The few things in which HTTP/1 of actix-web and routes of matchit differ, by what a request brings.
fn explained(request: &str, actix: &Answer, axum: &Answer) -> bool {
    let (line, head) = request.split_once("\r\n").unwrap();
    let hosts = head.matches("Host: ").count();
    let path = line.split(' ').nth(1).unwrap();
    // hyper takes a request of no host or of two, which RFC 9112 section 3.2 refuses.
    (hosts != 1 && actix.status == 400)
        // A segment of matchit may be empty: the handler says what is not there, to those who may ask.
        || (path.contains("//") && actix.status == 404 && axum.status >= 400)
        // actix-web refuses what is no ASCII in a target.
        || (!path.is_ascii() && actix.status == 400 && axum.status >= 400)
        // Beside what is no text, an escape without need is unknown to the adapter for actix-web.
        || (path.contains('%') && actix.status == 404 && axum.status >= 400 && !is_text(path))
}

/// Whether a path is text when it is decoded.
fn is_text(path: &str) -> bool {
    let mut bytes = path.as_bytes().iter();
    let mut decoded = Vec::new();
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        let hex = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).is_ok()
}

#[test]
fn every_framework_answers_the_same_bytes_alike() {
    let mut dice = Dice(SEED);
    let requests: Vec<_> = (0..REQUESTS).map(|_| request(&mut dice)).collect();
    let answers = thread::scope(|scope| {
        let servers = FRAMEWORKS.map(|framework| {
            let requests = &requests;
            scope.spawn(move || {
                let shop = Bookshop::start_with(&["--store", "memory", "--framework", framework]).unwrap();
                let address = shop.base_url().strip_prefix("http://").unwrap();
                requests.iter().map(|request| send(address, request)).collect::<Vec<_>>()
            })
        });
        servers.map(|server| server.join().unwrap())
    });
    let [axum, actix, hyper] = &answers;
    let (mut statuses, mut differences) = (BTreeMap::<_, usize>::new(), Vec::new());
    for (index, request) in requests.iter().enumerate() {
        let (axum, actix, hyper) = (&axum[index], &actix[index], &hyper[index]);
        *statuses.entry(axum.status).or_default() += 1;
        if axum != hyper || (axum != actix && !explained(request, actix, axum)) {
            differences.push(format!("{request:?}\n  axum  {axum:?}\n  actix {actix:?}\n  hyper {hyper:?}"));
        }
    }
    let some: Vec<_> = differences.iter().take(40).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} of {REQUESTS} differ\n{}", differences.len(), some.join("\n"));
    for status in [200, 201, 204, 400, 401, 403, 404, 405, 406, 415] {
        assert!(statuses.contains_key(&status), "nothing was answered {status}: {statuses:?}");
    }
    assert!(statuses.keys().all(|status| (200..500).contains(status)), "{statuses:?}");
}
