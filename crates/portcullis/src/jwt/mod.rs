//! JSON Web Tokens: access tokens that prove themselves, refresh tokens that are good once.
//!
//! 1. A key has one algorithm, is parsed once, and is refused at load where it is weak ([`Key`], [`KeyRing`]).
//! 2. A token's signature is right before anything in it is believed (RFC 8725 section 3; [`JwtVerifier`]).
//! 3. A token of one [`Purpose`] is never taken for another.
//! 4. A refresh token is exchanged once, in one call of the store. Used again, it ends the whole login and an event says
//!    so (RFC 9700 section 4.14.2): one of the two users is a thief.
//! 5. A login ends for good after a time, however often it is refreshed (OWASP ASVS 5.0, 10.4.8).
//! 6. Tokens carry the user's epoch: where the user is loaded, a new password or a deactivation ends them.
//! 7. The names and answers are simplejwt's; [`JwtConfig::simplejwt`] issues and accepts its very tokens.

mod algorithm;
mod claims;
mod config;
mod crypto;
mod error;
mod file;
mod from_claims;
mod header;
mod issue;
mod json;
mod jwks;
mod key;
mod pair;
mod purpose;
mod ring;
mod verify;

pub use algorithm::Algorithm;
pub use claims::Claims;
pub(crate) use claims::Named;
pub use config::{JwtConfig, JwtConfigError};
pub use error::JwtError;
pub use from_claims::FromClaims;
pub use key::{Key, KeyError};
pub use pair::{Jwt, TokenPair};
pub use purpose::Purpose;
pub use ring::KeyRing;
pub use verify::JwtVerifier;
