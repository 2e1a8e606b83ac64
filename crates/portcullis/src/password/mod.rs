//! Hashing passwords: the formats a store may hold, and the threads that pay for them.
//!
//! 1. One preferred hasher makes every new hash; others only verify, and a right password replaces their hash at login.
//! 2. Every refusal runs the preferred hasher once, whatever the row holds or lacks, so that time does not tell whether
//!    a user exists (CVE-2016-2513, CVE-2025-13473; Django's dummy hash).
//! 3. The format is chosen by what the stored text says it is, never by trying all.
//! 4. What stands in a row is bounded before anything is run (CVE-2026-33306: a planted cost is a denial of service).
//! 5. An empty, over-long or NUL-bearing password is wrong before it is hashed (CVE-2013-1443, CVE-2016-2403).
//! 6. Hashing never runs on the caller's executor, and never on more threads than a [`HashPool`] has.

#[cfg(feature = "argon2")]
mod argon2;
mod pool;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "argon2")]
pub use self::argon2::{Argon2id, Argon2idError};
pub use self::pool::{HashMemory, HashPool};
use crate::credentials::{PasswordHash, is_plausible_password};
use crate::error::Unavailable;
use crate::random::Random;
use crate::secret::Secret;

/// What is hashed in the place of a password that may not be: the time of one hash, and nothing of the client's.
const STAND_IN: &str = "the password that was refused";

/// One format of stored password hashes; it runs on the threads of a [`HashPool`].
///
/// # Examples
///
#[cfg_attr(feature = "argon2", doc = "See [`Argon2id`], which [`PasswordHashers::default`] prefers.")]
#[cfg_attr(not(feature = "argon2"), doc = "The feature `argon2` brings one.")]
///
/// # Security
///
/// A hasher is handed plausible passwords only: not empty, at most [`MAX_PASSWORD_BYTES`](crate::MAX_PASSWORD_BYTES),
/// without NUL. It must use all of their bytes or fail (bcrypt reads 72, CVE-2025-22228).
pub trait PasswordHasher: Send + Sync + 'static {
    /// Tells from the hash's text whether it is of this format; what follows the format's name may still be broken.
    ///
    /// # Security
    ///
    /// Claiming another format's hashes makes them unreadable; nobody who has one can log in.
    fn recognises(&self, hash: &PasswordHash) -> bool;

    /// Hashes a password with this hasher's own parameters.
    ///
    /// # Errors
    ///
    /// [`PasswordHashError::Failed`] when the hash cannot be computed now.
    ///
    /// # Security
    ///
    /// It is also what every refusal runs, so its time must not depend on the password.
    fn hash(
        &self,
        password: &Secret,
        salt: &[u8; 16],
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, PasswordHashError>;

    /// Tells whether the password is the one that was hashed.
    ///
    /// # Errors
    ///
    /// [`PasswordHashError::Unreadable`] before anything is run, when the text is broken or its parameters are outside
    /// the hasher's band; [`PasswordHashError::Failed`] when it cannot be computed now.
    ///
    /// # Security
    ///
    /// `true` logs somebody in. Compare in constant time, and bound what the text demands before obeying it.
    fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
        memory: &mut HashMemory,
    ) -> Result<bool, PasswordHashError>;

    /// Tells whether the hash was made with other parameters than this hasher's own, also with costlier ones.
    ///
    /// # Security
    ///
    /// `false` for a cheaper hash keeps it cheap, and lets a refusal take its time instead of the preferred one's.
    fn needs_upgrade(&self, hash: &PasswordHash) -> bool;
}

/// Why a hasher gave no verdict.
///
/// # Examples
///
/// ```
/// use portcullis::password::PasswordHashError;
///
/// assert_eq!(PasswordHashError::Unreadable.to_string(), "the stored password hash cannot be read");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordHashError {
    /// The stored text is broken, or asks for more than the hasher allows: this password is refused.
    #[error("the stored password hash cannot be read")]
    Unreadable,
    /// The hash cannot be computed now: nobody is refused, the answer is 503.
    #[error("{0}")]
    Failed(Cow<'static, str>),
}

