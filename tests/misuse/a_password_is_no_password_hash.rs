//! What a store keeps is a hash, never the password that was typed.
//~ expected `PasswordHash`, found `String`

use portcullis_tests::crates::portcullis::store::LoginRecord;
use portcullis_tests::crates::portcullis::{Account, PasswordHash};

#[cfg(wrong)]
pub fn record(user: Account, typed: String) -> LoginRecord {
    LoginRecord { user: user.into(), password: Some(typed) }
}

#[cfg(right)]
pub fn record(user: Account, hash: PasswordHash) -> LoginRecord {
    LoginRecord { user: user.into(), password: Some(hash) }
}
