//! Codenames by method, as Django's model permissions have them.
//!
//! 1. POST asks for `app.add_model`, PUT and PATCH for `app.change_model`, DELETE for `app.delete_model`; GET, HEAD and
//!    OPTIONS for nothing, or for `app.view_model` where told so (DRF `perms_map`).
//! 2. A method outside the map is denied (DRF raises 405 there; a guard answers 405 itself once it has let in).
//! 3. An active superuser holds every codename, an inactive user none (Django `ModelBackend.has_perm`).
//! 4. On an object, a refusal is 404 where the user may not read it, else 403 (DRF `DjangoObjectPermissions`). Without
//!    an answer to who holds what on which object, only superusers hold anything (Django `ModelBackend` with an object).

use std::fmt;
use std::marker::PhantomData;

use http::Method;

use super::verdict::{Decision, Verdict};
use super::{ObjectPermission, Permission};
use crate::error::Denial;
use crate::request::AuthRequest;
use crate::user::{Account, User};

/// Allows everyone who is known what their codenames say: DRF's `DjangoModelPermissions`.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Account, AuthRequest, Decision, Denial, Identity, ModelPermissions, Permission, Scheme};
///
/// let mut mary = Account::new(2, "mary");
/// mary.codenames.insert("books.add_book".into());
/// let mary = Identity::new(Arc::new(mary), Scheme::TOKEN);
///
/// let permission = ModelPermissions::new("books", "book");
/// for (method, decision) in
///     [("GET", Decision::Allow), ("POST", Decision::Allow), ("DELETE", Denial::default().into())]
/// {
///     let (parts, ()) = http::Request::builder().method(method).body(()).unwrap().into_parts();
///     let request = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, Some(&mary), None);
///     assert_eq!(permission.check(&request).decided(), Some(&decision), "{method}");
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ModelPermissions(Codenames);

impl ModelPermissions {
    /// Names the application and the model, as the codenames spell them.
    #[must_use]
    pub fn new(app: &str, model: &str) -> Self {
        Self(Codenames::new(app, model))
    }

    /// Asks for `view_model` on safe methods.
    #[must_use]
    pub fn with_view(self) -> Self {
        Self(self.0.with_view())
    }
}

impl<U: User> Permission<U> for ModelPermissions {
    fn needs_identity(&self) -> bool {
        true
    }

    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        Decision::allow_if(request.identity().is_some() && self.0.allow(request)).into()
    }

    fn name(&self) -> String {
        format!("ModelPermissions({})", self.0)
    }
}

/// As [`ModelPermissions`], and reading is open to nobody, too: DRF's `DjangoModelPermissionsOrAnonReadOnly`.
///
/// # Examples
///
/// ```
/// use portcullis::permission::ModelPermissionsOrAnonReadOnly;
/// use portcullis::{Account, AuthRequest, Decision, Permission};
///
/// let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
/// let request = AuthRequest::<Account>::new(&parts.method, &parts.uri, &parts.headers, None, None);
/// let permission = ModelPermissionsOrAnonReadOnly::new("books", "book");
/// assert_eq!(permission.check(&request).decided(), Some(&Decision::Allow));
/// ```
#[derive(Debug, Clone)]
pub struct ModelPermissionsOrAnonReadOnly(Codenames);

impl ModelPermissionsOrAnonReadOnly {
    /// Names the application and the model, as the codenames spell them.
    #[must_use]
    pub fn new(app: &str, model: &str) -> Self {
        Self(Codenames::new(app, model))
    }
}

impl<U: User> Permission<U> for ModelPermissionsOrAnonReadOnly {
    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        Decision::allow_if(self.0.allow(request)).into()
    }

    fn name(&self) -> String {
        format!("ModelPermissionsOrAnonReadOnly({})", self.0)
    }
}

/// Answers whether a user holds a codename on one object.
///
/// See [`ModelObjectPermissions`] for an example.
pub trait ObjectCodenames<O, U = Account>: Send + Sync + 'static {
    /// Allows where the user holds the codename on the object.
    ///
    /// Superusers are not asked about, inactive users neither. Only the kind of the decision counts: whatever is not
    /// Allow means that the user does not hold it.
    ///
    /// # Security
    ///
    /// A wrong Allow gives the act on this object away.
    fn holds<'a>(&'a self, user: &'a U, codename: &'a str, object: &'a O) -> Verdict<'a>;
}

/// Lets nobody hold anything on an object, as Django does unless told otherwise.
///
/// See [`ModelObjectPermissions`].
#[derive(Debug, Clone, Copy)]
pub struct NoObjectCodenames;

impl<O, U> ObjectCodenames<O, U> for NoObjectCodenames {
    fn holds<'a>(&'a self, _: &'a U, _: &'a str, _: &'a O) -> Verdict<'a> {
        Decision::allow_if(false).into()
    }
}

