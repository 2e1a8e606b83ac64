//! What stands behind the keyword `Token`: John comes out for his token and white space, and for nothing else.

#![no_main]

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portcullis::Scheme;
use portcullis_fuzz::{SITES, TOKEN, get};

fuzz_target!(|data: &[u8]| {
    for site in SITES.iter() {
        let text = site.fill(data);
        let Ok(line) = HeaderValue::from_bytes(&[b"Token ", text.as_slice()].concat()) else { return };
        let is_johns = text.trim_ascii() == TOKEN.as_bytes();
        let wanted = if is_johns { Ok(Some(Scheme::TOKEN)) } else { Err(401) };
        assert_eq!(site.who(get(HeaderMap::from_iter([(AUTHORIZATION, line)]))), wanted);
    }
});