/// What a stored hash says about a password.
///
/// # Examples
///
/// See [`PasswordHashers::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verification {
    /// It is the user's password.
    Right {
        /// A new hash for the store to put in the place of the one that was verified, if that one still stands.
        upgrade: Option<PasswordHash>,
    },
    /// It is not, or there is nobody, or the user has no password.
    Wrong,
    /// The stored hash is of no known format or broken: refused as a wrong password is, and worth an alarm.
    Unreadable,
}

/// The formats of password hashes that an application reads, and the one that it writes.
///
/// A clone shares the pool.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "argon2")] {
/// use portcullis::password::{Argon2id, HashPool, PasswordHashers};
///
/// let hashers = PasswordHashers::new(Argon2id::new(47_104, 1, 1)?).with_pool(HashPool::new(2, 16));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PasswordHashers {
    formats: Formats,
    pool: HashPool,
}

impl PasswordHashers {
    /// Prefers one hasher, on the threads that the process shares ([`HashPool::shared`]).
    #[must_use]
    pub fn new(preferred: impl PasswordHasher) -> Self {
        Self {
            formats: Formats { preferred: Arc::new(preferred), others: Vec::new() },
            pool: HashPool::shared(),
        }
    }

    /// Adds a hasher that verifies only; the first that recognises a hash is asked, the preferred before all.
    #[must_use]
    pub fn with_other(mut self, hasher: impl PasswordHasher) -> Self {
        self.formats.others.push(Arc::new(hasher));
        self
    }

    /// Hashes on a pool of its own.
    #[must_use]
    pub fn with_pool(self, pool: HashPool) -> Self {
        Self { pool, ..self }
    }

    /// Hashes a new password with the preferred hasher.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the pool is full, or the hasher or the randomness fails.
    ///
    /// # Security
    ///
    /// Whether the password is good enough is the caller's question. An empty one, one longer than
    /// [`MAX_PASSWORD_BYTES`](crate::MAX_PASSWORD_BYTES) and one with a NUL never verify.
    pub async fn hash(&self, password: &Secret, random: &dyn Random) -> Result<PasswordHash, Unavailable> {
        let salt = draw_salt(random)?;
        let password = password.clone();
        let formats = self.formats.clone();
        self.pool.run(move |memory| formats.hash(&password, &salt, memory)).await?
    }

    /// Verifies a password as a login does: one job on the pool, which also makes the better hash if one is due.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), portcullis::Unavailable> {
    /// # #[cfg(feature = "argon2")] {
    /// use portcullis::password::{PasswordHashers, Verification};
    /// use portcullis::{Secret, SystemRandom};
    ///
    /// let hashers = PasswordHashers::default();
    /// let password = Secret::from("correct horse battery staple");
    /// let stored = hashers.hash(&password, &SystemRandom).await?;
    /// let verdict = hashers.verify(&password, Some(&stored), &SystemRandom).await?;
    /// assert_eq!(verdict, Verification::Right { upgrade: None });
    /// let nobody = hashers.verify(&password, None, &SystemRandom).await?;
    /// assert_eq!(nobody, Verification::Wrong);
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the pool is full, or the hasher or the randomness fails; it is never a wrong password.
    ///
    /// # Security
    ///
    /// Call it with `None` for a user who does not exist: it is what makes that take as long as a wrong password.
    pub async fn verify(
        &self,
        password: &Secret,
        stored: Option<&PasswordHash>,
        random: &dyn Random,
    ) -> Result<Verification, Unavailable> {
        // Drawn for every kind of row, so that a failing source does not tell them apart.
        let salt = draw_salt(random)?;
        let (password, stored) = if is_plausible_password(password.expose_secret()) {
            (password.clone(), stored.cloned())
        } else {
            (Secret::from(STAND_IN), None)
        };
        let formats = self.formats.clone();
        self.pool.run(move |memory| formats.verify(&password, stored.as_ref(), &salt, memory)).await?
    }
}

