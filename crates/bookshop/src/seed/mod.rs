//! The users, the group, the tokens and the books that the contract names.
//!
//! 1. Ids are 1 to 6, in the order of the table; books 1 to 3 are John's, Mary's and Ada's.
//! 2. Passwords are hashed once in a process ([`Hashes`]), so that a reset takes milliseconds.
//! 3. Of a token the store gets the digest, as of any other token.

mod postgres;
mod redis;
mod snapshot;

use portcullis::store::{Group, NewUser, StoreError, TokenRecord, TokenStore, UserStore};
use portcullis::{Digest, PasswordHash, Timestamp};
pub use postgres::PostgresSnapshot;
pub use redis::Flush;
pub use snapshot::Snapshot;

use crate::domain::BookStore;

/// Somebody of the contract's table.
#[derive(Debug)]
pub struct Person {
    /// The name.
    pub name: &'static str,
    /// The password: for tests only.
    pub password: &'static str,
    /// The digit that the seeded token repeats 40 times.
    token: Option<&'static str>,
    /// What sets this person apart.
    role: Role,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Reader,
    Author,
    Staff,
    Superuser,
    Inactive,
}

/// Everybody, in the order of their ids.
pub const PEOPLE: [Person; 6] = [
    Person { name: "john", password: "secret123", token: Some("1"), role: Role::Reader },
    Person { name: "mary", password: "marypass321", token: Some("2"), role: Role::Author },
    Person { name: "ada", password: "adapass456", token: Some("3"), role: Role::Staff },
    Person { name: "root", password: "rootpass789", token: Some("4"), role: Role::Superuser },
    Person { name: "ghost", password: "ghostpass000", token: Some("5"), role: Role::Inactive },
    Person { name: "zoe", password: "zoëpass✓", token: None, role: Role::Reader },
];

const BOOKS: [(i64, &str, &str); 3] =
    [(1, "john", "John's Diary"), (2, "mary", "Mary's Garden"), (3, "ada", "Ada's Engine")];

/// The hashes of everybody's password, in the order of [`PEOPLE`].
#[derive(Debug, Clone)]
pub struct Hashes(pub Vec<PasswordHash>);

/// Plants the seeded state into empty stores.
///
/// # Errors
///
/// [`StoreError`] as the stores answer it; [`StoreError::Conflict`] when they were not empty.
pub async fn plant<S>(
    store: &S,
    books: &dyn BookStore,
    hashes: &Hashes,
    now: Timestamp,
) -> Result<(), StoreError>
where
    S: UserStore + TokenStore,
{
    store.put_group(Group::new("Authors", ["books.add_book", "books.change_book"])).await?;
    for (person, hash) in PEOPLE.iter().zip(&hashes.0) {
        let user = store.create_user(person.describe(hash.clone(), now)).await?;
        if let Some(digit) = person.token {
            let digest = Digest::of(&digit.repeat(40));
            store.create_token(TokenRecord::new(digest, user.id.clone(), now), None).await?;
        }
    }
    for (owner, name, title) in BOOKS {
        books.create(title, &owner.into(), name).await?;
    }
    Ok(())
}

impl Person {
    fn describe(&self, hash: PasswordHash, now: Timestamp) -> NewUser {
        let user = NewUser::new(self.name).with_email(format!("{}@example.com", self.name));
        let mut user = match self.role {
            Role::Reader | Role::Inactive => user,
            Role::Author => user.with_group("Authors"),
            Role::Staff => user.with_staff(),
            Role::Superuser => user.with_superuser(),
        };
        user.is_active = !matches!(self.role, Role::Inactive);
        user.password = Some(hash);
        user.created_at = now;
        user
    }
}

#[cfg(test)]
mod tests {
    use portcullis::store::MemoryStore;

    use super::*;
    use crate::domain::MemoryBooks;

    #[tokio::test]
    async fn plants_what_the_contract_says() {
        let (store, books) = (MemoryStore::new(), MemoryBooks::default());
        let hashes = Hashes(PEOPLE.iter().map(|person| PasswordHash::new(person.password)).collect());
        plant(&store, &books, &hashes, Timestamp::EPOCH).await.unwrap();
        for (id, name, active, staff, superuser, may_add) in [
            (1, "john", true, false, false, false),
            (2, "mary", true, false, false, true),
            (3, "ada", true, true, false, false),
            (4, "root", true, true, true, false),
            (5, "ghost", false, false, false, false),
            (6, "zoe", true, false, false, false),
        ] {
            let user = store.user(&id.into()).await.unwrap().unwrap();
            assert_eq!(user.username, name);
            assert_eq!(
                (user.is_active, user.is_staff, user.is_superuser),
                (active, staff, superuser),
                "{name}"
            );
            assert_eq!(user.codenames.contains("books.add_book"), may_add, "{name}");
        }
        let token = store.token(&Digest::of(&"4".repeat(40))).await.unwrap().unwrap();
        assert_eq!(token.user, 4.into());
        let titles: Vec<_> = books.list().await.unwrap().into_iter().map(|book| book.title).collect();
        assert_eq!(titles, ["John's Diary", "Mary's Garden", "Ada's Engine"]);
    }
}
