//! Cookies: one is found by its name, without a jar, and one is written by rules that browsers enforce.
//!
//! Reading (RFC 6265bis section 5, and security rows C1 to C9):
//!
//! 1. Several `Cookie` lines are one string (RFC 9113 section 8.2.3); it is cut at every `;`, then at the first `=`,
//!    and white space around both halves vanishes, as Django does.
//! 2. A cookie without a name is nobody's (CVE-2023-23934); names are compared to the byte and never percent-decoded
//!    (CVE-2020-8184).
//! 3. One pair of double quotes around the value is taken off; a value with any other double quote is no cookie, so
//!    nothing inside of somebody else's quotes becomes one (CVE-2016-7401).
//! 4. A subdomain can toss in a second cookie of our name: where they differ, [`Duplicates`] decides.
//!
//! Writing:
//!
//! 5. `__Host-` needs Secure, the path `/` and no domain, `__Secure-` needs Secure, in any case of letters;
//!    `SameSite=None` needs Secure; at most 400 days, at most 4096 bytes. What a browser would drop is a [`CookieError`].
//! 6. A persistent cookie has `Max-Age` and `Expires`, a browser-length one has neither, as Django's.

use std::time::Duration;

use cookie::{Cookie, Expiration};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;

use crate::clock::Timestamp;

/// The longest life that browsers grant (RFC 6265bis section 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The longest name and value together, and the longest attribute (RFC 6265bis section 5.6).
const MAX_PAIR_BYTES: usize = 4096;
const MAX_ATTRIBUTE_BYTES: usize = 1024;
/// The latest moment that a date of HTTP can name: 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// How a cookie is named and guarded.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::{CookieConfig, SameSite};
///
/// let cookie = CookieConfig::hardened("sessionid")
///     .with_same_site(SameSite::Strict)
///     .with_max_age(Some(Duration::from_secs(3600)));
/// assert_eq!(cookie.name(), "__Host-sessionid");
/// ```
///
/// # Security
///
/// What a browser would ignore, such as a `__Host-` cookie with a domain, is refused when a guard is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    name: String,
    domain: Option<String>,
    max_age: Option<Duration>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
}

impl CookieConfig {
    /// Describes the safest cookie: `__Host-` before its name, Secure, HttpOnly, `SameSite=Lax`, browser-length.
    #[must_use]
    pub fn hardened(name: &str) -> Self {
        Self { secure: true, ..Self::django(format!("__Host-{name}")) }
    }

