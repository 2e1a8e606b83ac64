//! Which route asks what: to print at start-up, and to assert in a test.

use std::fmt;

use crate::guard::Route;
use crate::user::User;

/// One method of one path, and who may use it.
///
/// See [`RouteTable`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    method: String,
    path: String,
    authenticators: Vec<&'static str>,
    permission: String,
}

/// Every route of a router with its authenticators and its permission.
///
/// # Examples
///
/// ```
/// use http::Method;
/// use portcullis::routing::{Methods, Routes};
/// use portcullis::{Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
/// let table = Routes::new(guard)
///     .route("/books", Methods::on(Method::GET, "list"))
///     .route("/health", Methods::on(Method::GET, "health").public())
///     .table()?;
/// println!("{table}");
/// assert_eq!(table.permission("GET", "/books"), Some("IsAuthenticated"));
/// assert_eq!(table.permission("GET", "/health"), Some("AllowAny"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTable(Vec<RouteRow>);

impl RouteRow {
    /// Describes a method of a path by its route.
    #[must_use]
    pub fn new<U: User>(method: &str, path: &str, route: &Route<U>) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        let authenticators = route.authenticators().collect();
        Self { method, path, authenticators, permission: route.permission().describe() }
    }

    /// Describes what stands outside of the guard by a visible word of the application.
    #[must_use]
    pub fn unguarded(path: &str) -> Self {
        let (method, path) = ("*".to_owned(), path.to_owned());
        Self { method, path, authenticators: Vec::new(), permission: "public".to_owned() }
    }

    /// Returns the method; `*` for all that have no row of their own. GET stands for HEAD, too.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path; `*` where a foreign router or the fallback answers.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the schemes that are asked, in order.
    #[must_use]
    pub fn authenticators(&self) -> &[&'static str] {
        &self.authenticators
    }

    /// Returns the permission in words.
    #[must_use]
    pub fn permission(&self) -> &str {
        &self.permission
    }
}

impl RouteTable {
    pub(super) fn push(&mut self, row: RouteRow) {
        self.0.push(row);
    }

    /// Lists the rows in the order in which they were registered.
    pub fn iter(&self) -> std::slice::Iter<'_, RouteRow> {
        self.0.iter()
    }

    /// Returns the permission of one method of a path as it was registered; `None` when there is no such row.
    #[must_use]
    pub fn permission(&self, method: &str, path: &str) -> Option<&str> {
        self.iter().find(|row| row.method == method && row.path == path).map(RouteRow::permission)
    }
}

impl<'a> IntoIterator for &'a RouteTable {
    type Item = &'a RouteRow;
    type IntoIter = std::slice::Iter<'a, RouteRow>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&RouteRow) -> usize| self.iter().map(text).max().unwrap_or(0);
        let method = width(|row| row.method.len());
        let path = width(|row| row.path.len());
        let schemes = width(|row| row.schemes().len());
        for row in self {
            let RouteRow { method: name, path: place, permission, .. } = row;
            writeln!(f, "{name:method$}  {place:path$}  {:schemes$}  {permission}", row.schemes())?;
        }
        Ok(())
    }
}

impl RouteRow {
    fn schemes(&self) -> String {
        if self.authenticators.is_empty() { "-".to_owned() } else { self.authenticators.join(", ") }
    }
}
