//! The site on axum.

use std::net::{SocketAddr, TcpListener};

use portcullis_axum::{Auth, MaybeAuth, Router, get};
use tokio::runtime::Runtime;

use super::announce;
use super::site::{Site, whoami};
use crate::mixed::ServerOptions;
use crate::replay::Problem;

pub(super) fn serve(listener: TcpListener, options: &ServerOptions) -> Result<(), Problem> {
    Runtime::new()?.block_on(async {
        let site = Site::open(options.store, options.people).await?;
        tokio::spawn(site.clone().purge_for_ever());
        let app = router(&site)?.into_make_service_with_connect_info::<SocketAddr>();
        announce(&listener)?;
        Ok(axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?)
    })
}

fn router(site: &Site) -> Result<axum::Router, Problem> {
    let app = Router::new(site.guard.clone())
        .route("/whoami", get(answer).post(answer))
        .merge(site.sessions.endpoints("/session"))
        .merge(site.tokens.endpoints("/token"))
        .merge(site.jwt.endpoints("/jwt"));
    Ok(app.into_router(())?)
}

async fn answer(auth: Auth, again: MaybeAuth, body: String) -> String {
    whoami(&auth, &again, &body).await
}
