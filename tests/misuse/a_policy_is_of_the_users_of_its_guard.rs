//! What a route asks of accounts cannot be asked of members.
//~ expected `&Policy<Member>`, found `&Policy`

use portcullis_tests::crates::portcullis::{Guard, GuardError, Policy, Route, User, UserId};

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
pub fn route(guard: &Guard<Member>, policy: &Policy) -> Result<Route<Member>, GuardError> {
    guard.route(policy)
}

#[cfg(right)]
pub fn route(guard: &Guard<Member>, policy: &Policy<Member>) -> Result<Route<Member>, GuardError> {
    guard.route(policy)
}
