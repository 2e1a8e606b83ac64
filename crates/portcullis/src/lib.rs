//! Who is this, and may they? For any [`http::Request`].

pub mod password;
pub mod permission;
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
mod header;
mod identity;
mod random;
mod request;
mod secret;
mod user;

pub use challenge::{Challenge, ChallengeError};
pub use clock::{Clock, SystemClock, Timestamp};
pub use cookie::{CookieConfig, CookieError, SameSite};
pub use credentials::{Credentials, MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES, PasswordHash};
pub use csrf::{CsrfConfig, CsrfConfigError};
pub use environment::Environment;
pub use error::{Denial, Error, Rejected, Throttled, Unavailable};
pub use event::{Event, EventKind, EventSink, Origin, TracingSink};
pub use identity::{Grant, Identity, Scheme, Scopes};
pub use password::{PasswordHashers, Verification};
pub use permission::{
    AllowAny, Decision, HasScope, InGroup, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly,
    IsSuperuser, ModelPermissions, ObjectPermission, Permission, Permissions, Verdict, permission_fn, permit,
};
pub use random::{Random, RandomError, SystemRandom};
pub use request::{AuthRequest, RequestHead};
pub use secret::{Digest, ParseDigestError, Secret};
pub use user::{Account, User, UserId};
