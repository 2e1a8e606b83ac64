//! What was acknowledged, to be compared with what holds when the fault is over.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::act::{Login, Trouble, Visitor};

/// Everything that a site has promised.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Promises>);

#[derive(Debug, Default)]
struct Promises {
    ended_sessions: Vec<String>,
    open_sessions: Vec<Login>,
    revoked_tokens: Vec<String>,
    open_tokens: Vec<String>,
    ended_pairs: Vec<String>,
    families: Vec<Family>,
}

/// One login by pair: what was presented and acknowledged, and what is live.
#[derive(Debug, Clone)]
pub struct Family {
    /// The tokens that were exchanged, the newest last.
    pub used: Vec<String>,
    /// The one that was given last.
    pub last: String,
    /// Whether it was not presented in vain since: an exchange without an answer may have happened.
    pub is_certain: bool,
}

/// How many promises were broken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Sessions and pairs that were logged out and are good again.
    pub logouts: u64,
    /// Opaque tokens that were revoked and are good again.
    pub revocations: u64,
    /// Refresh tokens that were exchanged and are good again, or whose successor is not.
    pub rotations: u64,
    /// Sessions and opaque tokens that were given and are not known.
    pub logins: u64,
    /// How many promises were compared.
    pub compared: u64,
}

impl Lost {
    /// How many there are in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.logouts + self.revocations + self.rotations + self.logins
    }
}

impl Journal {
    pub(super) fn ended_session(&self, login: &Login) {
        self.lock().ended_sessions.push(login.credential());
    }

    pub(super) fn open_session(&self, login: Login) {
        self.lock().open_sessions.push(login);
    }

    pub(super) fn revoked_token(&self, token: String) {
        self.lock().revoked_tokens.push(token);
    }

    pub(super) fn open_token(&self, token: String) {
        self.lock().open_tokens.push(token);
    }

    pub(super) fn ended_pair(&self, refresh: String) {
        self.lock().ended_pairs.push(refresh);
    }

    pub(super) fn family(&self, family: Family) {
        self.lock().families.push(family);
    }

    /// The newest credentials that have ended, for somebody to try again at once.
    pub(super) fn newest_ended(&self) -> Vec<String> {
        let promises = self.lock();
        let session = promises.ended_sessions.last().cloned();
        let token = promises.revoked_tokens.last().map(|token| format!("Token {token}"));
        session.into_iter().chain(token).collect()
    }

    /// Compares every promise with what the site answers now.
    ///
    /// # Errors
    ///
    /// The trouble, when the site is not well.
    pub async fn compare(&self, visitor: &Visitor) -> Result<Lost, Trouble> {
        let promises = std::mem::take(&mut *self.lock());
        let mut lost = Lost::default();
        for credential in &promises.ended_sessions {
            lost.logouts += u64::from(is_good(visitor, credential).await?);
        }
        for login in &promises.open_sessions {
            lost.logins += u64::from(!is_good(visitor, &login.credential()).await?);
        }
        for token in &promises.revoked_tokens {
            lost.revocations += u64::from(is_good(visitor, &format!("Token {token}")).await?);
        }
        for token in &promises.open_tokens {
            lost.logins += u64::from(!is_good(visitor, &format!("Token {token}")).await?);
        }
        for refresh in &promises.ended_pairs {
            lost.logouts += u64::from(is_exchanged(visitor, refresh).await?);
        }
        for family in &promises.families {
            lost.rotations += u64::from(!holds(visitor, family).await?);
        }
        let compared = promises.ended_sessions.len()
            + promises.open_sessions.len()
            + promises.revoked_tokens.len()
            + promises.open_tokens.len()
            + promises.ended_pairs.len()
            + promises.families.len();
        Ok(Lost { compared: u64::try_from(compared).unwrap_or(u64::MAX), ..lost })
    }

    fn lock(&self) -> MutexGuard<'_, Promises> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn is_good(visitor: &Visitor, credential: &str) -> Result<bool, Trouble> {
    match visitor.ask("/closed", credential).await {
        Ok(name) => Ok(name == visitor.name()),
        Err(Trouble::Refused(_)) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

async fn is_exchanged(visitor: &Visitor, refresh: &str) -> Result<bool, Trouble> {
    match visitor.refresh(refresh).await {
        Ok(_) => Ok(true),
        Err(Trouble::Refused(_)) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// The successor is good where nothing was left open, and whatever was exchanged before is refused.
async fn holds(visitor: &Visitor, family: &Family) -> Result<bool, Trouble> {
    let is_last_good = is_exchanged(visitor, &family.last).await?;
    if family.is_certain && !is_last_good {
        return Ok(false);
    }
    for used in family.used.iter().rev() {
        if is_exchanged(visitor, used).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use portcullis::store::MemoryStore;

    use super::*;
    use crate::faults::{Door, World};

    #[tokio::test]
    async fn whatever_was_promised_and_does_not_hold_is_counted() {
        let world = World::on(MemoryStore::new()).unwrap();
        world.somebody("john").await.unwrap();
        let john = Visitor::new(&Door::Here(world.app), "john");
        let journal = Journal::default();
        // Said to have ended, and never ended.
        journal.ended_session(&john.log_in().await.unwrap());
        journal.revoked_token(john.issue().await.unwrap());
        journal.ended_pair(john.pair().await.unwrap().1);
        // Said to have been exchanged, and never exchanged.
        let (_, used) = john.pair().await.unwrap();
        let (_, last) = john.pair().await.unwrap();
        journal.family(Family { used: vec![used], last, is_certain: true });
        // Said to be good, and ended.
        let gone = john.log_in().await.unwrap();
        john.log_out(&gone).await.unwrap();
        journal.open_session(gone);
        let lost = journal.compare(&john).await.unwrap();
        let wanted = Lost { logouts: 2, revocations: 1, rotations: 1, logins: 1, compared: 5 };
        assert_eq!(lost, wanted);
        assert_eq!(journal.compare(&john).await.unwrap(), Lost::default(), "each promise is compared once");
    }
}
