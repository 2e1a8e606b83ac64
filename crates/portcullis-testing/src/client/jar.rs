//! The cookies of one client.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// Cookies by name. They go to every path of the one application; what a browser would refuse is not a client's matter.
#[derive(Default)]
pub(super) struct Jar(Mutex<BTreeMap<String, String>>);

impl Jar {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    pub(super) fn set(&self, name: &str, value: &str) {
        self.lock().insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Keeps what an answer sets, and forgets what it takes back.
    pub(super) fn keep(&self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            let line = String::from_utf8_lossy(line.as_bytes());
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            if parts.any(is_end) {
                self.lock().remove(name);
            } else {
                self.set(name, value);
            }
        }
    }

    /// Returns the `Cookie` header; nothing without cookies.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<_> = self.lock().iter().map(|(name, value)| format!("{name}={value}")).collect();
        HeaderValue::try_from(pairs.join("; ")).ok().filter(|header| !header.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an attribute ends a cookie at once (RFC 6265 section 5.2.2).
fn is_end(attribute: &str) -> bool {
    let Some((name, value)) = attribute.split_once('=') else { return false };
    name.eq_ignore_ascii_case("max-age") && value.parse().is_ok_and(|age: i64| age <= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_replaced_and_taken_back() {
        let jar = Jar::default();
        for (lines, header) in [
            (&["a=1; Path=/; HttpOnly", "b=2"][..], Some("a=1; b=2")),
            (&["a=3; Max-Age=60"], Some("a=3; b=2")),
            (&["b=\"\"; Max-Age=0; Path=/"], Some("a=3")),
            (&["nonsense", "c=x=y; max-age=-1"], Some("a=3")),
            (&["a=; max-age=0"], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(SET_COOKIE, HeaderValue::from_static(line));
            }
            jar.keep(&headers);
            let found = jar.header().map(|header| header.to_str().unwrap().to_owned());
            assert_eq!(found.as_deref(), header, "after {lines:?}");
        }
    }
}
