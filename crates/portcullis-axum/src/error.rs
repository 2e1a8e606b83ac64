//! What is wrong with a router, told when it is built.

use http::Method;
use portcullis::GuardError;

/// A router that could never work, or not as it reads.
///
/// # Examples
///
/// ```
/// use portcullis_axum::{Router, get};
/// use portcullis_axum::portcullis::{Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
/// let twice: Router = Router::new(guard).route("/", get(|| async {})).route("/", get(|| async {}));
/// assert_eq!(twice.into_router(()).unwrap_err().to_string(), "GET / is routed twice");
/// # Ok::<(), portcullis_axum::portcullis::GuardError>(())
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The policy of a route can never work.
    #[error("{path}: {source}")]
    Policy {
        /// The path of the route.
        path: String,
        /// What is wrong with it.
        source: GuardError,
    },
    /// A path cannot be routed, or no other beside it.
    #[error("{path}: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One method of one path has two handlers.
    #[error("{method} {path} is routed twice")]
    Twice {
        /// The method; `*` for `any`.
        method: String,
        /// The path.
        path: String,
    },
    /// A method was added after a word about the policy of the route.
    #[error(
        "{0}: a method comes after a word about the policy, which holds for all methods: say it last, or give the method a `.route` of its own"
    )]
    PolicyBeforeMethod(String),
    /// axum cannot route this method by itself.
    #[error("{method} {path}: axum cannot route this method: use `any`")]
    UnknownMethod {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// Two routers that were put together have a fallback each, or one that is nested has one.
    #[error("one router has one fallback, and it is the outermost router's")]
    Fallback,
}
