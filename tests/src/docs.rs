//! The README and the chapters of the book: every Rust block in them compiles, and runs unless it says otherwise.
//!
//! `tests/docs.rs` sees to it that no chapter is missing here.

macro_rules! pages {
    ($($name:ident $path:literal)*) => {$(
        #[doc = include_str!(concat!("../../", $path))]
        #[derive(Debug)]
        pub struct $name;
    )*};
}

pages! {
    Readme "README.md"
    Introduction "docs/book/src/introduction.md"
    Quickstart "docs/book/src/quickstart.md"
    Users "docs/book/src/users.md"
    Authenticators "docs/book/src/authenticators.md"
    Tokens "docs/book/src/tokens.md"
    Sessions "docs/book/src/sessions.md"
    Csrf "docs/book/src/csrf.md"
    Jwt "docs/book/src/jwt.md"
    JwtKeys "docs/book/src/jwt-keys.md"
    JwtRefreshing "docs/book/src/jwt-refreshing.md"
    JwtRevocation "docs/book/src/jwt-revocation.md"
    RemoteUser "docs/book/src/remote-user.md"
    Permissions "docs/book/src/permissions.md"
    ObjectPermissions "docs/book/src/object-permissions.md"
    Errors "docs/book/src/errors.md"
    Events "docs/book/src/events.md"
    Stores "docs/book/src/stores.md"
    Postgresql "docs/book/src/postgresql.md"
    Redis "docs/book/src/redis.md"
    Endpoints "docs/book/src/endpoints.md"
    Testing "docs/book/src/testing.md"
    Axum "docs/book/src/axum.md"
    Actix "docs/book/src/actix.md"
    Hyper "docs/book/src/hyper.md"
    WritingAnAdapter "docs/book/src/writing-an-adapter.md"
    FromDrf "docs/book/src/from-drf.md"
    DrfDifferences "docs/book/src/drf-differences.md"
    Cors "docs/book/src/cors.md"
    Proxies "docs/book/src/proxies.md"
    Throttling "docs/book/src/throttling.md"
    Streams "docs/book/src/streams.md"
    OwnUser "docs/book/src/own-user.md"
    Rendering "docs/book/src/rendering.md"
    Cli "docs/book/src/cli.md"
    Purging "docs/book/src/purging.md"
    Stopping "docs/book/src/stopping.md"
    TokenForEveryone "docs/book/src/token-for-everyone.md"
    ImportedPasswords "docs/book/src/imported-passwords.md"
    Deployment "docs/book/src/deployment.md"
    Glossary "docs/book/src/glossary.md"
}
