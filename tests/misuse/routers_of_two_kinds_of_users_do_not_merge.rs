//! A route that was written for members is not put behind the guard of accounts.
//~ `portcullis_axum::Router<(), Member>` cannot be merged into this router
//~ the users are `Account`

use portcullis_tests::crates::portcullis::{User, UserId};
use portcullis_tests::crates::portcullis_axum::Router;

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
pub fn routes(router: Router, other: Router<(), Member>) -> Router {
    router.merge(other)
}

#[cfg(right)]
pub fn routes(router: Router, other: Router) -> Router {
    router.merge(other)
}

#[cfg(right)]
pub fn members(router: Router<(), Member>, other: Router<(), Member>) -> Router<(), Member> {
    router.merge(other)
}
