//! A body of any type, sent to where a username and a password become a token: the type in the first line, then the
//! body. A token goes out only where both stand in it.

#![no_main]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::{PASSWORD, SITES, call};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (media_type, rest) = data.split_at(end);
    let Ok(media_type) = HeaderValue::from_bytes(media_type) else { return };
    let body = Bytes::copy_from_slice(rest.get(1..).unwrap_or_default());
    for site in SITES.iter() {
        let request =
            Request::post("/token").header(CONTENT_TYPE, media_type.clone()).body(body.clone()).unwrap();
        let answer = call(&site.obtain, request);
        match answer.status().as_u16() {
            200 => assert!(names_john(media_type.as_bytes(), &body), "a token went out"),
            400 | 415 => assert!(!contains(answer.body(), br#""token""#)),
            other => panic!("{other}"),
        }
    }
});

/// Whether the body can hold John's name and password, by another parser or none.
fn names_john(media_type: &[u8], body: &[u8]) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    if contains(&media_type, b"json") {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        json["username"].as_str().is_some_and(|name| strip(name) == "john") && json["password"] == PASSWORD
    } else if contains(&media_type, b"multipart") {
        contains(body, b"john") && contains(body, PASSWORD.as_bytes())
    } else {
        // A form that is not UTF-8 is Latin-1 (Django's `QueryDict`), in which A0 is a space that is trimmed.
        let text = std::str::from_utf8(body)
            .map_or_else(|_| body.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
        let last =
            |name: &str| form_urlencoded::parse(text.as_bytes()).filter(|(other, _)| other == name).last();
        last("username").is_some_and(|(_, name)| strip(&name) == "john")
            && last("password").is_some_and(|(_, password)| password == PASSWORD)
    }
}

/// Takes off what Python's `str.strip()` does.
fn strip(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
