//! What one client asks through: a connection that comes again, the pace, the tally and the dice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;

use super::dice::Dice;
use super::judge::Answer;
use super::pacer::Pacer;
use super::tally::{Failure, Kind, Tally};
use super::wire::{Connection, Content};
use crate::replay::Problem;

/// After how long at most a client that gives up has hung up: about as long as an answer takes.
const PATIENCE_OF_THE_RUDE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Lane {
    address: SocketAddr,
    http2: bool,
    connection: Option<Connection>,
    pacer: Arc<Pacer>,
    tally: Arc<Tally>,
    pub(super) dice: Dice,
}

impl Lane {
    pub(super) const fn new(
        address: SocketAddr,
        http2: bool,
        pacer: Arc<Pacer>,
        tally: Arc<Tally>,
        dice: Dice,
    ) -> Self {
        Self { address, http2, connection: None, pacer, tally, dice }
    }

    /// Asks through a stream of this connection from now on.
    pub(super) fn over(self, connection: Option<Connection>) -> Self {
        Self { connection, ..self }
    }

    /// Asks in turn; a connection that breaks is an error, and the next request opens another.
    pub(super) async fn ask(&mut self, kind: Kind, request: Request<Content>) -> Result<Answer, Failure> {
        let mut connection = self.turn(kind).await?;
        let answer = connection.send(request).await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// Asks, and hangs up before the answer; nobody knows what became of the request.
    pub(super) async fn ask_and_go(&mut self, request: Request<Content>) -> Result<(), Failure> {
        let connection = self.turn(Kind::Dropped).await?;
        let after = self.dice.up_to(PATIENCE_OF_THE_RUDE);
        self.connection = connection.abandon(request, after).await;
        Ok(())
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.tally.failed(failure);
    }

    async fn turn(&mut self, kind: Kind) -> Result<Connection, Problem> {
        self.pacer.turn().await;
        self.tally.asked(kind);
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(self.address, self.http2).await,
        }
    }
}
