//! The contract of an adapter: the same requests, the same answers, whatever the framework.
//!
//! 1. The author of an adapter mounts one table of routes with the adapter's own router and extractors, and writes
//!    [`Adapter`]: how a request gets in and an answer out. A row that was forgotten, or says something else, breaks the
//!    clause `the_table_at_start_up_is_the_documented_one`.
//! 2. Every answer is compared as a whole: status, body and every header that Portcullis sets. Time stands still and
//!    randomness comes from a seed, so that nothing is left out; of a secret the length and the alphabet are compared.
//! 3. It needs no runtime, and nothing of an adapter has to be `Send`.
//!
//! # The routes
//!
//! All stand behind [`World::guard`]. What says nothing asks the default. A handler answers with text unless told; for a
//! framework without extractors [`handle`] is all of them.
//!
//! | route | says | the handler |
//! |---|---|---|
//! | `GET /whoami` | | takes `Auth`: the username |
//! | `GET /scheme` | | takes `Auth`: [`scheme`] |
//! | `GET`, `POST /maybe` | `public` | takes `MaybeAuth`: the username or `nobody` |
//! | `GET /open` | `require(AllowAny)` | takes `Auth`: the username |
//! | `POST`, `PUT /echo` | | the body as it comes |
//! | `POST /pieces` | | in how many pieces the body comes |
//! | any method `/any` | | the method |
//! | `GET`, any other method `/both` | | the method |
//! | `PATCH`, `TRACE /rare` | `authenticate_with(`[`World::tokens`]`.authenticator())` | `rare` |
//! | `GET /staff` | `require(IsAdminUser)` | `staff` |
//! | `GET /local` | `require(`[`IsLocal`]`)` | `local` |
//! | `GET /mixed` | `public`, declared apart from the next | `read` |
//! | `POST /mixed` | `require(IsAdminUser)` | `written` |
//! | `GET /throttled` | `throttle(`[`World::throttle`]`)` | `counted` |
//! | `GET /free` | `public`, `without_throttles` | `free` |
//! | a scope `/few` | twice `throttle(`[`World::scope_throttle`]`)` | |
//! | `GET /few/silent` | `public` | `silent` |
//! | `GET`, `PUT /notes/{id}` | `require(IsAuthenticated & `[`IsOwner`]`)` | takes `Authorized<Note>` of a type around [`Note`] ([`Note::find`] by `id`; the loader answers 410, `gone` for `101` by `Rejection::answer`), PUT a `String` in JSON, too: the number, then the string after a space |
//! | `GET`, `POST /unchecked` | `require(`[`IsOwner`]`)` | `a note` |
//! | `GET /checked` | `require(`[`IsOwner`]`)` | takes `Auth`, checks note 1: `a note` |
//! | `GET /swallowed` | `require(`[`IsOwner`]`)` | takes `Auth`, checks note 2, ignores the error: `a note` |
//! | `GET`, `POST /listed` | `require(`[`IsOwner`]`)`, `without_object` | takes `Auth`, asks `allows` for notes 1 and 2: `true false` |
//! | `GET /owed/{kind}` | `require(`[`IsOwner`]`)` | takes `MaybeAuth`: the status that [`owe`] tells, and `location: /notes/1` |
//! | `GET /failing/{kind}` | | returns [`failure`] of `kind` as a `Rejection` |
//! | `GET /teapot` | | returns `Rejection::answer`: 418, `teapot` |
//! | `GET /count` | | takes `Session`: [`count`] |
//! | `GET /count-and-fail` | | [`count`], then answers 502, `failed` |
//! | `GET /count-and-refuse` | | [`count`], then answers 404, `refused` |
//! | `GET /count-and-panic` | | [`count`], then panics |
//! | `GET /count-and-wait` | | [`count`], then never answers |
//! | `POST /cycle` | | takes `Session`: `cycle_id`, then `cycled` |
//! | `POST /log-out-and-fail` | | takes `Session`: `log_out`, then answers 500, `failed` |
//! | `GET /visit` | `public` | takes `Session`: `a session` |
//! | `GET /member/auth` | | takes `Auth<`[`Member`]`>` |
//! | `GET /member/maybe` | `public` | takes `MaybeAuth<`[`Member`]`>` |
//! | `GET /member/session` | | takes `Session<`[`Member`]`>` |
//! | a scope `/strict` | `require(IsAdminUser)` | |
//! | `GET /strict` | | `strict` |
//! | `GET /strict/loose` | `public` | `loose` |
//! | `GET /strict/listed` | `without_object` | `listed` |
//! | a scope `/strict/inner` in it | | |
//! | `GET /strict/inner/deep` | | `deep` |
//! | `GET /strict/inner/path` | `require(`[`SeesFullPath`]`)` | `path` |
//! | [`World::sessions`]`.endpoints("/session")` | | |
//! | [`World::tokens`]`.endpoints("/tokens")` | | |
//! | [`World::tokens`]`.obtain_endpoint("/obtain")` | | |
//! | with [`World::has_fallback`] all of it | `require(IsAdminUser)` | |
//! | with [`World::has_fallback`] all else | | `fallback` |
//!
//! And without the guard, by the framework's own router: `GET /unguarded/auth`, `/unguarded/maybe`,
//! `/unguarded/session`, `/unguarded/note`, whose handlers take `Auth`, `MaybeAuth`, `Session` and `Authorized<Note>`.
//!
//! # Examples
//!
//! Portcullis' own adapters run it in a test each, `tests/suite.rs` in their crates. In outline:
//!
//! ```
//! use std::net::IpAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use portcullis::routing::RouteTable;
//! use portcullis_testing::suite::adapter::{self, Adapter, Pieces, World};
//! # type Router = ();
//!
//! struct Mine(RouteTable, Router);
//!
//! impl Adapter for Mine {
//!     fn table(&self) -> RouteTable {
//!         self.0.clone()
//!     }
//!
//!     async fn send(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
//!         // Give it to the router, with the peer where the framework looks for it; collect the body.
//! #       let _ = (request, peer, &self.1);
//! #       Response::default()
//!     }
//! }
//!
//! async fn mount(world: &World) -> Mine {
//!     // Router::new(world.guard()).route("/whoami", get(whoami)) and so on, then its table.
//! #   let _ = world.guard();
//! #   Mine(RouteTable::default(), ())
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let broken = adapter::run(mount).await.unwrap_err(); // nothing is mounted yet
//! assert!(broken.to_string().contains("GET /whoami"));
//! # });
//! ```

