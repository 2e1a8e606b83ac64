//! Where a request says it comes from (`django/middleware/csrf.py`, steps 1 and 2).
//!
//! 1. An `Origin` header, also an empty one or `null`, must be `scheme://Host` as text, or a trusted origin.
//! 2. Without one, and over TLS, the `Referer` must name the host or a trusted one, over TLS too: whoever can write
//!    into plain HTTP must not be able to forge a form for the secure site.
//! 3. Two header lines that differ are never one origin, referer or host (CVE-2025-24358 is what an unchecked
//!    assumption costs here). A host that is no host matches nothing.
//! 4. Wildcards match any depth of subdomains and the domain itself, of one scheme.

use std::borrow::Cow;

use http::header::{HOST, ORIGIN, REFERER};

use crate::csrf::CsrfConfigError;
use crate::header::{joined, latin1};
use crate::request::RequestHead;

/// How much of a refused origin is shown again.
const MAX_SHOWN: usize = 1024;

/// The origins that may send unsafe requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins {
    /// Each `scheme://host`, in lower case.
    exact: Vec<String>,
    /// Each scheme and `.domain`, in lower case.
    wild: Vec<(String, String)>,
    /// What a `Host` may say, without port and in lower case; anything where there are none.
    hosts: Vec<String>,
    /// The domain of a cookie that is shared with subdomains: a good referer in place of the host.
    domain: Option<String>,
}

impl Origins {
    /// Reads the trusted origins.
    pub(super) fn new(
        trusted: &[String],
        hosts: &[String],
        domain: Option<&str>,
    ) -> Result<Self, CsrfConfigError> {
        let mut origins = Self {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            domain: domain.map(str::to_ascii_lowercase),
            ..Self::default()
        };
        for origin in trusted {
            let lower = origin.to_ascii_lowercase();
            let (scheme, host) =
                lower.split_once("://").ok_or_else(|| CsrfConfigError::Origin(origin.clone()))?;
            let domain = host.strip_prefix('*');
            let is_domain = |domain: &str| domain.strip_prefix('.').is_some_and(is_host);
            if !is_scheme(scheme) || !domain.map_or_else(|| is_host(host), is_domain) {
                return Err(CsrfConfigError::Origin(origin.clone()));
            }
            match domain {
                Some(domain) => origins.wild.push((scheme.to_owned(), domain.to_owned())),
                None => origins.exact.push(lower),
            }
        }
        Ok(origins)
    }

    /// Checks the `Origin`, or over TLS the `Referer`; the error is the reason.
    pub(super) fn check(&self, head: &RequestHead<'_>) -> Result<(), String> {
        match joined(&head.headers, ORIGIN) {
            Some(Cow::Borrowed(origin)) if self.is_good_origin(origin, head) => Ok(()),
            Some(origin) => Err(mismatch("Origin", &latin1(&origin))),
            None if head.is_https() => self.check_referer(head),
            None => Ok(()),
        }
    }

    fn is_good_origin(&self, origin: &[u8], head: &RequestHead<'_>) -> bool {
        let Some((scheme, host)) = std::str::from_utf8(origin).ok().and_then(|text| text.split_once("://"))
        else {
            return false;
        };
        let own = if head.is_https() { "https" } else { "http" };
        let is_own = || scheme == own && self.host(head).is_some_and(|own| own == host);
        let is_exact = || self.exact.iter().any(|trusted| trusted.split_once("://") == Some((scheme, host)));
        let is_wild = || {
            self.wild
                .iter()
                .any(|(trusted, domain)| scheme.eq_ignore_ascii_case(trusted) && is_same_domain(host, domain))
        };
        is_own() || is_exact() || is_wild()
    }

    fn check_referer(&self, head: &RequestHead<'_>) -> Result<(), String> {
        const MALFORMED: &str = "Referer checking failed - Referer is malformed.";
        let referer = joined(&head.headers, REFERER).ok_or("Referer checking failed - no Referer.")?;
        let Cow::Borrowed(referer) = referer else {
            return Err(MALFORMED.to_owned());
        };
        let referer = latin1(referer);
        let (scheme, rest) = referer.split_once("://").ok_or(MALFORMED)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !is_scheme(scheme) || host.is_empty() || host.contains('[') != host.contains(']') {
            return Err(MALFORMED.to_owned());
        }
        if !scheme.eq_ignore_ascii_case("https") {
            return Err("Referer checking failed - Referer is insecure while host is secure.".to_owned());
        }
        if self.is_trusted_host(host) || self.is_own_host(host, head) {
            return Ok(());
        }
        Err(mismatch("Referer", &format!("https://{rest}")))
    }

