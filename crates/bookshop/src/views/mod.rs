//! The views: what an API answers once Portcullis has let somebody in.

pub mod books;
pub mod hooks;
pub mod metadata;
pub mod session;
pub mod throttled;
pub mod title;
pub mod whoami;
