//! A store of users alone keeps no session.
//~ `NoUsers` does not find the users behind its sessions
//~ `Mixed::new(records, users)`

use portcullis_tests::crates::portcullis::store::{MemoryStore, Mixed, NoUsers};
use portcullis_tests::crates::portcullis::{SessionConfig, Sessions};

#[cfg(wrong)]
pub fn sessions() -> Sessions {
    Sessions::new(NoUsers, SessionConfig::default())
}

#[cfg(right)]
pub fn sessions() -> Sessions {
    Sessions::new(Mixed::new(MemoryStore::new(), NoUsers), SessionConfig::default())
}
