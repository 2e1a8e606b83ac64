//! A token names a user; the store must find users of the type that the program means.
//~ `MemoryStore` does not find the users behind its tokens
//~ not a `UserByToken<Member>`
//~ `Mixed::new(records, users)`

use portcullis_tests::crates::portcullis::store::{MemoryStore, Mixed, NoUsers};
use portcullis_tests::crates::portcullis::{Tokens, User, UserId};

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
pub fn tokens() -> Tokens<Member> {
    Tokens::<Member>::new(MemoryStore::new())
}

#[cfg(right)]
pub fn tokens() -> Tokens<Member> {
    Tokens::new(Mixed::new(MemoryStore::new(), NoUsers))
}
