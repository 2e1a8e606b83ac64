//! What stands inside Basic's base64: John comes out for his name, a colon and his password, and for nothing else.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use libfuzzer_sys::fuzz_target;
use portcullis::Scheme;
use portcullis_fuzz::{PASSWORD, SITES, get};

fuzz_target!(|data: &[u8]| {
    let line = format!("Basic {}", STANDARD.encode(data)).parse().unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, line)]);
    let wanted =
        if data == format!("john:{PASSWORD}").as_bytes() { Ok(Some(Scheme::BASIC)) } else { Err(401) };
    for site in SITES.iter() {
        assert_eq!(site.who(get(headers.clone())), wanted);
    }
});
