//! A token is trusted for what its users are only where the program says how to read them.
//~ `Member` cannot be made of the claims of a token

use portcullis_tests::crates::portcullis::authentication::StatelessJwtAuthenticator;
use portcullis_tests::crates::portcullis::jwt::{Claims, FromClaims, JwtVerifier};
use portcullis_tests::crates::portcullis::{User, UserId};

struct Member {
    id: UserId,
}

impl User for Member {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn username(&self) -> &str {
        ""
    }

    fn is_active(&self) -> bool {
        true
    }

    fn auth_epoch(&self) -> i64 {
        0
    }
}

#[cfg(wrong)]
pub fn authenticator(verifier: JwtVerifier) -> StatelessJwtAuthenticator<Member> {
    StatelessJwtAuthenticator::new(verifier)
}

#[cfg(right)]
impl FromClaims for Member {
    fn from_claims(claims: &Claims<'_>) -> Option<Self> {
        Some(Self { id: claims.user_id()? })
    }
}

#[cfg(right)]
pub fn authenticator(verifier: JwtVerifier) -> StatelessJwtAuthenticator<Member> {
    StatelessJwtAuthenticator::new(verifier)
}