    /// Tells whether the host is that of a trusted origin, of whatever scheme.
    fn is_trusted_host(&self, host: &str) -> bool {
        let exact = self.exact.iter().filter_map(|origin| origin.split_once("://"));
        let mut domains = exact.chain(self.wild.iter().map(|(scheme, domain)| (&**scheme, &**domain)));
        domains.any(|(_, domain)| is_same_domain(host, domain))
    }

    fn is_own_host(&self, host: &str, head: &RequestHead<'_>) -> bool {
        let Some(own) = self.host(head).map(str::to_ascii_lowercase) else {
            return false;
        };
        let Some(domain) = &self.domain else {
            return is_same_domain(host, &own);
        };
        let port = port(&own).map(|port| format!(":{port}")).unwrap_or_default();
        is_same_domain(host, &format!("{domain}{port}"))
    }

    /// Returns the host that the request was sent to: `Host`, in HTTP/2 the authority, and never two that differ.
    fn host<'a>(&self, head: &'a RequestHead<'_>) -> Option<&'a str> {
        let lines = head.headers.get_all(HOST).iter().map(|line| line.to_str().unwrap_or_default());
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let mut hosts = lines.chain(authority);
        let host = hosts.next().filter(|host| is_host(host))?;
        let name =
            port(host).map_or(host, |port| host.get(..host.len() - port.len() - 1).unwrap_or_default());
        let is_allowed =
            self.hosts.is_empty() || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
        (is_allowed && hosts.all(|other| other == host)).then_some(host)
    }
}

fn mismatch(header: &str, shown: &str) -> String {
    let shown: String = shown.chars().take(MAX_SHOWN).collect();
    format!("{header} checking failed - {shown} does not match any trusted origins.")
}

/// Django's `is_same_domain`: the pattern is in lower case and may begin with a dot, the host is taken as sent.
fn is_same_domain(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('.') {
        Some(domain) => is_host(host) && (host == domain || host.ends_with(pattern)),
        None => host == pattern,
    }
}