    /// Describes a cookie as Django sets it: not Secure, HttpOnly, `SameSite=Lax`, browser-length.
    #[must_use]
    pub fn django(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            max_age: None,
            secure: false,
            http_only: true,
            same_site: SameSite::Lax,
        }
    }

    /// Replaces the name, prefix included.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Shares the cookie with the subdomains of a domain; `None` keeps it to the host that set it.
    #[must_use]
    pub fn with_domain(self, domain: Option<&str>) -> Self {
        Self { domain: domain.map(ToOwned::to_owned), ..self }
    }

    /// Replaces how long a browser keeps the cookie; `None` means until it is closed.
    #[must_use]
    pub fn with_max_age(self, max_age: Option<Duration>) -> Self {
        Self { max_age, ..self }
    }

    /// Says whether the cookie travels over TLS alone.
    #[must_use]
    pub fn with_secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Says whether the cookie is hidden from scripts.
    #[must_use]
    pub fn with_http_only(self, http_only: bool) -> Self {
        Self { http_only, ..self }
    }

    /// Replaces when the cookie travels with requests that other sites start.
    #[must_use]
    pub fn with_same_site(self, same_site: SameSite) -> Self {
        Self { same_site, ..self }
    }

    /// Returns the name, prefix included.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how long a browser keeps the cookie; `None` means until it is closed.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Tells whether the cookie travels over TLS alone.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the domain that shares the cookie.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Checks that a browser will keep such a cookie.
    ///
    /// # Errors
    ///
    /// [`CookieError`] says which rule of RFC 6265bis is broken.
    pub fn validate(&self) -> Result<(), CookieError> {
        let has_prefix = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let broken = [
            (CookieError::Name, !is_name(&self.name)),
            (CookieError::Domain, !self.domain.as_deref().is_none_or(is_domain)),
            (CookieError::HostPrefix, has_prefix("__Host-") && (!self.secure || self.domain.is_some())),
            (CookieError::SecurePrefix, has_prefix("__Secure-") && !self.secure),
            (CookieError::CrossSite, self.same_site == SameSite::None && !self.secure),
            (CookieError::MaxAge, self.max_age.is_some_and(|age| age > MAX_AGE)),
        ];
        broken.into_iter().find(|(_, is_broken)| *is_broken).map_or(Ok(()), |(error, _)| Err(error))
    }

    /// Writes the header that sets the cookie, for `age` or until the browser is closed; more than 400 days become 400.
    pub(crate) fn set(
        &self,
        value: &str,
        age: Option<Duration>,
        now: Timestamp,
    ) -> Result<HeaderValue, CookieError> {
        if !value.bytes().all(is_value) || self.name.len() + value.len() > MAX_PAIR_BYTES {
            return Err(CookieError::Value);
        }
        let mut cookie = self.base(value);
        cookie.set_http_only(self.http_only.then_some(true));
        cookie.set_secure(self.secure.then_some(true));
        if let Some(age) = age.map(|age| age.min(MAX_AGE)) {
            let end = now.after(age).as_seconds().clamp(0, LAST_SECOND);
            cookie.set_max_age(time::Duration::seconds(i64::try_from(age.as_secs()).unwrap_or(0)));
            cookie.set_expires(OffsetDateTime::from_unix_timestamp(end).map_err(|_| CookieError::MaxAge)?);
        }
        let mut header = HeaderValue::try_from(cookie.to_string()).map_err(|_| CookieError::Value)?;
        // `Debug` of the answer's headers does not show it, and HPACK does not index it (RFC 7541 section 7.1.3).
        header.set_sensitive(true);
        Ok(header)
    }

    /// Writes the header that deletes the cookie, as Django does: Secure only where browsers insist on it.
    pub(crate) fn delete(&self) -> Result<HeaderValue, CookieError> {
        let insists =
            self.same_site == SameSite::None || self.name.get(..2).is_some_and(|start| start == "__");
        let mut cookie = self.base("\"\"");
        cookie.set_secure((self.secure && insists).then_some(true));
        cookie.set_max_age(time::Duration::ZERO);
        cookie.set_expires(Expiration::from(OffsetDateTime::UNIX_EPOCH));
        HeaderValue::try_from(cookie.to_string()).map_err(|_| CookieError::Name)
    }

    fn base<'a>(&'a self, value: &'a str) -> Cookie<'a> {
        let mut cookie = Cookie::build((self.name.as_str(), value)).path("/").build();
        cookie.set_same_site(match self.same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
        });
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.as_str());
        }
        cookie
    }
}

/// When a cookie travels with requests that other sites start.
///
/// # Examples
///
/// See [`CookieConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a person follows a link.
    Lax,
    /// Always; browsers demand Secure.
    None,
}

/// A cookie that browsers would drop.
///
/// # Examples
///
/// ```
/// use portcullis::{CookieConfig, CookieError};
///
/// let cookie = CookieConfig::hardened("session").with_secure(false);
/// assert_eq!(cookie.validate(), Err(CookieError::HostPrefix));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is no token of RFC 9110, or too long.
    #[error("a cookie's name is a token of at most {MAX_ATTRIBUTE_BYTES} bytes")]
    Name,
    /// The value holds what a cookie cannot, or is too long.
    #[error(
        "a cookie's value is visible ASCII without quotes, commas, semicolons and backslashes, and short"
    )]
    Value,
    /// The domain is no domain.
    #[error("a cookie's domain is letters, digits, hyphens and dots")]
    Domain,
    /// A `__Host-` cookie without Secure, or with a domain.
    #[error("a __Host- cookie is secure and has no domain")]
    HostPrefix,
    /// A `__Secure-` cookie without Secure.
    #[error("a __Secure- cookie is secure")]
    SecurePrefix,
    /// `SameSite=None` without Secure.
    #[error("a cookie with SameSite=None is secure")]
    CrossSite,
    /// More than 400 days.
    #[error("a cookie lives at most 400 days")]
    MaxAge,
}

/// What stands under a name in the `Cookie` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// No such cookie.
    None,
    /// This value; it may be empty.
    One(&'a str),
    /// Two different values.
    Conflicting,
}

/// What two cookies of one name mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// The last one counts, as in Django.
    LastWins,
    /// Different values are [`Found::Conflicting`].
    Refuse,
}

/// Finds the cookie of a name.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str, duplicates: Duplicates) -> Found<'a> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| value_of(pair, name));
    let Some(first) = values.next() else {
        return Found::None;
    };
    match duplicates {
        Duplicates::LastWins => Found::One(values.next_back().unwrap_or(first)),
        Duplicates::Refuse if values.any(|value| value != first) => Found::Conflicting,
        Duplicates::Refuse => Found::One(first),
    }
}

