//! Truth tables and laws of compositions, and one table per permission.

mod compose;
mod single;

use std::any::Any;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Uri};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::{Account, Identity, Scheme, Unavailable, UserId};

/// How a test writes a decision: the order is that of three-valued logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Deny,
    NeedsObject,
    Allow,
}

const KINDS: [Kind; 3] = [Kind::Deny, Kind::NeedsObject, Kind::Allow];

impl Kind {
    fn decision(self) -> Decision {
        match self {
            Self::Allow => Decision::Allow,
            Self::Deny => Decision::deny("a part's own text"),
            Self::NeedsObject => Decision::NeedsObject,
        }
    }

    fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow => Self::Allow,
            Decision::Deny(_) => Self::Deny,
            Decision::NeedsObject => Self::NeedsObject,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::Allow => Self::Deny,
            Self::NeedsObject => Self::NeedsObject,
            Self::Deny => Self::Allow,
        }
    }
}

/// A permission that says what it is told, at once or after a wait.
#[derive(Debug, Clone)]
struct Says {
    decision: Decision,
    waits: bool,
}

impl Permission for Says {
    fn check<'a>(&'a self, _: &'a AuthRequest<'a>) -> Verdict<'a> {
        say(&self.decision, self.waits)
    }
}

/// An object permission that says what it is told in each phase.
#[derive(Debug, Clone)]
struct SaysOfObject {
    request: Decision,
    object: Decision,
    waits: bool,
}

impl ObjectPermission for SaysOfObject {
    type Object = Book;

    fn check<'a>(&'a self, _: &'a AuthRequest<'a>) -> Verdict<'a> {
        say(&self.request, self.waits)
    }

    fn check_object<'a>(&'a self, _: &'a AuthRequest<'a>, _: &'a Book) -> Verdict<'a> {
        say(&self.object, self.waits)
    }
}

fn say(decision: &Decision, waits: bool) -> Verdict<'_> {
    if !waits {
        return decision.clone().into();
    }
    Verdict::wait(async move {
        tokio::task::yield_now().await;
        Ok(decision.clone())
    })
}

#[derive(Debug)]
struct Book {
    owner: UserId,
}

/// The example of the documentation, whose methods drop every lifetime.
struct IsOwnerOrReadOnly;

impl ObjectPermission for IsOwnerOrReadOnly {
    type Object = Book;

    #[expect(elided_lifetimes_in_paths, reason = "users write it this way")]
    fn check_object(&self, request: &AuthRequest, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.is_safe() || request.user().is_some_and(|user| user.id == book.owner))
            .into()
    }
}

struct IsJohn;

impl Permission for IsJohn {
    #[expect(elided_lifetimes_in_paths, reason = "users write it this way")]
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.username == "john")).into()
    }
}

fn request<T>(method: &Method, identity: Option<&Identity>, ask: impl FnOnce(&AuthRequest<'_>) -> T) -> T {
    let (uri, headers) = (Uri::from_static("/api/books"), HeaderMap::new());
    ask(&AuthRequest::new(method, &uri, &headers, identity, None))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).build().unwrap()).block_on(future)
}

/// Decides by the method and the identity, and in the second phase by an object.
fn decide(
    permissions: &Permissions,
    method: &Method,
    identity: Option<&Identity>,
    object: Option<&(dyn Any + Send + Sync)>,
) -> Result<Decision, Unavailable> {
    request(method, identity, |request| match object {
        None => block_on(permissions.check(request)),
        Some(object) => block_on(permissions.check_object(request, object)),
    })
}

fn permissions<M>(permission: impl IntoPermission<Account, M>) -> Permissions {
    Permissions::new(permission).unwrap()
}

fn identity(change: impl FnOnce(&mut Account)) -> Identity {
    let mut account = Account::new(1, "john");
    change(&mut account);
    Identity::new(Arc::new(account), Scheme::TOKEN)
}

fn john() -> Identity {
    identity(|_| {})
}

fn mary() -> Identity {
    identity(|mary| {
        mary.groups.insert("Authors".into());
        mary.codenames.extend(["books.add_book".into(), "books.change_book".into()]);
    })
}

fn staff() -> Identity {
    identity(|ada| ada.is_staff = true)
}

fn root() -> Identity {
    identity(|root| root.is_superuser = true)
}

fn inactive(identity: &Identity) -> Identity {
    let mut account = Account::clone(identity.user());
    account.is_active = false;
    Identity::new(Arc::new(account), Scheme::TOKEN)
}
