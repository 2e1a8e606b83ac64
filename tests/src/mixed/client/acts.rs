//! What a person does next, and what must come of it.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::lane::Lane;
use super::person::{Person, Way};
use super::request::{Credential, With};
use super::request::{altered, basic, bearer, cookie, get, post, post_json, token};
use super::tally::{Failure, Kind};
use super::wire::Content;

/// The ways, as often as a service meets them.
const WAYS: [(u64, Way); 4] = [(30, Way::Jwt), (28, Way::Session), (25, Way::Token), (17, Way::Basic)];
const ACTS: [(u64, Act); 9] = [
    (64, Act::Ask),
    (10, Act::Upload),
    (5, Act::AskAsNobody),
    (6, Act::AskWrongly),
    (5, Act::AskTooLate),
    (3, Act::ComeAgain),
    (2, Act::Refresh),
    (2, Act::ChangeToken),
    (3, Act::HangUp),
];
const LONGEST_UPLOAD: u64 = 40_000;

#[derive(Debug, Clone, Copy)]
enum Act {
    Ask,
    Upload,
    AskAsNobody,
    AskWrongly,
    AskTooLate,
    ComeAgain,
    Refresh,
    ChangeToken,
    HangUp,
}

impl Person {
    /// Says in each way who it is, with as much as it ever sends: so the server's buffers have grown when memory counts.
    pub(super) async fn arrive(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        for (_, way) in WAYS {
            let text = self.essay(LONGEST_UPLOAD);
            self.upload(lane, way, &text).await?;
        }
        Ok(())
    }

    /// Does one thing; the failure says during which.
    pub(super) async fn act(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let act = lane.dice.pick(&ACTS).unwrap_or(Act::Ask);
        let done = match act {
            Act::Ask => self.ask(lane).await,
            Act::Upload => {
                let way = lane.dice.pick(&WAYS).unwrap_or(Way::Basic);
                let text = self.essay(lane.dice.below(LONGEST_UPLOAD));
                self.upload(lane, way, &text).await
            }
            Act::AskAsNobody => refused(lane, Kind::Nobody, None, "nothing").await,
            Act::AskWrongly => self.ask_wrongly(lane).await,
            Act::AskTooLate => self.ask_too_late(lane).await,
            Act::ComeAgain => self.come_again(lane).await,
            Act::Refresh => self.refresh_twice(lane).await,
            Act::ChangeToken => self.revoke(lane).await,
            Act::HangUp => self.hang_up(lane).await,
        };
        done.map_err(|failure| failure.during(&format!("{act:?}")))
    }

    async fn ask(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let way = lane.dice.pick(&WAYS).unwrap_or(Way::Basic);
        let credential = self.credential(lane, way).await?;
        let answer = lane.ask(way.kind(), get("/whoami").with([credential])).await?;
        answer.must_name(&self.name, way.scheme(), "")
    }

    async fn upload(&mut self, lane: &mut Lane, way: Way, text: &str) -> Result<(), Failure> {
        let credential = self.credential(lane, way).await?;
        let proof = self.proof(lane, way).await?;
        let request = post("/whoami", Content::whole(text)).with([credential]).with(proof);
        lane.ask(Kind::Upload, request).await?.must_name(&self.name, way.scheme(), text)
    }

    /// A text of about some length that nobody else writes.
    fn essay(&self, length: u64) -> String {
        let sentence = format!("{} was here. ", self.name);
        sentence.repeat(usize::try_from(length).unwrap_or(0) / sentence.len() + 1)
    }

    async fn ask_too_late(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        match self.ended(lane) {
            Some(ended) => refused(lane, Kind::Ended, Some(ended.credential), ended.why).await,
            None => Ok(()),
        }
    }

    async fn ask_wrongly(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let (credential, why) = match lane.dice.below(8) {
            0 => (basic(&self.name, "another password")?, "a wrong password"),
            1 => (basic(&format!("{}0", self.name), &self.password)?, "another's name"),
            2 => (token(&altered(&self.issued(lane).await?))?, "an altered token"),
            3 => (cookie(&altered(&self.session(lane).await?))?, "an altered cookie"),
            4 => (bearer(&altered(&self.fresh_pair(lane).await?.access))?, "an altered access token"),
            5 => (bearer(&self.fresh_pair(lane).await?.refresh)?, "a refresh token for an access token"),
            6 => return self.forge(lane).await,
            _ => return self.log_in_wrongly(lane).await,
        };
        refused(lane, Kind::Wrong, Some(credential), why).await
    }

