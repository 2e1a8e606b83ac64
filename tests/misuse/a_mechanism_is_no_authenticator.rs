//! What issues tokens and what reads them from requests are two things.
//~ `Tokens` is not an authenticator of these users
//~ not an `Authenticator<Account>`
//~ `tokens.authenticator()`

use portcullis_tests::crates::portcullis::{Guard, GuardBuilder, Tokens, Users};

#[cfg(wrong)]
pub fn guard(users: Users, tokens: Tokens) -> GuardBuilder {
    Guard::builder(users).authenticate(tokens)
}

#[cfg(right)]
pub fn guard(users: Users, tokens: Tokens) -> GuardBuilder {
    Guard::builder(users).authenticate(tokens.authenticator())
}
