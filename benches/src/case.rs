//! The cases and their targets.

use std::fmt;

use http::{HeaderName, StatusCode};
use portcullis::permission::{IsAdminUser, IsAuthenticated, IsSuperuser, ModelPermissions, permission_fn};
use portcullis::{Account, AuthRequest, Decision, Guard, Permissions, RequestHead};

use crate::server::{Sent, Serve, bare, by_hand, core, direct, guarded, nothing, permission};
use crate::world::{Outcome, World, authorization, cookie, request};
use crate::{frameworks, jwt};

/// A request, and who serves it.
pub struct Case {
    /// What it is called, in tables and in the file of instructions.
    pub name: String,
    /// Makes the request.
    pub request: Box<dyn Fn() -> Sent>,
    /// Serves it without authentication.
    pub base: Serve,
    /// Serves it with Portcullis.
    pub ours: Serve,
    /// Serves it as written by hand.
    pub peer: Option<Serve>,
    /// Serves it in the thinnest code that could be written.
    pub limit: Option<Serve>,
    /// Serves it as the base, and checks its signature: what the back end takes depends on the CPU.
    pub signature: Option<Serve>,
    /// What ours must answer.
    pub status: StatusCode,
    /// What must hold.
    pub target: Target,
}

/// What must hold of the difference between ours and the base.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target {
    /// At most so many nanoseconds more.
    pub nanoseconds: Option<f64>,
    /// At most so many allocations more.
    pub allocations: Option<i64>,
    /// At most so much of what the peer adds.
    pub of_peer: Option<f64>,
    /// At most so much of what the limit adds.
    pub of_limit: Option<f64>,
}

impl Target {
    pub(crate) const fn new(nanoseconds: f64, allocations: i64) -> Self {
        Self { nanoseconds: Some(nanoseconds), allocations: Some(allocations), ..Self::NONE }
    }

    pub(crate) const NONE: Self =
        Self { nanoseconds: None, allocations: None, of_peer: None, of_limit: None };
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("target", &self.target).finish_non_exhaustive()
    }
}

/// A credential and the guard that reads it.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) credential: Option<(HeaderName, String)>,
    pub(crate) guard: Guard,
    pub(crate) status: StatusCode,
    pub(crate) in_axum: Target,
}

/// Makes every case; the first ones serve in axum, then come the core alone and permissions alone.
///
/// # Errors
///
/// When the world cannot be set up.
pub fn cases() -> Outcome<Vec<Case>> {
    let world = World::new()?;
    let rows = rows(&world)?;
    let mut cases = Vec::new();
    for row in &rows {
        let credential = row.credential.clone();
        cases.push(Case {
            name: format!("axum: {}", row.name),
            request: Box::new(move || make(&credential)),
            base: bare(),
            ours: guarded(row.guard.clone())?,
            peer: matches!(
                row.name.as_str(),
                "token" | "nothing sent" | "garbage scheme" | "garbage token of 7 KiB" | "unknown token"
            )
            .then(|| by_hand(&world.token)),
            limit: None,
            signature: None,
            status: row.status,
            target: row.in_axum,
        });
    }
    for row in rows {
        let Row { name, credential, guard, status, .. } = row;
        cases.push(Case {
            name: format!("core: {name}"),
            request: Box::new(move || make(&credential)),
            base: nothing(),
            ours: core(&guard)?,
            peer: None,
            limit: None,
            signature: None,
            status,
            target: Target::NONE,
        });
    }
    cases.extend(permissions()?);
    cases.extend(jwt::cases(&world)?);
    cases.extend(frameworks::cases(&world)?);
    Ok(cases)
}

pub(crate) fn make(credential: &Option<(HeaderName, String)>) -> Sent {
    Sent::Http(request(credential.as_ref().map(|(name, value)| (name.clone(), value.as_str()))))
}

fn rows(world: &World) -> Outcome<Vec<Row>> {
    let tokens = world.guard().authenticate(world.tokens.authenticator()).build()?;
    let sessions = world.guard().authenticate(world.sessions.authenticator()).build()?;
    let both = world
        .guard()
        .authenticate(world.tokens.authenticator())
        .authenticate(world.sessions.authenticator())
        .build()?;
    let remote = HeaderName::from_static("x-remote-user");
    let chain = world
        .guard()
        .authenticate(world.users.basic())
        .authenticate(world.sessions.authenticator())
        .authenticate(world.users.remote_user(remote, ["127.0.0.0/8"])?)
        .authenticate(world.tokens.authenticator())
        .build()?;
    let (ok, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    let row = |name: &str, credential, guard: &Guard, status, nanoseconds, allocations| Row {
        name: name.to_owned(),
        credential,
        guard: guard.clone(),
        status,
        in_axum: Target::new(nanoseconds, allocations),
    };
    let token = |value: &str| authorization(&format!("Token {value}"));
    let long = "x".repeat(7 * 1024);
    let mut rows = vec![
        row("session", cookie(&world.cookie), &sessions, ok, 860.0, 10),
        row("token", token(&world.token), &tokens, ok, 610.0, 9),
        row("session behind token", cookie(&world.cookie), &both, ok, 920.0, 10),
        row("token last of four", token(&world.token), &chain, ok, 790.0, 9),
        row("nothing sent", None, &both, refused, 100.0, 2),
        row("garbage scheme", authorization("Nonsense abc"), &both, refused, 100.0, 2),
        row("garbage token", token("abc"), &both, refused, 100.0, 2),
        row("garbage token of 7 KiB", token(&long), &both, refused, 100.0, 2),
        row("garbage cookie", cookie("__Host-session=x y"), &both, refused, 600.0, 2),
        row("unknown token", token(&world.unknown_token), &both, refused, 600.0, 3),
        row("unknown session", cookie(&world.unknown_cookie), &both, refused, 600.0, 5),
    ];
    for row in &mut rows {
        if row.name == "token" {
            row.in_axum.of_peer = Some(1.0);
        }
    }
    Ok(rows)
}

fn permissions() -> Outcome<Vec<Case>> {
    let add_book = || {
        permission_fn(|request: &AuthRequest<'_>| {
            Decision::allow_if(
                request.user().is_some_and(|user| portcullis::User::has_codename(&**user, "books.add_book")),
            )
        })
    };
    let composed = (IsAuthenticated & !IsAdminUser & add_book()) | IsSuperuser;
    let rows = [
        ("8 codenames", Permissions::new(add_book())?, 8),
        ("1000 codenames", Permissions::new(add_book())?, 1_000),
        ("model permissions", Permissions::new(ModelPermissions::new("books", "book").with_view())?, 8),
        ("composition of four", Permissions::new(composed)?, 8),
    ];
    let mut cases = Vec::new();
    for (name, permissions, codenames) in rows {
        cases.push(Case {
            name: format!("permission: {name}"),
            request: Box::new(|| make(&None)),
            base: nothing_decided(),
            ours: permission(permissions, holder(codenames)),
            peer: None,
            limit: None,
            signature: None,
            status: StatusCode::OK,
            target: Target::new(50.0, 0),
        });
    }
    Ok(cases)
}

/// What a permission is measured against: the same head, and nobody asked.
pub(crate) fn nothing_decided() -> Serve {
    direct(|request| {
        let (parts, _body) = request.into_parts();
        std::hint::black_box(RequestHead::new(&parts, None));
        StatusCode::OK
    })
}

fn holder(codenames: u32) -> Account {
    let mut account = Account::new(1, "john");
    account.codenames = (2..codenames).map(|number| format!("books.act{number}_book")).collect();
    account.codenames.extend(["books.add_book".to_owned(), "books.view_book".to_owned()]);
    account
}
