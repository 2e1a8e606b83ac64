//! A browser takes a value of `SameSite` that it does not know for another one.
//~ expected `SameSite`, found `&str`

use portcullis_tests::crates::portcullis::{CookieConfig, SameSite};

#[cfg(wrong)]
pub fn cookie(cookie: CookieConfig) -> CookieConfig {
    cookie.with_same_site("strict")
}

#[cfg(right)]
pub fn cookie(cookie: CookieConfig) -> CookieConfig {
    cookie.with_same_site(SameSite::Strict)
}
