//! The site on actix-web.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::rt::System;
use actix_web::{App, HttpServer};
use portcullis_actix::{Auth, MaybeAuth, Router, Routes, Seal, get, post, resource};

use super::announce;
use super::site::{Site, whoami};
use crate::mixed::ServerOptions;
use crate::replay::Problem;

/// Longer than a slow client rests: actix-web's own five seconds would look like a broken connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub(super) fn serve(listener: TcpListener, options: &ServerOptions) -> Result<(), Problem> {
    System::new().block_on(async {
        let site = Site::open(options.store, options.people).await?;
        actix_web::rt::spawn(site.clone().purge_for_ever());
        let routes = routes(&site)?;
        announce(&listener)?;
        let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
        Ok(HttpServer::new(app).keep_alive(KEEP_ALIVE).listen_auto_h2c(listener)?.run().await?)
    })
}

fn routes(site: &Site) -> Result<Routes, Problem> {
    let app = Router::new(site.guard.clone())
        .service(resource("/whoami").route(get().to(answer)).route(post().to(answer)))
        .service(site.sessions.endpoints("/session"))
        .service(site.tokens.endpoints("/token"))
        .service(site.jwt.endpoints("/jwt"));
    Ok(app.build()?)
}

async fn answer(auth: Auth, again: MaybeAuth, body: String) -> String {
    whoami(&auth, &again, &body).await
}
