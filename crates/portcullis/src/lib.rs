//! Who is this, and may they? For any [`http::Request`], from any store.
//!
//! This is not a web framework, not a database and not an async runtime: it decides from the head of a request, and in
//! one case from a small form. It does not serve pages, send mail or know what your objects are. In axum you use it by
//! `portcullis-axum`, with SQLite by `portcullis-sql`, in tests by `portcullis-testing`; here is what they share.
//!
//! # A tour
//!
//! ```
//! use http::Request;
//! use portcullis::permission::{IsAdminUser, IsAuthenticated};
//! use portcullis::store::MemoryStore;
//! use portcullis::{Admission, Guard, NewToken, Policy, Tokens, Users};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! // One store, and a mechanism for each thing that is kept in it.
//! let store = MemoryStore::new();
//! let users = Users::new(store.clone());
//! let tokens = Tokens::new(store);
//! let john = users.create("john", "correct horse battery").await?;
//! let token = tokens.issue(&john.id, NewToken::default()).await?;
//!
//! // The guard asks its authenticators in order; a mistake is an error here, not at the first request.
//! let guard = Guard::builder(users.clone())
//!     .authenticate(tokens.authenticator())
//!     .authenticate(users.basic())
//!     .build()?;
//!
//! // A route asks for the default, which is `IsAuthenticated`, unless it says something else.
//! let reports = guard.route(&Policy::default().require(IsAuthenticated & !IsAdminUser))?;
//!
//! let header = format!("Token {}", token.expose_secret());
//! let (mut parts, ()) = Request::get("/reports").header("authorization", header).body(())?.into_parts();
//! let Ok(Admission::Ready(admitted)) = reports.admit(&mut parts, None).await else { panic!("john may") };
//! assert_eq!(admitted.access().identity().unwrap().user().username, "john");
//!
//! let (mut parts, ()) = Request::get("/reports").body(())?.into_parts();
//! let refusal = reports.admit(&mut parts, None).await.unwrap_err();
//! assert_eq!(refusal.status(), 401);
//! assert_eq!(refusal.headers()["www-authenticate"], "Token");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where things are
//!
//! | | |
//! |---|---|
//! | [`Users`], [`Tokens`], [`Sessions`], [`Jwt`] | make, find, change and end what a store keeps |
//! | [`jwt`] | JSON Web Tokens: keys, rules, pairs of tokens, a verifier that needs no store |
//! | [`authentication`] | who is this: [`Authenticator`] and the ready-made ones |
//! | [`permission`] | may they: [`Permission`], [`ObjectPermission`], compositions |
//! | [`Guard`], [`Policy`], [`Route`] | both questions in order, for one route |
//! | [`Throttle`], [`Attempts`] | how often somebody may ask, and try to log in |
//! | [`Auth`], [`MaybeAuth`], [`Session`], [`Access`] | what a handler may know and do |
//! | [`endpoint`] | login, logout, tokens and the rest, ready to be mounted |
//! | [`routing`] | what the routers of all adapters share; for who writes one |
//! | [`store`] | what a database must do: one trait for users, tokens, sessions, refresh tokens each |
//! | [`password`] | hashers, and the threads that pay for them |
//! | [`Error`] | 401, 403, 429 or 503, which never turn into one another |
//! | [`Event`], [`EventSink`] | a record of every login, refusal and revocation |
//! | [`Environment`], [`Clock`], [`Random`] | time and randomness, for tests to replace |
//!
//! # Django REST framework
//!
//! Names and answers are DRF's where it is safe. [`GuardBuilder::drf`], [`SessionConfig::django`], [`TokenConfig::drf`]
//! and, for simplejwt, [`JwtConfig::simplejwt`] answer its clients as it does; [`Guard::relaxations`] lists what that costs.
//!
//! # Crate features
//!
//! | | |
//! |---|---|
//! | `argon2`, on by default | hashes passwords with argon2id; without it [`Users::new_with`] takes a hasher of your own |
//! | `jwt-aws-lc`, on by default | JSON Web Tokens, signed by AWS-LC; it needs a C compiler |
//! | `jwt-rust-crypto` | JSON Web Tokens, signed by pure Rust; where both are on, AWS-LC signs |
//!
//! A feature adds items and changes none.

pub mod authentication;
pub mod endpoint;
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub mod jwt;
pub mod password;
pub mod permission;
pub mod routing;
pub mod store;

mod body;
mod challenge;
mod clock;
mod cookie;
mod credentials;
mod csrf;
mod environment;
mod error;
mod event;
mod guard;
mod header;
mod identity;
mod random;
mod request;
mod secret;
mod session;
mod throttle;
mod token;
mod user;
mod users;

pub use authentication::{Authenticator, ParseNetworkError};
pub use challenge::{Challenge, ChallengeError};
pub use clock::{Clock, SystemClock, Timestamp};
pub use cookie::{CookieConfig, CookieError, SameSite};
pub use credentials::{Credentials, MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES, PasswordHash};
pub use csrf::{CsrfConfig, CsrfConfigError};
pub use environment::Environment;
pub use error::{Denial, Error, Rejected, Throttled, Unavailable};
pub use event::{Event, EventKind, EventSink, Origin, TracingSink};
pub use guard::{
    Access, Admission, Admitted, AnyAccess, Auth, ChallengePolicy, Guard, GuardBuilder, GuardError,
    MaybeAuth, Misconfigured, Pending, Policy, Rejection, Render, Rendering, Route, Session, SessionError,
};
pub use identity::{Grant, Identity, Scheme, Scopes};
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub use jwt::{Jwt, JwtConfig, KeyRing, TokenPair};
pub use password::{PasswordHashers, Verification};
pub use permission::{
    AllowAny, Decision, HasScope, InGroup, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly,
    IsSuperuser, ModelPermissions, ObjectPermission, Permission, Permissions, Verdict, permission_fn, permit,
};
pub use random::{Random, RandomError, SystemRandom};
pub use request::{AuthRequest, RequestHead};
pub use secret::{Digest, ParseDigestError, Secret};
pub use session::{SessionConfig, Sessions};
pub use throttle::{Attempts, ParseRateError, Rate, Throttle};
pub use token::{NewToken, TokenConfig, TokenPrefixError, Tokens};
pub use user::{Account, User, UserId};
pub use users::{Users, UsersError};

#[cfg(all(doctest, feature = "argon2"))]
#[doc = include_str!("../README.md")]
struct Readme;
