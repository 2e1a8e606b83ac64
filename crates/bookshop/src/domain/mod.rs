//! Books, and where they are kept.
//!
//! 1. A book belongs to one user; deleting the user deletes the books (Django's `on_delete=CASCADE`).
//! 2. Ids are never used again (SQLite's `autoincrement`, PostgreSQL's identity), except that a reset starts them anew: the first new book has id 4.
//! 3. The owner's name stands in the row: a name never changes, and so a list is one statement.

mod memory;
mod sql;

use std::fmt::Debug;

use async_trait::async_trait;
pub use memory::MemoryBooks;
use portcullis::UserId;
use portcullis::store::StoreError;
use serde::Serialize;
pub(crate) use sql::options;
pub use sql::{PostgresBooks, SqliteBooks};

/// A book, which prints as DRF's serializer does: `{"id": 1, "title": "…", "owner": "john"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Book {
    /// Names the book for ever.
    pub id: i64,
    /// What stands on its cover.
    pub title: String,
    /// The user that `IsOwnerOrReadOnly` compares with.
    #[serde(skip)]
    pub owner: UserId,
    /// The owner's name.
    #[serde(rename = "owner")]
    pub owner_name: String,
}

/// Keeps books; every verb fails as an outage and as nothing else.
#[async_trait]
pub trait BookStore: Debug + Send + Sync + 'static {
    /// Lists all books by id.
    async fn list(&self) -> Result<Vec<Book>, StoreError>;

    /// Finds one book.
    async fn book(&self, id: i64) -> Result<Option<Book>, StoreError>;

    /// Adds a book.
    async fn create(&self, title: &str, owner: &UserId, owner_name: &str) -> Result<Book, StoreError>;

    /// Gives a book another title; `false` when it is gone.
    async fn rename(&self, id: i64, title: &str) -> Result<bool, StoreError>;

    /// Deletes a book; `false` when it is gone.
    async fn delete(&self, id: i64) -> Result<bool, StoreError>;

    /// Deletes the books of a user who is deleted.
    async fn delete_of(&self, owner: &UserId) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use portcullis_servers::{Postgres, or_left_out};

    use super::*;

    async fn keeps_books(books: &dyn BookStore) {
        let (john, mary) = (UserId::from(1), UserId::from(2));
        let diary = books.create("John's Diary", &john, "john").await.unwrap();
        let garden = books.create("Mary's Garden", &mary, "mary").await.unwrap();
        assert_eq!((diary.id, garden.id), (1, 2));
        assert_eq!(books.list().await.unwrap(), [diary.clone(), garden.clone()]);
        assert_eq!(books.book(2).await.unwrap(), Some(garden.clone()));
        assert_eq!(books.book(99).await.unwrap(), None);

        assert!(books.rename(1, "Diary").await.unwrap());
        assert_eq!(books.book(1).await.unwrap().unwrap().title, "Diary");
        assert!(!books.rename(99, "Nothing").await.unwrap());

        assert!(books.delete(2).await.unwrap());
        assert!(!books.delete(2).await.unwrap());
        let next = books.create("Another", &mary, "mary").await.unwrap();
        assert_eq!(next.id, 3, "the id of a deleted book is not used again");

        books.delete_of(&john).await.unwrap();
        assert_eq!(books.list().await.unwrap(), [next]);
    }

    #[tokio::test]
    async fn every_store_keeps_books() {
        keeps_books(&MemoryBooks::default()).await;
        let folder = tempfile::tempdir().unwrap();
        keeps_books(&SqliteBooks::open(&folder.path().join("books.db")).await.unwrap()).await;
        let Some(postgres) = or_left_out(Postgres::shared()) else { return };
        let url = postgres.database();
        // Programs that start together make the table together.
        let (one, two) = tokio::join!(PostgresBooks::open(&url), PostgresBooks::open(&url));
        keeps_books(&one.unwrap()).await;
        assert_eq!(two.unwrap().list().await.unwrap().len(), 1);
    }

    #[test]
    fn a_book_prints_as_drf_prints_it() {
        let book = Book { id: 1, title: "Zoë".into(), owner: 6.into(), owner_name: "zoe".into() };
        assert_eq!(serde_json::to_string(&book).unwrap(), r#"{"id":1,"title":"Zoë","owner":"zoe"}"#);
    }
}
