//! How often somebody may ask, and how often somebody may try to log in.
//!
//! 1. Who is counted: a user by id, nobody by the address behind the trusted proxies (OWASP API4:2023). A client chooses
//!    neither; DRF takes the whole `X-Forwarded-For`, and so lets a client choose.
//! 2. An IPv6 client owns a /64 at least, so that a /64 is one client. A client whose address cannot be read shares one
//!    counter with all others like it: nobody is let through uncounted.
//! 3. Several throttles are all asked and all count; the longest wait is answered (DRF `APIView.check_throttles`).
//! 4. A counter store that cannot answer is an outage: 503, never a free pass.
//! 5. A login takes its try before the password is hashed ([`Attempts`]), so that many at once are not free.

mod attempts;
mod rate;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

pub use attempts::Attempts;
pub(crate) use attempts::Taken;
pub use rate::{ParseRateError, Rate};

use crate::clock::Timestamp;
use crate::error::{Error, Throttled};
use crate::secret::Digest;
use crate::store::{Algorithm, CounterStore, Limit, Reserved};
use crate::user::UserId;

/// Limits how often somebody may ask; cloning shares the counters.
///
/// # Examples
///
/// ```
/// use portcullis::{Guard, Policy, Rate, Throttle, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let users = Users::new(store.clone());
/// let guard = Guard::builder(users.clone())
///     .authenticate(users.basic())
///     .throttle(Throttle::anonymous(store.clone(), "100/hour".parse()?))
///     .throttle(Throttle::user(store.clone(), "1000/hour".parse()?))
///     .build()?;
/// // Reports cost more, and are counted apart.
/// let reports = Policy::default().throttle(Throttle::scoped(store, "reports", "10/min".parse()?));
/// # let _ = guard.route(&reports)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Throttle {
    store: Arc<dyn CounterStore>,
    scope: Arc<str>,
    limit: Limit,
    spares_users: bool,
}

impl Throttle {
    /// Limits nobody, by address, and lets users through uncounted (DRF `AnonRateThrottle`).
    #[must_use]
    pub fn anonymous(store: impl CounterStore, rate: Rate) -> Self {
        Self { spares_users: true, ..Self::new(store, "anon", rate) }
    }

    /// Limits users by id, and nobody by address (DRF `UserRateThrottle`).
    #[must_use]
    pub fn user(store: impl CounterStore, rate: Rate) -> Self {
        Self::new(store, "user", rate)
    }

    /// Limits users by id, and nobody by address, on all routes of one scope together (DRF `ScopedRateThrottle`).
    #[must_use]
    pub fn scoped(store: impl CounterStore, scope: &str, rate: Rate) -> Self {
        Self::new(store, &format!("scope {scope}"), rate)
    }

    fn new(store: impl CounterStore, scope: &str, rate: Rate) -> Self {
        Self { store: Arc::new(store), scope: scope.into(), limit: rate.limit(), spares_users: false }
    }

    /// Counts exactly as DRF does: what was taken at one moment comes back at one moment.
    ///
    /// It costs eight bytes for each request of the period, for each client; without it a client costs sixteen.
    #[must_use]
    pub fn with_sliding_log(self) -> Self {
        Self { limit: self.limit.with_algorithm(Algorithm::Log), ..self }
    }

    async fn wait(
        &self,
        user: Option<&UserId>,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let ident = match user {
            Some(_) if self.spares_users => return Ok(None),
            Some(user) => format!("user {user}"),
            None => address(client),
        };
        let key = key(&self.scope, &self.limit, &ident);
        Ok(match self.store.reserve(&key, &self.limit, now).await? {
            Reserved::Granted => None,
            Reserved::Refused { wait } => Some(wait),
        })
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("scope", &self.scope)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Asks every throttle, and refuses with the longest wait.
pub(crate) async fn check(
    throttles: &[Throttle],
    user: Option<&UserId>,
    client: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut longest = None;
    for throttle in throttles {
        longest = longest.max(throttle.wait(user, client, now).await?);
    }
    longest.map_or(Ok(()), |wait| Err(Throttled::new(wait).into()))
}

/// Names a counter: no two scopes, limits or idents share one, whatever stands in them. With another limit a scope begins
/// anew, so that `10/min` and `1000/day` of one scope count beside each other.
fn key(scope: &str, limit: &Limit, ident: &str) -> Digest {
    let Limit { tries, period, algorithm } = limit;
    let (length, period) = (scope.len(), period.as_micros());
    Digest::of(&format!("portcullis counter {algorithm:?} {tries}/{period} {length} {scope} {ident}"))
}

/// Names a client by its address, an IPv6 one by its network.
fn address(client: Option<IpAddr>) -> String {
    match client.map(|client| client.to_canonical()) {
        None => "unreadable".to_owned(),
        Some(IpAddr::V4(client)) => format!("address {client}"),
        Some(IpAddr::V6(client)) => {
            let network = Ipv6Addr::from_bits(client.to_bits() & (u128::MAX << 64));
            format!("address {network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_what_they_own() {
        for (name, one, other, same) in [
            ("one address", "192.0.2.1", "192.0.2.1", true),
            ("two addresses", "192.0.2.1", "192.0.2.2", false),
            ("one address in two spellings", "192.0.2.1", "::ffff:192.0.2.1", true),
            ("one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("two /64", "2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            let name_of = |text: &str| address(Some(text.parse().unwrap()));
            assert_eq!(name_of(one) == name_of(other), same, "{name}");
        }
    }

    #[test]
    fn no_scope_and_no_user_reads_as_another() {
        let limit = |text: &str| text.parse::<Rate>().unwrap().limit();
        let keys = [
            key("a", &limit("5/m"), "user 1"),
            key("a", &limit("5/m"), "address 1"),
            key("a user", &limit("5/m"), "1"),
            key("a", &limit("6/m"), "user 1"),
            key("a", &limit("5/h"), "user 1"),
            key("a", &limit("5/m").with_algorithm(Algorithm::Log), "user 1"),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys.iter().skip(place + 1).any(|other| other == key), "{place}");
        }
    }
}
