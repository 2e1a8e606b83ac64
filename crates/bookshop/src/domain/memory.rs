//! Books in this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use portcullis::UserId;
use portcullis::store::StoreError;

use crate::domain::{Book, BookStore};

/// Keeps books until the process ends.
#[derive(Debug, Default)]
pub struct MemoryBooks(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    last_id: i64,
    books: BTreeMap<i64, Book>,
}

impl MemoryBooks {
    /// Forgets every book, and the ids with them.
    pub fn clear(&self) {
        *self.shelf() = Shelf::default();
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BookStore for MemoryBooks {
    async fn list(&self) -> Result<Vec<Book>, StoreError> {
        Ok(self.shelf().books.values().cloned().collect())
    }

    async fn book(&self, id: i64) -> Result<Option<Book>, StoreError> {
        Ok(self.shelf().books.get(&id).cloned())
    }

    async fn create(&self, title: &str, owner: &UserId, owner_name: &str) -> Result<Book, StoreError> {
        let mut shelf = self.shelf();
        shelf.last_id += 1;
        let (id, owner) = (shelf.last_id, owner.clone());
        let book = Book { id, title: title.to_owned(), owner, owner_name: owner_name.to_owned() };
        shelf.books.insert(id, book.clone());
        Ok(book)
    }

    async fn rename(&self, id: i64, title: &str) -> Result<bool, StoreError> {
        let mut shelf = self.shelf();
        let Some(book) = shelf.books.get_mut(&id) else { return Ok(false) };
        title.clone_into(&mut book.title);
        Ok(true)
    }

    async fn delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.shelf().books.remove(&id).is_some())
    }

    async fn delete_of(&self, owner: &UserId) -> Result<(), StoreError> {
        self.shelf().books.retain(|_, book| book.owner != *owner);
        Ok(())
    }
}
