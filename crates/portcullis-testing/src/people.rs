//! Two users to begin a test with.

use portcullis::password::PasswordHashers;
use portcullis::store::{MemoryStore, NewUser};
use portcullis::{Guard, GuardBuilder, NewToken, SessionConfig, Sessions, Tokens, Users};

use crate::hasher::Cheap;

/// A store with John and with Mary, who is staff, a token of each, and what finds them. A password that a test gives them is
/// hashed by a hasher that costs nothing and protects nothing.
///
/// # Examples
///
/// ```
/// use portcullis::{Admission, Policy};
/// use portcullis_testing::{TwoUsers, request};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let world = TwoUsers::new().await;
/// let route = world.guard().route(&Policy::default())?;
/// let admitted = route.admit(&mut request("GET", "/").token(&world.john).parts(), None).await;
/// assert!(matches!(admitted, Ok(Admission::Ready(_))));
/// # Ok::<(), portcullis::GuardError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TwoUsers {
    /// The store of all.
    pub store: MemoryStore,
    /// The users, without passwords.
    pub users: Users,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their sessions.
    pub sessions: Sessions,
    /// John's token.
    pub john: String,
    /// The token of Mary, who is staff.
    pub mary: String,
}

impl TwoUsers {
    /// Creates both.
    pub async fn new() -> Self {
        let store = MemoryStore::new();
        let users = Users::new_with(store.clone(), PasswordHashers::new(Cheap));
        let tokens = Tokens::new(store.clone());
        let sessions = Sessions::new(store.clone(), SessionConfig::default());
        let john = token(&users, &tokens, NewUser::new("john")).await;
        let mary = token(&users, &tokens, NewUser::new("mary").with_staff()).await;
        Self { store, users, tokens, sessions, john, mary }
    }

    /// Begins a guard that knows tokens and sessions.
    #[must_use]
    pub fn builder(&self) -> GuardBuilder {
        Guard::builder(self.users.clone())
            .authenticate(self.tokens.authenticator())
            .authenticate(self.sessions.authenticator())
    }

    /// Builds that guard.
    ///
    /// # Panics
    ///
    /// Never: tokens and sessions go together.
    #[must_use]
    #[expect(clippy::expect_used, reason = "see above")]
    pub fn guard(&self) -> Guard {
        self.builder().build().expect("a guard")
    }
}

#[expect(clippy::expect_used, reason = "a memory store does not fail")]
async fn token(users: &Users, tokens: &Tokens, user: NewUser) -> String {
    let user = users.create_user(user, None).await.expect("a new user");
    let token = tokens.issue(&user.id, NewToken::default()).await.expect("a new token");
    token.expose_secret().clone()
}
