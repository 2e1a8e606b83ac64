//! The URL of a server or a cluster.
//!
//! 1. What is not understood is refused: a parameter that is silently dropped may have been the one that mattered.
//! 2. No message shows more of a URL than its scheme: what is out of place may be the password.

use std::fmt;

use portcullis::Secret;

use crate::error::RedisError;

const PORT: u16 = 6379;

/// What a URL asks for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) is_cluster: bool,
    pub(crate) has_tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) database: u16,
}

/// Where one server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`, the host as Redis Cluster writes it: an IPv6 address has no brackets, and where there is none it
    /// is the one that was asked.
    pub(crate) fn announced(text: &str, asked: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { asked } else { host };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

pub(crate) fn parse(url: &str) -> Result<Target, RedisError> {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let (is_cluster, has_tls) = match scheme {
        "redis" => (false, false),
        "rediss" => (false, true),
        "redis+cluster" => (true, false),
        "rediss+cluster" => (true, true),
        _ => return Err(RedisError::UnknownScheme(scheme_of(url))),
    };
    if has_tls && !cfg!(feature = "tls") {
        return Err(RedisError::MissingFeature(format!("{scheme}://")));
    }
    if rest.contains(['?', '#']) {
        return malformed("it takes no parameters; write `?` and `#` in a password as `%3F` and `%23`");
    }
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let (user, password) = login.map(credentials).transpose()?.unwrap_or_default();
    let addresses = hosts.split(',').map(address).collect::<Result<Vec<_>, _>>()?;
    if addresses.len() > 1 && !is_cluster {
        return malformed("it names more than one server; write `redis+cluster://` for a cluster");
    }
    let database = match database {
        "" => 0,
        _ if is_cluster => return malformed("a cluster has no database but the first"),
        number => number.parse().or_else(|_| malformed("the database is not a number"))?,
    };
    Ok(Target { is_cluster, has_tls, user, password, addresses, database })
}

fn malformed<T>(why: &str) -> Result<T, RedisError> {
    Err(RedisError::Malformed(why.to_owned()))
}

/// Reads `user:password`, `:password` or `user:`, percent-decoded.
fn credentials(login: &str) -> Result<(Option<String>, Option<Secret>), RedisError> {
    let Some((user, password)) = login.split_once(':') else {
        return malformed("before the `@` there must be `user:password` or `:password`");
    };
    let (user, password) = (decode(user)?, decode(password)?);
    if password.is_empty() {
        return malformed("the password is missing");
    }
    Ok(((!user.is_empty()).then_some(user), Some(Secret::from(password))))
}

fn decode(text: &str) -> Result<String, RedisError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => hex(rest.next()).zip(hex(rest.next())).map(|(high, low)| high << 4 | low),
            other => Some(other),
        };
        match decoded {
            Some(decoded) => bytes.push(decoded),
            None => return malformed("a `%` in the user or the password must be written `%25`"),
        }
    }
    String::from_utf8(bytes).or_else(|_| malformed("the user or the password is not UTF-8"))
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

fn address(text: &str) -> Result<Address, RedisError> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, port.strip_prefix(':').map_or(Some(""), Some)),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port.map(str::parse) {
        None => PORT,
        Some(Ok(port)) if port > 0 => port,
        Some(_) => return malformed("a port is not a number"),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(is_host) {
        return malformed("the name of a server is missing or is none");
    }
    Ok(Address { host: host.to_owned(), port })
}

/// Shows no more of an unknown URL than its scheme: there may be a password in it.
fn scheme_of(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _))
            if scheme.len() <= 20
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') =>
        {
            format!("{scheme}://")
        }
        _ => "that URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_understood() {
        for (url, user, password, addresses, database) in [
            ("redis://localhost", None, None, "localhost:6379", 0),
            ("redis://localhost/", None, None, "localhost:6379", 0),
            ("redis://10.0.0.1:7000/3", None, None, "10.0.0.1:7000", 3),
            ("redis://:secret@db", None, Some("secret"), "db:6379", 0),
            ("redis://app:secret@db:1", Some("app"), Some("secret"), "db:1", 0),
            ("redis://app:a%40b%3a%2F%25@db", Some("app"), Some("a@b:/%"), "db:6379", 0),
            ("redis://app:a@b@db", Some("app"), Some("a@b"), "db:6379", 0),
            ("redis://[::1]:7000", None, None, "::1:7000", 0),
            ("redis://[::1]", None, None, "::1:6379", 0),
            ("redis+cluster://a:1,b:2,c", None, None, "a:1 b:2 c:6379", 0),
            ("redis+cluster://app:secret@a:1,b:2", Some("app"), Some("secret"), "a:1 b:2", 0),
        ] {
            let target = parse(url).unwrap();
            let found: Vec<_> = target.addresses.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), addresses, "{url}");
            assert_eq!(target.user.as_deref(), user, "{url}");
            assert_eq!(target.password.as_ref().map(|it| it.expose_secret().as_str()), password, "{url}");
            assert_eq!(target.database, database, "{url}");
            assert_eq!(target.is_cluster, url.contains("cluster"), "{url}");
            assert!(!format!("{target:?}").contains("secret"), "{target:?}");
        }
    }

    #[test]
    fn a_url_that_is_refused() {
        for (url, message) in [
            ("", "`that URL` is not supported"),
            ("secret@db:6379", "`that URL` is not supported"),
            ("redis:secret", "`that URL` is not supported"),
            ("mongodb://root:secret@db", "`mongodb://` is not supported"),
            ("REDIS://db", "`REDIS://` is not supported"),
            ("redis+unix:///secret", "`redis+unix://` is not supported"),
            ("redis://", "the name of a server"),
            ("redis://:secret@", "the name of a server"),
            ("redis://:secret/@db", "a port is not a number"),
            ("redis://secret@db", "before the `@`"),
            ("redis://app:@db", "the password is missing"),
            ("redis://app:secret%@db", "must be written `%25`"),
            ("redis://app:secret%zz@db", "must be written `%25`"),
            ("redis://app:secret%ff@db", "not UTF-8"),
            ("redis://db:secret", "a port is not a number"),
            ("redis://db:0", "a port is not a number"),
            ("redis://db:70000", "a port is not a number"),
            ("redis://[::1]secret", "a port is not a number"),
            ("redis://se cret", "the name of a server"),
            ("redis://db/secret", "the database is not a number"),
            ("redis://db?password=secret", "takes no parameters"),
            ("redis://db#secret", "takes no parameters"),
            ("redis://a,b", "more than one server"),
            ("redis+cluster://a,b/1", "no database but the first"),
            ("redis+cluster://a,,b", "the name of a server"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(message), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_without_the_feature_says_so() {
        for scheme in ["rediss", "rediss+cluster"] {
            let error = parse(&format!("{scheme}://app:secret@db")).unwrap_err().to_string();
            assert_eq!(error, format!("`{scheme}://` needs the feature `tls` of portcullis-redis"));
        }
    }

    #[test]
    fn an_address_that_a_cluster_announces() {
        for (text, address) in [
            ("10.0.0.1:7000", "10.0.0.1:7000"),
            ("::1:7000", "::1:7000"),
            ("db.example:1", "db.example:1"),
            (":7000", "asked:7000"),
        ] {
            assert_eq!(Address::announced(text, "asked").unwrap().to_string(), address);
        }
        for text in ["", "db", "db:", "db:x"] {
            assert_eq!(Address::announced(text, "asked"), None, "{text}");
        }
    }
}
