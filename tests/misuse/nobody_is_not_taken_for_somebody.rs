//! Where nobody is let in, too, a handler cannot forget that there may be nobody.
//~ no field `username` on type `Option<&Arc<Account>>`

use portcullis_tests::crates::portcullis_axum::{Auth, MaybeAuth};

#[cfg(wrong)]
pub async fn whoami(auth: MaybeAuth) -> String {
    auth.user().username.clone()
}

#[cfg(right)]
pub async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}
