//! The `Cookie` header, one line of it or several: John comes out only where the cookie of his session stands in it.

#![no_main]

use http::header::COOKIE;
use libfuzzer_sys::fuzz_target;
use portcullis::Scheme;
use portcullis_fuzz::{SITES, get, lines};

fuzz_target!(|data: &[u8]| {
    for site in SITES.iter() {
        let headers = lines(&COOKIE, &site.fill(data));
        let is_johns = |line: &[u8]| {
            line.split(|byte| *byte == b';').any(|pair| {
                let mut halves = pair.splitn(2, |byte| *byte == b'=');
                let name = halves.next().unwrap_or_default().trim_ascii();
                let value = halves.next().unwrap_or_default().trim_ascii();
                let inside = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                name == site.cookie.as_bytes()
                    && inside.unwrap_or(value).trim_ascii() == site.session.as_bytes()
            })
        };
        let has_johns = headers.values().any(|line| is_johns(line.as_bytes()));
        match site.who(get(headers)) {
            Ok(found) => {
                assert!(found.is_none_or(|scheme| scheme == Scheme::SESSION));
                assert!(found.is_none() || has_johns, "somebody made a session up");
            }
            Err(status) => assert!(matches!(status, 401 | 403), "{status}"),
        }
    }
});