/// As [`ModelPermissions`], and the codename must be held on the object, too: DRF's `DjangoObjectPermissions`.
///
/// # Examples
///
/// ```
/// use portcullis::permission::{ModelObjectPermissions, ObjectCodenames};
/// use portcullis::{Account, Decision, Permissions, UserId, Verdict};
///
/// struct Book {
///     owner: UserId,
/// }
///
/// struct Ownership;
///
/// impl ObjectCodenames<Book> for Ownership {
///     fn holds(&self, user: &Account, _codename: &str, book: &Book) -> Verdict<'_> {
///         Decision::allow_if(user.id == book.owner).into()
///     }
/// }
///
/// let permission = ModelObjectPermissions::<Book>::new("books", "book").with_codenames(Ownership);
/// assert!(Permissions::<Account>::new(permission)?.looks_at_objects());
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
pub struct ModelObjectPermissions<O, C = NoObjectCodenames> {
    codenames: Codenames,
    holders: C,
    object: PhantomData<fn(&O)>,
}

impl<O> ModelObjectPermissions<O> {
    /// Names the application and the model, as the codenames spell them; only superusers hold anything yet.
    #[must_use]
    pub fn new(app: &str, model: &str) -> Self {
        Self { codenames: Codenames::new(app, model), holders: NoObjectCodenames, object: PhantomData }
    }
}

impl<O, C> ModelObjectPermissions<O, C> {
    /// Asks for `view_model` on safe methods; who does not hold it on an object learns only 404.
    #[must_use]
    pub fn with_view(self) -> Self {
        Self { codenames: self.codenames.with_view(), ..self }
    }

    /// Says who holds what on which object.
    #[must_use]
    pub fn with_codenames<D>(self, holders: D) -> ModelObjectPermissions<O, D> {
        ModelObjectPermissions { codenames: self.codenames, holders, object: PhantomData }
    }
}

impl<O, U, C> ObjectPermission<U> for ModelObjectPermissions<O, C>
where
    O: Send + Sync + 'static,
    U: User,
    C: ObjectCodenames<O, U>,
{
    type Object = O;

    fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a> {
        if request.identity().is_none() || !self.codenames.allow(request) {
            return Decision::allow_if(false).into();
        }
        match self.codenames.required(request.method()) {
            Required::Nothing => Decision::Allow.into(),
            Required::Codename(_) | Required::Unmapped => Decision::NeedsObject.into(),
        }
    }

    fn check_object<'a>(&'a self, request: &'a AuthRequest<'a, U>, object: &'a O) -> Verdict<'a> {
        let Some(user) = request.user() else { return Decision::allow_if(false).into() };
        self.holds(user, self.codenames.required(request.method()), object).then(move |decision| {
            if decision == Decision::Allow {
                return decision.into();
            }
            if request.is_safe() {
                return Decision::Deny(Denial::default().hide()).into();
            }
            self.holds(user, self.codenames.required(&Method::GET), object).then(|may_read| {
                let denial = Denial::default();
                Decision::Deny(if may_read == Decision::Allow { denial } else { denial.hide() }).into()
            })
        })
    }

    fn name(&self) -> String {
        format!("ModelObjectPermissions({})", self.codenames)
    }
}

impl<O, C> ModelObjectPermissions<O, C> {
    fn holds<'a, U: User>(&'a self, user: &'a U, required: Required<'a>, object: &'a O) -> Verdict<'a>
    where
        C: ObjectCodenames<O, U>,
    {
        match required {
            Required::Nothing => Decision::Allow.into(),
            Required::Unmapped => Decision::allow_if(false).into(),
            Required::Codename(_) if !user.is_active() => Decision::allow_if(false).into(),
            Required::Codename(_) if user.is_superuser() => Decision::Allow.into(),
            Required::Codename(codename) => self.holders.holds(user, codename, object),
        }
    }
}

impl<O, C> fmt::Debug for ModelObjectPermissions<O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelObjectPermissions({})", self.codenames)
    }
}

/// The codenames of one model, spelled out once.
#[derive(Debug, Clone)]
struct Codenames {
    model: Box<str>,
    add: Box<str>,
    change: Box<str>,
    delete: Box<str>,
    view: Box<str>,
    asks_view: bool,
}

#[derive(Clone, Copy)]
enum Required<'a> {
    Nothing,
    Codename(&'a str),
    Unmapped,
}

impl Codenames {
    fn new(app: &str, model: &str) -> Self {
        let codename = |act| format!("{app}.{act}_{model}").into();
        Self {
            model: format!("{app}.{model}").into(),
            add: codename("add"),
            change: codename("change"),
            delete: codename("delete"),
            view: codename("view"),
            asks_view: false,
        }
    }

    fn with_view(self) -> Self {
        Self { asks_view: true, ..self }
    }

    fn required(&self, method: &Method) -> Required<'_> {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS if self.asks_view => Required::Codename(&self.view),
            Method::GET | Method::HEAD | Method::OPTIONS => Required::Nothing,
            Method::POST => Required::Codename(&self.add),
            Method::PUT | Method::PATCH => Required::Codename(&self.change),
            Method::DELETE => Required::Codename(&self.delete),
            _ => Required::Unmapped,
        }
    }

    fn allow<U: User>(&self, request: &AuthRequest<'_, U>) -> bool {
        match self.required(request.method()) {
            Required::Nothing => true,
            Required::Unmapped => false,
            Required::Codename(codename) => request
                .user()
                .is_some_and(|user| user.is_active() && (user.is_superuser() || user.has_codename(codename))),
        }
    }
}

impl fmt::Display for Codenames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model)
    }
}
