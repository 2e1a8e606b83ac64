//! The same application on each web framework.

mod actix;
mod axum;
mod hyper;

use tokio::net::TcpListener;

use crate::app::{Failure, Site};
use crate::cli::Framework;
use crate::views::hooks::Hooks;

/// Serves an application until the process is told to stop; `hooks` are for tests alone.
///
/// # Errors
///
/// What is wrong with a route, or what the operating system says.
pub async fn serve(
    framework: Framework,
    listener: TcpListener,
    site: Site,
    hooks: Option<Hooks>,
) -> Result<(), Failure> {
    match framework {
        Framework::Actix => actix::serve(listener, site, hooks).await,
        Framework::Axum => axum::serve(listener, site, hooks).await,
        Framework::Hyper => hyper::serve(listener, site, hooks).await,
    }
}