    /// Sends a form as another site's page would.
    async fn forge(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let session = self.credential(lane, Way::Session).await?;
        let mut request = post("/whoami", Content::whole("a=b")).with([session]);
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        lane.ask(Kind::Wrong, request).await?.must_refuse(StatusCode::FORBIDDEN, "a forged form")
    }

    async fn log_in_wrongly(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let wrong = json!({ "username": self.name, "password": "another password" });
        let answer = lane.ask(Kind::Wrong, post_json("/jwt", &wrong)).await?;
        answer.must_refuse(StatusCode::UNAUTHORIZED, "a wrong password")
    }

    /// Logs out and in, or logs in over the session there is; the old one is dead at once.
    async fn come_again(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let old = self.credential(lane, Way::Session).await?;
        if lane.dice.below(2) == 0 {
            self.log_out(lane).await?;
        }
        self.log_in(lane).await?;
        refused(lane, Kind::Ended, Some(old), "the session before").await
    }

    /// Refreshes the pair; now and then shows the old refresh token once more, which ends the login.
    async fn refresh_twice(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let old = self.fresh_pair(lane).await?;
        let new = self.refresh(lane).await?;
        if new.continues(&old) && lane.dice.below(4) == 0 {
            for (pair, why) in [(&old, "a refresh token that was used"), (&new, "that of an ended login")] {
                let answer = lane.ask(Kind::Ended, Self::refresh_request(pair)).await?;
                answer.must_refuse(StatusCode::UNAUTHORIZED, why)?;
            }
            self.pair = None;
        }
        Ok(())
    }

    /// Sends something and does not wait for what comes of it.
    async fn hang_up(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        let request = match lane.dice.below(8) {
            0 => {
                self.lost_sessions = true;
                self.login_request()
            }
            1 => {
                self.lost_tokens = true;
                self.issue_request()
            }
            2 => self.obtain_request(),
            3 => {
                let request = Self::refresh_request(&self.fresh_pair(lane).await?);
                self.pair = None;
                request
            }
            4 => {
                let request = self.logout_request(lane).await?;
                (self.cookie, self.lost_sessions) = (None, true);
                request
            }
            5 => {
                let own = self.credential(lane, Way::Token).await?;
                (self.token, self.lost_tokens) = (None, true);
                post_json("/token/revoke", &json!({})).with([own])
            }
            place => {
                let way = lane.dice.pick(&WAYS).unwrap_or(Way::Basic);
                let credential = self.credential(lane, way).await?;
                let proof = self.proof(lane, way).await?;
                let text = self.essay(lane.dice.below(LONGEST_UPLOAD));
                let content = if place == 6 { Content::half(&text) } else { Content::whole(&text) };
                post("/whoami", content).with([credential]).with(proof)
            }
        };
        lane.ask_and_go(request).await
    }

    /// Ends all that it has; there must be nothing else, and nothing may be good any more.
    pub(super) async fn leave(&mut self, lane: &mut Lane) -> Result<(), Failure> {
        // A login that was given up may have come through after the next one had tidied up.
        (self.lost_sessions, self.lost_tokens) = (true, true);
        self.log_in(lane).await?;
        if self.token.is_some() {
            self.revoke(lane).await?;
        }
        let session = self.credential(lane, Way::Session).await?;
        lane.ask(Kind::Tidy, get("/session").with([session.clone()])).await?.must_list_one()?;
        self.log_out(lane).await?;
        refused(lane, Kind::Ended, Some(session), "the last session").await?;

        let own = self.credential(lane, Way::Token).await?;
        lane.ask(Kind::Tidy, get("/token").with([own.clone()])).await?.must_list_one()?;
        self.revoke(lane).await?;
        refused(lane, Kind::Ended, Some(own), "the last token").await?;

        let pair = self.fresh_pair(lane).await?;
        let revoke = post_json("/jwt/revoke", &json!({ "refresh": pair.refresh }));
        lane.ask(Kind::Revoke, revoke).await?.must_be(StatusCode::OK)?;
        let answer = lane.ask(Kind::Ended, Self::refresh_request(&pair)).await?;
        answer.must_refuse(StatusCode::UNAUTHORIZED, "a refresh token that was revoked")
    }
}

/// Asks with something that must not let anybody in.
async fn refused(
    lane: &mut Lane,
    kind: Kind,
    credential: Option<Credential>,
    why: &'static str,
) -> Result<(), Failure> {
    let answer = lane.ask(kind, get("/whoami").with(credential)).await?;
    answer.must_refuse(StatusCode::UNAUTHORIZED, why)
}