#[cfg(feature = "argon2")]
impl Default for PasswordHashers {
    fn default() -> Self {
        Self::new(Argon2id::default())
    }
}

impl fmt::Debug for PasswordHashers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHashers")
            .field("others", &self.formats.others.len())
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Formats {
    preferred: Arc<dyn PasswordHasher>,
    others: Vec<Arc<dyn PasswordHasher>>,
}

impl Formats {
    fn hash(
        &self,
        password: &Secret,
        salt: &[u8; 16],
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, Unavailable> {
        self.preferred.hash(password, salt, memory).map_err(unavailable)
    }

    fn verify(
        &self,
        password: &Secret,
        stored: Option<&PasswordHash>,
        salt: &[u8; 16],
        memory: &mut HashMemory,
    ) -> Result<Verification, Unavailable> {
        let Some(stored) = stored.filter(|hash| is_a_password(hash)) else {
            return self.refuse(Verification::Wrong, password, salt, memory);
        };
        let is_preferred = self.preferred.recognises(stored);
        let hasher = if is_preferred { Some(&self.preferred) } else { self.other(stored) };
        let Some(hasher) = hasher else {
            return self.refuse(Verification::Unreadable, password, salt, memory);
        };
        let is_current = is_preferred && !self.preferred.needs_upgrade(stored);
        match hasher.verify(password, stored, memory) {
            Ok(true) if is_current => Ok(Verification::Right { upgrade: None }),
            Ok(true) => Ok(Verification::Right { upgrade: Some(self.hash(password, salt, memory)?) }),
            // This verification was the preferred hasher's one run.
            Ok(false) if is_current => Ok(Verification::Wrong),
            Ok(false) => self.refuse(Verification::Wrong, password, salt, memory),
            Err(PasswordHashError::Unreadable) => {
                self.refuse(Verification::Unreadable, password, salt, memory)
            }
            Err(error @ PasswordHashError::Failed(_)) => Err(unavailable(error)),
        }
    }

    /// Spends the time of one hash before refusing.
    fn refuse(
        &self,
        verdict: Verification,
        password: &Secret,
        salt: &[u8; 16],
        memory: &mut HashMemory,
    ) -> Result<Verification, Unavailable> {
        self.hash(password, salt, memory).map(|_| verdict)
    }

    fn other(&self, hash: &PasswordHash) -> Option<&Arc<dyn PasswordHasher>> {
        self.others.iter().find(|hasher| hasher.recognises(hash))
    }
}

/// Tells whether there is a hash at all: Django writes `!` and some random text where a user has no password, and
/// leaves the column empty where none was ever set (CVE-2019-11272: such a row must match nothing).
fn is_a_password(hash: &PasswordHash) -> bool {
    let text = hash.expose_secret();
    !text.is_empty() && !text.starts_with('!')
}

fn draw_salt(random: &dyn Random) -> Result<[u8; 16], Unavailable> {
    let mut salt = [0; 16];
    random.fill(&mut salt)?;
    Ok(salt)
}

fn unavailable(error: PasswordHashError) -> Unavailable {
    match error {
        PasswordHashError::Unreadable => Unavailable::new("the preferred password hasher fails"),
        PasswordHashError::Failed(reason) => Unavailable::new(reason),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::random::{RandomError, SystemRandom};

    /// A hasher that keeps the password in clear, after its name and a cost, and writes down what it was made to run.
    #[derive(Clone)]
    struct Clear {
        name: &'static str,
        cost: &'static str,
        runs: Arc<Mutex<Vec<(String, String)>>>,
    }

    impl Clear {
        fn new(name: &'static str) -> Self {
            Self { name, cost: "2", runs: Arc::default() }
        }

        fn ran(&self, cost: &str, password: &Secret) {
            self.runs.lock().unwrap().push((cost.to_owned(), password.expose_secret().clone()));
        }

        /// How often it ran at its own cost.
        fn full_runs(&self) -> usize {
            self.runs.lock().unwrap().iter().filter(|(cost, _)| cost == self.cost).count()
        }
    }

    impl PasswordHasher for Clear {
        fn recognises(&self, hash: &PasswordHash) -> bool {
            hash.expose_secret().split('$').next() == Some(self.name)
        }

        fn hash(
            &self,
            password: &Secret,
            _: &[u8; 16],
            _: &mut HashMemory,
        ) -> Result<PasswordHash, PasswordHashError> {
            self.ran(self.cost, password);
            Ok(PasswordHash::new(format!("{}${}${}", self.name, self.cost, password.expose_secret())))
        }

        fn verify(
            &self,
            password: &Secret,
            hash: &PasswordHash,
            _: &mut HashMemory,
        ) -> Result<bool, PasswordHashError> {
            let text = hash.expose_secret().split_once('$').ok_or(PasswordHashError::Unreadable)?.1;
            let (cost, right) = text.split_once('$').ok_or(PasswordHashError::Unreadable)?;
            match cost {
                "panic" => panic!("a test panics in a hasher"),
                "outage" => Err(PasswordHashError::Failed("no memory".into())),
                _ => {
                    self.ran(cost, password);
                    Ok(password.expose_secret() == right)
                }
            }
        }

        fn needs_upgrade(&self, hash: &PasswordHash) -> bool {
            !hash.expose_secret().starts_with(&format!("{}${}$", self.name, self.cost))
        }
    }

    struct World {
        new: Clear,
        old: Clear,
        hashers: PasswordHashers,
    }

    impl World {
        fn new() -> Self {
            let (new, old) = (Clear::new("new"), Clear::new("old"));
            let hashers =
                PasswordHashers::new(new.clone()).with_other(old.clone()).with_pool(HashPool::new(1, 8));
            Self { new, old, hashers }
        }

        async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verification, Unavailable> {
            let stored = stored.map(PasswordHash::new);
            self.hashers.verify(&Secret::from(password), stored.as_ref(), &SystemRandom).await
        }
    }

    #[tokio::test]
    async fn every_refusal_runs_the_preferred_hasher_once() {
        use Verification::{Unreadable, Wrong};
        for (name, stored, verdict) in [
            ("nobody", None, Wrong),
            ("no password", Some("!kR3"), Wrong),
            ("no password, and the guess is in it", Some("!guess"), Wrong),
            ("an empty column", Some(""), Wrong),
            ("an unknown format", Some("md5$2$guess"), Unreadable),
            ("no format", Some("guess"), Unreadable),
            ("a text that says null", Some("null"), Unreadable),
            ("a format's name in capitals", Some("NEW$2$guess"), Unreadable),
            ("another password", Some("new$2$right"), Wrong),
            ("another password, hashed cheaper", Some("new$1$right"), Wrong),
            ("another password, hashed dearer", Some("new$9$right"), Wrong),
            ("another password in another format", Some("old$2$right"), Wrong),
            ("a broken hash", Some("new$"), Unreadable),
            ("a broken hash of another format", Some("old"), Unreadable),
        ] {
            let world = World::new();
            assert_eq!(world.verify("guess", stored).await, Ok(verdict), "{name}");
            assert_eq!(world.new.full_runs(), 1, "{name}");
        }
    }

    #[tokio::test]
    async fn a_password_that_may_not_be_is_wrong_and_never_hashed() {
        let long = "x".repeat(4097);
        for (name, password) in [("empty", ""), ("a NUL at the end", "right\0"), ("4097 bytes", &long)] {
            for stored in [Some(format!("new$2${password}")), Some(format!("old$2${password}")), None] {
                let world = World::new();
                assert_eq!(
                    world.verify(password, stored.as_deref()).await,
                    Ok(Verification::Wrong),
                    "{name}"
                );
                let runs = world.new.runs.lock().unwrap().clone();
                assert_eq!(runs, [("2".to_owned(), STAND_IN.to_owned())], "{name}");
                assert!(world.old.runs.lock().unwrap().is_empty(), "{name}");
            }
        }
        let longest = "x".repeat(4096);
        let stored = format!("new$2${longest}");
        let verdict = World::new().verify(&longest, Some(&stored)).await;
        assert_eq!(verdict, Ok(Verification::Right { upgrade: None }));
    }

    #[tokio::test]
    async fn the_stand_in_is_nobodys_password() {
        let stored = format!("new$2${STAND_IN}");
        assert_eq!(World::new().verify("", Some(&stored)).await, Ok(Verification::Wrong));
    }

    #[tokio::test]
    async fn a_right_password_is_upgraded_to_the_preferred_hash() {
        let better = Some(PasswordHash::new("new$2$right"));
        for (name, stored, upgrade, new_runs) in [
            ("the preferred hash", "new$2$right", None, 1),
            ("a cheaper one", "new$1$right", better.clone(), 1),
            ("a dearer one", "new$9$right", better.clone(), 1),
            ("another format", "old$2$right", better, 1),
        ] {
            let world = World::new();
            let verdict = world.verify("right", Some(stored)).await;
            assert_eq!(verdict, Ok(Verification::Right { upgrade: upgrade.clone() }), "{name}");
            assert_eq!(world.new.full_runs(), new_runs, "{name}");
            if let Some(hash) = upgrade {
                let again = world.verify("right", Some(hash.expose_secret())).await;
                assert_eq!(again, Ok(Verification::Right { upgrade: None }), "{name}");
            }
        }
    }

    #[tokio::test]
    async fn what_cannot_be_decided_is_an_outage() {
        struct Broken;
        impl Random for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
                Err(RandomError)
            }
        }
        let world = World::new();
        let right = Secret::from("right");
        for stored in [None, Some("!"), Some("new$2$right"), Some("old$2$right"), Some("md5$")] {
            let hash = stored.map(PasswordHash::new);
            let verdict = world.hashers.verify(&right, hash.as_ref(), &Broken).await;
            assert_eq!(verdict, Err(RandomError.into()), "no randomness, {stored:?}");
        }
        assert_eq!(world.hashers.hash(&right, &Broken).await, Err(RandomError.into()));
        assert_eq!(world.new.full_runs(), 0);
        for (stored, reason) in [
            ("new$outage$right", "no memory"),
            ("old$outage$right", "no memory"),
            ("new$panic$right", "a password hasher panicked"),
            ("old$panic$right", "a password hasher panicked"),
        ] {
            let verdict = world.verify("right", Some(stored)).await;
            assert_eq!(verdict, Err(Unavailable::new(reason)), "{stored}");
        }
        let verdict = world.verify("right", Some("new$2$right")).await;
        assert_eq!(verdict, Ok(Verification::Right { upgrade: None }), "and it recovers");
    }