mod answer;
mod body;
mod handler;
mod identity;
mod object;
mod pieces;
mod route;
mod session;
mod setting;
mod stage;
mod store;
mod target;
mod world;

use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, Response};
use portcullis::routing::RouteTable;

pub use handler::{Member, count, failure, handle, owe, scheme};
pub use pieces::Pieces;
pub use world::{IsLocal, IsOwner, Note, SeesFullPath, World};

use self::stage::{Clause, Stage};
use self::world::Setting;
use super::Broken;
use super::stage::{Failure, clauses};

/// An application of one framework with the routes of [`adapter`](self).
///
/// # Examples
///
/// See [`adapter`](self).
pub trait Adapter {
    /// Lists what every route asks, as the adapter's own router tells it.
    fn table(&self) -> RouteTable;

    /// Serves one request of a connection from `peer`, as the framework's server would.
    ///
    /// The body comes in pieces, and what is not asked for is not read. What stands in the request's extensions is forged: a framework with extensions of its own gets it, too, where
    /// their types meet. The answer to HEAD has no body: where the framework's server takes it off, so does this. A handler
    /// that panics is the server's business: the panic passes through.
    fn send(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> impl Future<Output = Response<Bytes>>;
}

/// Runs the contract; `mount` mounts the routes of [`adapter`](self) each time it is called.
///
/// # Examples
///
/// See [`adapter`](self).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold, and the rows that were answered otherwise.
pub async fn run<A: Adapter>(mount: impl AsyncFn(&World) -> A) -> Result<(), Broken> {
    let mut broken = Vec::new();
    for (setting, (name, check)) in all::<A>() {
        if let Err(failure) = hold(&mount, setting, check).await {
            broken.push((name, failure.into_text()));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Broken(broken)) }
}

/// Runs one clause in a world of its own.
async fn hold<A: Adapter>(
    mount: &impl AsyncFn(&World) -> A,
    setting: Setting,
    check: for<'a> fn(&'a Stage<A>) -> futures_util::future::LocalBoxFuture<'a, Result<(), Failure>>,
) -> Result<(), Failure> {
    let world = World::new(setting).await?;
    let adapter = mount(&world).await;
    check(&Stage { world, adapter }).await
}

fn all<A: Adapter>() -> Vec<(Setting, Clause<A>)> {
    [&route::clauses()[..], &target::clauses(), &identity::clauses(), &object::clauses()]
        .into_iter()
        .chain([&session::clauses()[..], &body::clauses()])
        .flatten()
        .map(|clause| (Setting::Usual, *clause))
        .chain(setting::clauses())
        .collect()
}
