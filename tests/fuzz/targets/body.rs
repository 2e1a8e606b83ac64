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
        json["username"].as_str().is_some_and(|name| name.trim() == "john") && json["password"] == PASSWORD
    } else if contains(&media_type, b"multipart") {
        contains(body, b"john") && contains(body, PASSWORD.as_bytes())
    } else {
        let last = |name: &str| form_urlencoded::parse(body).filter(|(other, _)| other == name).last();
        last("username").is_some_and(|(_, name)| name.trim() == "john")
            && last("password").is_some_and(|(_, password)| password == PASSWORD)
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
