//! Which route asks what: to print at start-up, and to assert in a test.

use std::fmt;

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
/// use portcullis_axum::{Router, get};
/// use portcullis_axum::portcullis::{Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
/// let router: Router = Router::new(guard)
///     .route("/books", get(|| async {}))
///     .route("/health", get(|| async {}).public());
/// let table = router.table()?;
/// println!("{table}");
/// assert_eq!(table.permission("GET", "/books"), Some("IsAuthenticated"));
/// assert_eq!(table.permission("GET", "/health"), Some("AllowAny"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable(Vec<RouteRow>);

impl RouteRow {
    pub(crate) fn new(
        method: &str,
        path: &str,
        authenticators: Vec<&'static str>,
        permission: String,
    ) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), authenticators, permission }
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
    pub(crate) const fn new(rows: Vec<RouteRow>) -> Self {
        Self(rows)
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
