//! The `Authorization` header, one line of it or several: John comes out for exactly his token or his password.

#![no_main]

use http::header::AUTHORIZATION;
use libfuzzer_sys::fuzz_target;
use portcullis::Scheme;
use portcullis_fuzz::{SITES, TOKEN, get, lines};

fuzz_target!(|data: &[u8]| {
    for site in SITES.iter() {
        let headers = lines(&AUTHORIZATION, &site.fill(data));
        let sent: Vec<_> = headers.values().map(|line| line.as_bytes().to_vec()).collect();
        let is = |keyword: &str, credential: &[u8]| {
            let [line] = sent.as_slice() else { return false };
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()))
                && words.next() == Some(credential)
                && words.next().is_none()
        };
        let wanted = [
            (Scheme::TOKEN, is("Token", TOKEN.as_bytes())),
            (Scheme::BASIC, is("Basic", b"am9objpzZWNyZXQxMjM=")),
        ];
        let wanted = wanted.into_iter().find(|(_, is)| *is).map(|(scheme, _)| scheme);
        match site.who(get(headers)) {
            Ok(found) => assert_eq!(found, wanted),
            Err(status) => assert!(status == 401 && wanted.is_none(), "{status}"),
        }
    }
});
