//! Two tables of users in one guard would be two people with one id.
//~ `TokenAuthenticator<Account>` is not an authenticator of these users
//~ not an `Authenticator<Member>`

use portcullis_tests::crates::portcullis::{Guard, GuardBuilder, Tokens, User, UserId, Users};

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
pub fn guard(users: Users<Member>, tokens: Tokens) -> GuardBuilder<Member> {
    Guard::builder(users).authenticate(tokens.authenticator())
}

#[cfg(right)]
pub fn guard(users: Users<Member>, tokens: Tokens<Member>) -> GuardBuilder<Member> {
    Guard::builder(users).authenticate(tokens.authenticator())
}