fn port(host: &str) -> Option<&str> {
    host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name or an address with or without a port; no user, no path, no list.
fn is_host(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(is_part)
}

fn is_scheme(scheme: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::request::Parts;
    use proptest::prelude::*;

    use super::*;

    type Header<'a> = (&'a str, &'a [u8]);
    /// One row: its name, what is sent, and what is shown of it in the refusal.
    type Row<'a, T> = (&'a str, T, Result<(), &'a str>);

    fn trusted() -> Origins {
        let trusted = ["https://trusted.example", "https://*.wild.example"].map(ToOwned::to_owned);
        Origins::new(&trusted, &[], None).unwrap()
    }

    fn request(uri: &str, headers: &[Header<'_>]) -> Parts {
        let mut request = http::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
        request.body(()).unwrap().into_parts().0
    }

    fn check(origins: &Origins, is_https: bool, uri: &str, headers: &[Header<'_>]) -> Result<(), String> {
        let parts = request(uri, headers);
        origins.check(&RequestHead::new(&parts, None).with_https(is_https))
    }

    #[test]
    fn an_origin_is_ours_or_trusted() {
        let rows: &[Row<'_, &[u8]>] = &[
            ("ours", b"http://bookshop.test", Ok(())),
            ("trusted", b"https://trusted.example", Ok(())),
            ("a subdomain", b"https://a.wild.example", Ok(())),
            ("a deep subdomain", b"https://a.b.wild.example", Ok(())),
            ("the domain itself", b"https://wild.example", Ok(())),
            ("null", b"null", Err("null")),
            ("empty", b"", Err("")),
            ("another port", b"http://bookshop.test:8000", Err("http://bookshop.test:8000")),
            ("a slash", b"http://bookshop.test/", Err("http://bookshop.test/")),
            ("another scheme", b"https://bookshop.test", Err("https://bookshop.test")),
            ("no scheme", b"bookshop.test", Err("bookshop.test")),
            ("capitals", b"http://BOOKSHOP.test", Err("http://BOOKSHOP.test")),
            ("trusted, another scheme", b"http://trusted.example", Err("http://trusted.example")),
            ("under a trusted one", b"https://a.trusted.example", Err("https://a.trusted.example")),
            ("a subdomain, another scheme", b"http://a.wild.example", Err("http://a.wild.example")),
            ("a longer domain", b"https://evilwild.example", Err("https://evilwild.example")),
            (
                "ours as a label",
                b"http://bookshop.test.evil.example",
                Err("http://bookshop.test.evil.example"),
            ),
            ("a bad address", b"http://[::1", Err("http://[::1")),
            ("a user", b"https://evil@a.wild.example", Err("https://evil@a.wild.example")),
            ("a path", b"https://evil.example/.wild.example", Err("https://evil.example/.wild.example")),
            ("a list", b"https://evil.example,x.wild.example", Err("https://evil.example,x.wild.example")),
            (
                "a backslash",
                b"https://evil.example\\.wild.example",
                Err("https://evil.example\\.wild.example"),
            ),
            ("Latin-1", b"http://b\xe9", Err("http://bé")),
        ];
        for (name, origin, verdict) in rows {
            let found = check(&trusted(), false, "/", &[("host", b"bookshop.test"), ("origin", origin)]);
            let reason =
                |shown| format!("Origin checking failed - {shown} does not match any trusted origins.");
            assert_eq!(found, verdict.map_err(reason), "{name}");
        }
    }

    #[test]
    fn a_host_is_one_host() {
        let ours: Header<'_> = ("origin", b"http://a.test");
        let rows: &[(&str, &str, &[Header<'_>], bool)] = &[
            ("the host", "/", &[("host", b"a.test"), ours], true),
            ("twice the same", "/", &[("host", b"a.test"), ("host", b"a.test"), ours], true),
            ("the authority of HTTP/2", "http://a.test/", &[ours], true),
            ("both alike", "http://a.test/", &[("host", b"a.test"), ours], true),
            ("two hosts", "/", &[("host", b"a.test"), ("host", b"b.test"), ours], false),
            ("two hosts the other way", "/", &[("host", b"b.test"), ("host", b"a.test"), ours], false),
            ("another authority", "http://b.test/", &[("host", b"a.test"), ours], false),
            ("no host", "/", &[ours], false),
            ("two equal origins", "/", &[("host", b"a.test"), ours, ours], false),
            ("an origin and none", "/", &[("host", b"a.test"), ours, ("origin", b"")], false),
            ("a host with a user", "/", &[("host", b"x@a.test"), ("origin", b"http://x@a.test")], false),
            ("an empty host", "/", &[("host", b""), ("origin", b"http://")], false),
            ("a port", "/", &[("host", b"a.test:8000"), ("origin", b"http://a.test:8000")], true),
        ];
        for (name, uri, headers, verdict) in rows {
            assert_eq!(check(&trusted(), false, uri, headers).is_ok(), *verdict, "{name}");
        }
    }

    #[test]
    fn a_host_nobody_listed_is_not_ours() {
        let listed = Origins::new(&[], &["A.test".to_owned()], None).unwrap();
        for (host, verdict) in [("a.test", true), ("a.test:8000", true), ("evil.example", false)] {
            let origin = format!("http://{host}");
            let headers = [("host", host.as_bytes()), ("origin", origin.as_bytes())];
            assert_eq!(check(&listed, false, "/", &headers).is_ok(), verdict, "{host}");
        }
    }

    #[test]
    fn over_tls_a_referer_stands_in_for_the_origin() {
        const MALFORMED: &str = "Referer is malformed.";
        const INSECURE: &str = "Referer is insecure while host is secure.";
        let rows: &[Row<'_, Option<&[u8]>>] = &[
            ("same", Some(b"https://bookshop.test/page"), Ok(())),
            ("a query", Some(b"https://bookshop.test?a=b"), Ok(())),
            ("trusted", Some(b"https://trusted.example/"), Ok(())),
            ("the wildcard's own domain", Some(b"https://wild.example/"), Ok(())),
            ("a subdomain", Some(b"https://a.b.wild.example/"), Ok(())),
            ("none", None, Err("no Referer.")),
            ("empty", Some(b""), Err(MALFORMED)),
            ("relative", Some(b"/page"), Err(MALFORMED)),
            ("no host", Some(b"https:///page"), Err(MALFORMED)),
            ("no scheme", Some(b"://bookshop.test/"), Err(MALFORMED)),
            ("a bad address", Some(b"https://[::1"), Err(MALFORMED)),
            ("insecure", Some(b"http://bookshop.test/"), Err(INSECURE)),
            ("another port", Some(b"https://bookshop.test:8443/"), Err("https://bookshop.test:8443/")),
            ("under a trusted one", Some(b"https://a.trusted.example/"), Err("https://a.trusted.example/")),
            ("ours as a label", Some(b"https://bookshop.test.evil/"), Err("https://bookshop.test.evil/")),
            ("capitals", Some(b"https://BOOKSHOP.TEST/"), Err("https://BOOKSHOP.TEST/")),
            ("a scheme in capitals", Some(b"HTTPS://evil/"), Err("https://evil/")),
            ("a user", Some(b"https://bookshop.test@evil/"), Err("https://bookshop.test@evil/")),
            ("a backslash", Some(b"https://evil\\.wild.example/"), Err("https://evil\\.wild.example/")),
        ];
        for (name, referer, verdict) in rows {
            let host: Header<'_> = ("host", b"bookshop.test");
            let headers: Vec<_> =
                std::iter::once(host).chain(referer.map(|value| ("referer", value))).collect();
            let reason = |shown: &str| match shown.contains("://") {
                true => format!("Referer checking failed - {shown} does not match any trusted origins."),
                false => format!("Referer checking failed - {shown}"),
            };
            assert_eq!(check(&trusted(), true, "/", &headers), verdict.map_err(reason), "{name}");
            assert_eq!(check(&trusted(), false, "/", &headers), Ok(()), "{name}, without TLS");
            let with_origin = [&headers[..], &[("origin", b"https://bookshop.test")]].concat();
            assert_eq!(check(&trusted(), true, "/", &with_origin), Ok(()), "{name}, with a good origin");
        }
        let two: [Header<'_>; 3] = [
            ("host", b"bookshop.test"),
            ("referer", b"https://bookshop.test/"),
            ("referer", b"https://evil.example/"),
        ];
        assert!(check(&trusted(), true, "/", &two).is_err());
    }

    #[test]
    fn a_shared_cookie_makes_its_domain_a_good_referer() {
        let shared = Origins::new(&[], &[], Some(".shop.test")).unwrap();
        for (referer, verdict) in [
            ("https://www.shop.test:8443/", true),
            ("https://shop.test:8443/", true),
            ("https://shop.test/", false),
            ("https://evilshop.test:8443/", false),
        ] {
            let headers: [Header<'_>; 2] = [("host", b"api.shop.test:8443"), ("referer", referer.as_bytes())];
            assert_eq!(check(&shared, true, "/", &headers).is_ok(), verdict, "{referer}");
        }
    }

    #[test]
    fn a_trusted_origin_is_a_scheme_and_a_host() {
        for bad in [
            "trusted.example",
            "*.example",
            "https://",
            "https://*",
            "https://*.",
            "https://*example.com",
            "https://a.*.example",
            "https://trusted.example/",
            "https://a, https://b",
            "://a",
            "",
            "https://é.example",
        ] {
            let error = Origins::new(&[bad.to_owned()], &[], None).unwrap_err();
            assert_eq!(error, CsrfConfigError::Origin(bad.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn any_origin_is_read_without_panic(value in "[ -~\u{80}-\u{ff}]{0,40}", name in "origin|referer|host", is_https: bool) {
            let evil = check(&trusted(), is_https, "/", &[("host", b"bookshop.test"), (&name, value.as_bytes())]);
            prop_assert!(name != "origin" || evil.is_err());
        }
    }
}