    #[tokio::test]
    async fn salts_differ() {
        struct Salted;
        impl PasswordHasher for Salted {
            fn recognises(&self, _: &PasswordHash) -> bool {
                true
            }
            fn hash(
                &self,
                _: &Secret,
                salt: &[u8; 16],
                _: &mut HashMemory,
            ) -> Result<PasswordHash, PasswordHashError> {
                Ok(PasswordHash::new(format!("{salt:?}")))
            }
            fn verify(
                &self,
                _: &Secret,
                _: &PasswordHash,
                _: &mut HashMemory,
            ) -> Result<bool, PasswordHashError> {
                Ok(true)
            }
            fn needs_upgrade(&self, _: &PasswordHash) -> bool {
                true
            }
        }
        let hashers = PasswordHashers::new(Salted);
        let password = Secret::from("right");
        let hash = || hashers.hash(&password, &SystemRandom);
        let (first, second) = (hash().await.unwrap(), hash().await.unwrap());
        assert_ne!(first, second);
        let verdict = hashers.verify(&password, Some(&first), &SystemRandom).await.unwrap();
        let Verification::Right { upgrade: Some(upgrade) } = verdict else { panic!("{verdict:?}") };
        assert_ne!(upgrade, first);
    }

    #[test]
    fn debug_shows_no_hash() {
        let verdict = Verification::Right { upgrade: Some(PasswordHash::new("canary")) };
        assert!(!format!("{verdict:?}").contains("canary"));
    }
}
