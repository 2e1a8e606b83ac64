//! An unsafe request with John's session: headers, one a line, then the body. It passes only with his token against
//! forgery, or, as in Django, with a pair of cookie and token; and never from another origin.

#![no_main]

use bytes::Bytes;
use http::header::{COOKIE, HOST, ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use libfuzzer_sys::fuzz_target;
use portcullis::Scheme;
use portcullis_fuzz::SITES;

fuzz_target!(|data: &[u8]| {
    for site in SITES.iter() {
        let text = site.fill(data);
        let Some(request) = request(&text) else { return };
        let (mut parts, body) = request.into_parts();
        let session = format!("{}={}", site.cookie, site.session);
        parts.headers.append(COOKIE, session.parse().unwrap());
        let (method, headers, is_https) =
            (parts.method.clone(), parts.headers.clone(), parts.uri.scheme_str() == Some("https"));
        let Ok(found) = site.who(Request::from_parts(parts, body)) else { continue };
        let is_safe = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if found != Some(Scheme::SESSION) || is_safe {
            continue;
        }
        let scheme = if is_https { "https" } else { "http" };
        assert!(site.is_drf || contains(&text, site.csrf.as_bytes()), "a token was made up");
        assert!(!site.is_drf || contains(&text, b"csrftoken"), "a cookie was made up");
        if headers.get(HOST).is_some_and(|host| host == "shop.example") {
            let is_ours = |line: &HeaderValue| {
                let text = String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase();
                let rest = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://shop.example"));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?', '#']))
            };
            assert!(headers.get_all(ORIGIN).iter().all(is_ours), "another origin passed");
            let is_judged = is_https && !headers.contains_key(ORIGIN);
            assert!(!is_judged || headers.get_all(REFERER).iter().any(is_ours), "another referrer passed");
        }
    }
});

/// Reads `METHOD URI`, then `Name: value` a line, then the body behind an empty line.
fn request(text: &[u8]) -> Option<Request<Bytes>> {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let request = Request::builder().method(words.next()?).uri(words.next()?);
    let mut rest = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    let mut request = request.body(Bytes::copy_from_slice(rest)).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