/// Returns the value of a `name=value` pair, when it has this name.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a str> {
    let rest = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
    let value = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    if name.is_empty() || value.contains(&b'"') {
        return None;
    }
    // Other bytes than UTF-8 are no value of ours, but the client did send the cookie.
    Some(std::str::from_utf8(value).unwrap_or("\u{fffd}"))
}

fn is_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=MAX_ATTRIBUTE_BYTES).contains(&name.len()) && name.bytes().all(is_token)
}

fn is_domain(domain: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=MAX_ATTRIBUTE_BYTES).contains(&domain.len()) && domain.bytes().all(is_letter)
}

const fn is_value(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_name_alone() {
        let many = (0..500).map(|n| format!("c{n}=v; ")).collect::<String>() + "sid=x";
        let rows: &[(&str, &[&[u8]], Found<'_>)] = &[
            ("no header", &[], Found::None),
            ("empty header", &[b""], Found::None),
            ("alone", &[b"sid=x"], Found::One("x")),
            ("among others", &[b"a=b; sid=x; c=d"], Found::One("x")),
            ("without spaces", &[b"a=b;sid=x;c"], Found::One("x")),
            ("with many spaces", &[b" a=b ;  sid = x "], Found::One("x")),
            ("after 500 others", &[many.as_bytes()], Found::One("x")),
            ("on the second line", &[b"a=b", b"sid=x"], Found::One("x")),
            ("empty", &[b"sid="], Found::One("")),
            ("an equals sign inside", &[b"sid=x=y"], Found::One("x=y")),
            ("spaces and quotes of SQL", &[b"sid=' OR 1=1 --"], Found::One("' OR 1=1 --")),
            ("quoted", &[b"sid=\"x\""], Found::One("x")),
            ("empty quotes", &[b"sid=\"\""], Found::One("")),
            ("percent signs stay", &[b"sid=%78"], Found::One("%78")),
            ("Latin-1", &[b"sid=\xe9\xe9"], Found::One("\u{fffd}")),
            ("another case", &[b"SID=x"], Found::None),
            ("a longer name", &[b"sid2=x"], Found::None),
            ("a shorter name", &[b"si=x"], Found::None),
            ("a prefix", &[b"__Host-sid=x"], Found::None),
            ("no equals sign", &[b"sid"], Found::None),
            ("percent-encoded name (CVE-2020-8184)", &[b"%73id=x"], Found::None),
            ("nameless (CVE-2023-23934)", &[b"=sid=x"], Found::None),
            ("nameless with a space", &[b" = sid=x"], Found::None),
            ("behind a bracket (CVE-2016-7401)", &[b"ga=x]sid=evil"], Found::None),
            ("behind a comma (CVE-2016-7401)", &[b"a=b,sid=evil"], Found::None),
            ("inside of quotes (CVE-2016-7401)", &[b"a=\"x;sid=evil\""], Found::None),
            ("a lone quote", &[b"sid=\""], Found::None),
            ("a name in quotes", &[b"\"sid\"=x"], Found::None),
        ];
        for (name, lines, verdict) in rows {
            let headers = headers(lines);
            assert_eq!(find(&headers, "sid", Duplicates::LastWins), *verdict, "{name}");
            assert_eq!(find(&headers, "sid", Duplicates::Refuse), *verdict, "{name}");
        }
        assert_eq!(find(&headers(&[b"=x"]), "", Duplicates::LastWins), Found::None);
    }

    #[test]
    fn of_two_cookies_the_last_counts_or_none_does() {
        let rows: &[(&[&[u8]], &str, Found<'_>)] = &[
            (&[b"sid=x; sid=y"], "y", Found::Conflicting),
            (&[b"sid=x", b"sid=y"], "y", Found::Conflicting),
            (&[b"sid=x; sid="], "", Found::Conflicting),
            (&[b"sid=x; sid=y; sid=x"], "x", Found::Conflicting),
            (&[b"sid=x; a=b; sid=x"], "x", Found::One("x")),
        ];
        for (lines, last, strict) in rows {
            let headers = headers(lines);
            assert_eq!(find(&headers, "sid", Duplicates::LastWins), Found::One(last), "{lines:?}");
            assert_eq!(find(&headers, "sid", Duplicates::Refuse), *strict, "{lines:?}");
        }
    }

    #[test]
    fn cookies_are_written_as_django_writes_them() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let two_weeks = Some(Duration::from_secs(1_209_600));
        let django = CookieConfig::django("sessionid");
        let shared = django.clone().with_domain(Some("example.com")).with_http_only(false);
        let hardened = CookieConfig::hardened("sid");
        let rows = [
            (django.set("x", None, now), "sessionid=x; HttpOnly; SameSite=Lax; Path=/"),
            (
                django.set("x", two_weeks, now),
                "sessionid=x; HttpOnly; SameSite=Lax; Path=/; Max-Age=1209600; Expires=Tue, 28 Nov 2023 22:13:20 GMT",
            ),
            (shared.set("x", None, now), "sessionid=x; SameSite=Lax; Path=/; Domain=example.com"),
            (hardened.set("x", None, now), "__Host-sid=x; HttpOnly; SameSite=Lax; Secure; Path=/"),
            (
                django.delete(),
                "sessionid=\"\"; SameSite=Lax; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                shared.delete(),
                "sessionid=\"\"; SameSite=Lax; Path=/; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                hardened.delete(),
                "__Host-sid=\"\"; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
        ];
        for (written, expected) in rows {
            assert_eq!(written.unwrap(), expected);
        }
    }

    #[test]
    fn extreme_lives_are_written_without_panic() {
        let cookie = CookieConfig::django("sid");
        for now in [Timestamp::MAX, Timestamp::EPOCH, Timestamp::from_micros(i64::MIN)] {
            for age in [Duration::ZERO, Duration::MAX] {
                let header = cookie.set("x", Some(age), now).unwrap();
                let is_capped = header.to_str().unwrap().contains("Max-Age=34560000;");
                assert_eq!(is_capped, age == Duration::MAX, "{header:?}");
            }
        }
    }

    #[test]
    fn what_a_browser_would_drop_is_refused() {
        let plain = || CookieConfig::django("sid");
        let day = Duration::from_secs(86_400);
        let rows = [
            ("plain", plain(), Ok(())),
            ("hardened", CookieConfig::hardened("sid"), Ok(())),
            ("400 days", plain().with_max_age(Some(400 * day)), Ok(())),
            ("401 days", plain().with_max_age(Some(401 * day)), Err(CookieError::MaxAge)),
            ("no name", plain().with_name(""), Err(CookieError::Name)),
            ("a space in the name", plain().with_name("a b"), Err(CookieError::Name)),
            ("an equals sign in the name", plain().with_name("a=b"), Err(CookieError::Name)),
            ("a line break in the name", plain().with_name("a\r\nb"), Err(CookieError::Name)),
            ("a long name", plain().with_name("a".repeat(1025)), Err(CookieError::Name)),
            ("an attribute in the domain", plain().with_domain(Some("a; Secure")), Err(CookieError::Domain)),
            ("an empty domain", plain().with_domain(Some("")), Err(CookieError::Domain)),
            ("host without secure", plain().with_name("__Host-a"), Err(CookieError::HostPrefix)),
            ("host in capitals", plain().with_name("__HOST-a"), Err(CookieError::HostPrefix)),
            (
                "host with a domain",
                CookieConfig::hardened("a").with_domain(Some("example.com")),
                Err(CookieError::HostPrefix),
            ),
            ("secure without secure", plain().with_name("__secure-a"), Err(CookieError::SecurePrefix)),
            (
                "cross-site without secure",
                plain().with_same_site(SameSite::None),
                Err(CookieError::CrossSite),
            ),
            ("cross-site", plain().with_secure(true).with_same_site(SameSite::None), Ok(())),
        ];
        for (name, cookie, verdict) in rows {
            assert_eq!(cookie.validate(), verdict, "{name}");
        }
        let too_long = "x".repeat(4094);
        for value in ["a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nSet-Cookie: b", "é", "\0", &too_long] {
            assert_eq!(plain().set(value, None, Timestamp::EPOCH), Err(CookieError::Value), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_cookie_header_is_read_without_panic(line in "[ -~\t\u{80}-\u{ff}]{0,60}", name in "[a-z=; \"]{0,3}") {
            let headers = headers(&[line.as_bytes()]);
            let last = find(&headers, &name, Duplicates::LastWins);
            let strict = find(&headers, &name, Duplicates::Refuse);
            prop_assert_eq!(last == Found::None, strict == Found::None);
        }

        #[test]
        fn what_is_set_is_found(value in "[!#-+--:<-\\[\\]-~]{0,60}", before in "[a-r]{1,5}=[a-z]{0,5}") {
            let set = CookieConfig::django("sid").set(&value, None, Timestamp::EPOCH).unwrap();
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let sent = headers(&[format!("{before}; {pair}").as_bytes()]);
            prop_assert_eq!(find(&sent, "sid", Duplicates::Refuse), Found::One(value.as_str()));
        }
    }
}
