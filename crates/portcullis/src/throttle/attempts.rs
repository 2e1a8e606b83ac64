//! Login attempts, limited by account and by address.
//!
//! 1. A try is taken before the hash runs and given back when the login succeeds, so that a hundred logins at once run no
//!    more hashes than the limit (ASVS 5.0, 6.3.1).
//! 2. An account has at most 100 wrong tries a day, wherever they come from (NIST SP 800-63B-4 section 3.2.2); one address
//!    has fewer on one account, so that a stranger does not soon lock somebody out.
//! 3. The keys are made of the name as sent, whether anybody has it or not: a lockout does not tell (ASVS 5.0, 6.3.8).
//! 4. All counters or none: a try that one of them refuses costs the others nothing.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{Rate, address, key};
use crate::clock::Timestamp;
use crate::error::{Error, Throttled};
use crate::secret::Digest;
use crate::store::{CounterStore, Limit, Reserved};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits how often a login may be tried; cloning shares the counters.
///
/// Without other numbers: 10 tries in 15 minutes for one account from one address, 100 a day for one account, 100 an hour
/// from one address. A login that succeeds counts for nothing.
///
/// # Examples
///
/// ```
/// use portcullis::{Attempts, Credentials, Error, Origin, Users, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let attempts = Attempts::new(store.clone()).with_account_and_address("2/min".parse().unwrap());
/// let users = Users::new(store).with_attempts(attempts);
/// users.create("john", "correct horse battery").await?;
/// for _ in 0..2 {
///     assert!(users.check(&Credentials::new("john", "guess"), Origin::default()).await.is_err());
/// }
/// let locked_out = users.check(&Credentials::new("john", "correct horse battery"), Origin::default()).await;
/// assert!(matches!(locked_out, Err(Error::Throttled(_))));
/// # Ok::<(), portcullis::UsersError>(())
/// # }).unwrap();
/// ```
///
/// # Security
///
/// Whoever knows a name can use up its tries of a day and lock its owner out of the password (not out of sessions or
/// tokens). A store that finds one user by several spellings gives each spelling tries of its own.
#[derive(Clone)]
pub struct Attempts {
    store: Arc<dyn CounterStore>,
    account_and_address: Limit,
    account: Limit,
    address: Limit,
}

/// The tries that one login has taken.
pub(crate) struct Taken<'a> {
    attempts: &'a Attempts,
    counters: Vec<(Digest, Limit)>,
    at: Timestamp,
}

impl Attempts {
    /// Keeps the counters in a store.
    #[must_use]
    pub fn new(store: impl CounterStore) -> Self {
        let limit = |tries, period| Limit::new(NonZeroU32::MIN.saturating_add(tries), period);
        Self {
            store: Arc::new(store),
            account_and_address: limit(9, 15 * MINUTE),
            account: limit(99, DAY),
            address: limit(99, HOUR),
        }
    }

    /// Replaces how often one account may be tried from one address.
    #[must_use]
    pub fn with_account_and_address(self, rate: Rate) -> Self {
        Self { account_and_address: rate.limit(), ..self }
    }

    /// Replaces how often one account may be tried from everywhere.
    ///
    /// # Security
    ///
    /// NIST SP 800-63B-4 allows 100 wrong tries in a row at most.
    #[must_use]
    pub fn with_account(self, rate: Rate) -> Self {
        Self { account: rate.limit(), ..self }
    }

    /// Replaces how often one address may try, whichever the accounts.
    #[must_use]
    pub fn with_address(self, rate: Rate) -> Self {
        Self { address: rate.limit(), ..self }
    }

    /// Takes one try from each counter, or from none.
    pub(crate) async fn take(
        &self,
        username: &str,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Taken<'_>, Error> {
        let client = address(client);
        let both = format!("{client} {username}");
        let counters = [
            ("login account and address", self.account_and_address, &*both),
            ("login account", self.account, username),
            ("login address", self.address, &client),
        ];
        let mut taken = Taken { attempts: self, counters: Vec::new(), at: now };
        for (scope, limit, ident) in counters {
            let key = key(scope, &limit, ident);
            match self.store.reserve(&key, &limit, now).await {
                Ok(Reserved::Granted) => taken.counters.push((key, limit)),
                Ok(Reserved::Refused { wait }) => {
                    taken.give_back().await;
                    return Err(Throttled::new(wait).into());
                }
                Err(outage) => {
                    taken.give_back().await;
                    return Err(outage.into());
                }
            }
        }
        Ok(taken)
    }
}

impl Taken<'_> {
    /// Returns the tries. One that cannot be returned stays taken: it comes back by itself.
    pub(crate) async fn give_back(self) {
        for (key, limit) in &self.counters {
            if let Err(error) = self.attempts.store.give_back(key, limit, self.at).await {
                tracing::warn!(target: "portcullis", %error, "a login attempt could not be given back");
            }
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts")
            .field("account_and_address", &self.account_and_address)
            .field("account", &self.account)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
