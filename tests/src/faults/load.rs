//! The people who use a site while it fails, at a bounded rate, each judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::act::{Answer, Login, Trouble, Visitor};
use super::door::Door;
use super::journal::{Family, Journal, Lost};
use super::row::Row;
use super::tally::{Limits, Tally};
use super::world::World;
use crate::replay::Problem;

/// Whose credentials are good all the time, and whose ended before.
const GOOD: &str = "john";
const ENDED: &str = "mary";
/// Who comes and goes.
const GUEST: &str = "guest";
const PACE: Duration = Duration::from_millis(40);
const PATHS: [&str; 2] = ["/closed", "/optional"];
/// Well formed, and nobody's.
const UNKNOWN_SESSION: &str = "Session 0123456789abcdefghijklmnopqrstuv";

/// A site in use.
#[derive(Debug)]
pub struct Load {
    people: JoinSet<()>,
    shared: Arc<Shared>,
    tasks: usize,
}

#[derive(Debug)]
struct Shared {
    pace: Duration,
    doors: Vec<Door>,
    turn: AtomicUsize,
    ends: AtomicBool,
    tally: Tally,
    journal: Journal,
    good: Vec<(&'static str, String)>,
    ended: Vec<(&'static str, String)>,
}

/// What a run has shown.
#[derive(Debug)]
pub struct Outcome {
    shared: Arc<Shared>,
    /// Promises that were broken.
    pub lost: Lost,
    /// Tasks that are left of it.
    pub left: usize,
    back: Option<Duration>,
}

impl Load {
    /// What has to succeed once when a fault is over.
    pub const KINDS: [&'static str; 9] =
        ["session", "token", "jwt", "log in", "log out", "issue", "revoke", "pair", "refresh"];
    /// What succeeds as long as the store can be read.
    pub const LOOKS: [&'static str; 3] = ["session", "token", "jwt"];

    /// Makes the people at a healthy site, and lets them begin, each through any of the doors in turn.
    ///
    /// # Errors
    ///
    /// When somebody cannot be made, or log in.
    pub async fn start(world: &World, doors: &[Door]) -> Result<Self, Problem> {
        Self::start_at(PACE, world, doors).await
    }

    /// As [`start`](Self::start), with another rest between two acts of one of them.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_at(pace: Duration, world: &World, doors: &[Door]) -> Result<Self, Problem> {
        for name in [GOOD, ENDED, GUEST] {
            world.somebody(name).await?;
        }
        let door = Door::Here(world.app.clone());
        let good = credentials(&Visitor::new(&door, GOOD)).await.map_err(problem)?;
        let mut ended = credentials(&Visitor::new(&door, ENDED)).await.map_err(problem)?;
        if let Some(mary) = world.users.find_by_name(ENDED).await? {
            world.users.deactivate(&mary.id).await?;
        }
        let guest = Visitor::new(&door, GUEST);
        let login = guest.log_in().await.map_err(problem)?;
        guest.log_out(&login).await.map_err(problem)?;
        // Every connection has been used now: whatever drives one is there.
        let tasks = alive_tasks();
        ended.push(("unknown session", UNKNOWN_SESSION.to_owned()));
        let shared = Arc::new(Shared {
            pace,
            doors: doors.to_vec(),
            turn: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
            tally: Tally::default(),
            journal: Journal::default(),
            good,
            ended,
        });
        let mut people = JoinSet::new();
        people.spawn(read(Arc::clone(&shared)));
        people.spawn(try_ended(Arc::clone(&shared)));
        people.spawn(come_and_go(Arc::clone(&shared)));
        people.spawn(hold_tokens(Arc::clone(&shared)));
        people.spawn(hold_pairs(Arc::clone(&shared)));
        people.spawn(race(Arc::clone(&shared)));
        Ok(Self { people, shared, tasks })
    }

    /// The judge.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// Says that the server is back, and waits until everything in a list has succeeded, at most ten seconds.
    pub async fn wait_until_back(&self, kinds: &[&str]) -> Option<Duration> {
        self.shared.tally.mark_back();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if let Some(after) = self.shared.tally.back_after(kinds) {
                return Some(after);
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Lets everybody finish, compares what was promised through a door, and counts what is left over.
    ///
    /// # Errors
    ///
    /// When the site cannot be asked any more.
    pub async fn stop(mut self, back: Option<Duration>, door: &Door) -> Result<Outcome, Problem> {
        self.shared.ends.store(true, Ordering::SeqCst);
        while let Some(ended) = self.people.join_next().await {
            ended?;
        }
        let lost = self.shared.journal.compare(&Visitor::new(door, GUEST)).await.map_err(problem)?;
        let began = Instant::now();
        while alive_tasks() > self.tasks && began.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(20)).await;
        }
        let left = alive_tasks().saturating_sub(self.tasks);
        Ok(Outcome { shared: self.shared, lost, left, back })
    }
}

impl Outcome {
    /// Fills the row of a fault.
    #[must_use]
    pub fn row(&self, fault: &str, store: &str, limits: &Limits) -> Row {
        let counts = self.shared.tally.counts();
        let row = Row::new(fault, store)
            .with("asked", counts.answers)
            .with("503", counts.outages)
            .with("let in", counts.let_ins)
            .with("refused or nobody", counts.refused + counts.nobody + counts.other)
            .with_time("longest look-up (ms)", counts.longest_look)
            .with("promises broken", format!("{} of {}", self.lost.total(), self.lost.compared))
            .with("two winners", counts.double_winners)
            .with("left over", self.left.saturating_sub(limits.keeps));
        // Where nothing is insisted on, nothing was measured.
        let row = if limits.keeps == usize::MAX { row.with("left over", "-") } else { row };
        match self.back {
            Some(back) => row.with_time("back after (ms)", back),
            None => row,
        }
    }

    /// Lists what no fault excuses, and what the limits were exceeded by; nothing when all is well.
    #[must_use]
    pub fn wrongs(&self, limits: &Limits) -> Vec<String> {
        let counts = self.shared.tally.counts();
        let look = limits.store + limits.allowance;
        // An act asks the store several times, and a step before the one that failed may have been slow.
        let act = look * 3;
        let back = self.back.unwrap_or_default();
        let rows = [
            (counts.let_ins > 0, format!("{} let in", counts.let_ins)),
            (counts.double_winners > 0, format!("{} double winners", counts.double_winners)),
            (counts.refused > 0 && !limits.forgets, format!("{} good credentials refused", counts.refused)),
            (
                counts.nobody > 0 && !limits.forgets,
                format!("{} good credentials taken for nobody", counts.nobody),
            ),
            (counts.other > 0, format!("{} answers that may not be", counts.other)),
            (counts.longest_look > look, format!("a look-up took {:?}", counts.longest_look)),
            (counts.longest_act > act, format!("an act took {:?}", counts.longest_act)),
            (back > limits.back, format!("it took {back:?} to be back")),
            (self.lost.total() > 0 && !limits.forgets, format!("{:?}", self.lost)),
            (self.lost.compared == 0, "nothing was compared".to_owned()),
            (self.left > limits.keeps, format!("{} tasks are left", self.left)),
        ];
        let wrongs: Vec<_> =
            rows.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what).collect();
        if wrongs.is_empty() { wrongs } else { wrongs.into_iter().chain(counts.told).collect() }
    }

    /// How many answers were 503.
    #[must_use]
    pub fn outages(&self) -> u64 {
        self.shared.tally.counts().outages
    }
}

impl Shared {
    fn visitor(&self, name: &str) -> Visitor {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let door = self.doors.iter().cycle().nth(turn % self.doors.len().max(1));
        Visitor::new(door.unwrap_or(&Door::Closed), name)
    }

    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::SeqCst)
    }

    /// Does something that must succeed or be an outage.
    async fn must<T>(&self, kind: &'static str, act: impl Future<Output = Answer<T>>) -> Answer<T> {
        let began = Instant::now();
        let answer = act.await;
        self.tally.act(kind, &answer, began.elapsed());
        answer
    }
}

/// The tasks of this runtime.
#[must_use]
pub fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn problem(trouble: Trouble) -> Problem {
    Problem::new(format!("{trouble:?}"))
}

async fn credentials(visitor: &Visitor) -> Answer<Vec<(&'static str, String)>> {
    let session = visitor.log_in().await?.credential();
    let token = format!("Token {}", visitor.issue().await?);
    let access = format!("Bearer {}", visitor.pair().await?.0);
    Ok(vec![("session", session), ("token", token), ("jwt", access)])
}

/// Somebody whose credentials are good, on both routes, all at once: one that waits holds up no other.
async fn read(shared: Arc<Shared>) {
    while shared.goes_on() {
        let asked = shared.good.iter().flat_map(|good| PATHS.map(|path| (good, path)));
        let asked = asked.map(async |((kind, credential), path)| {
            let began = Instant::now();
            let answer = shared.visitor(GOOD).ask(path, credential).await;
            shared.tally.good(kind, path, &answer, GOOD, began.elapsed());
        });
        join_all(asked).await;
        sleep(shared.pace).await;
    }
}

/// Somebody whose credentials have ended: long ago, or just now.
async fn try_ended(shared: Arc<Shared>) {
    while shared.goes_on() {
        let newest = shared.journal.newest_ended().into_iter().map(|credential| ("ended", credential));
        let all: Vec<_> = shared.ended.iter().cloned().chain(newest).collect();
        let asked = all.iter().flat_map(|ended| PATHS.map(|path| (ended, path)));
        let asked = asked.map(async |((kind, credential), path)| {
            let began = Instant::now();
            let answer = shared.visitor(GUEST).ask(path, credential).await;
            shared.tally.bad(kind, path, &answer, began.elapsed());
        });
        join_all(asked).await;
        sleep(shared.pace).await;
    }
}

/// Logs in, keeps something, and logs out, but for every fourth time.
async fn come_and_go(shared: Arc<Shared>) {
    let mut times = 0;
    while shared.goes_on() {
        sleep(shared.pace).await;
        times += 1;
        let Ok(login) = shared.must("log in", shared.visitor(GUEST).log_in()).await else { continue };
        let _ = shared.must("note", shared.visitor(GUEST).note(&login, "kept")).await;
        if times % 4 == 0 {
            shared.journal.open_session(login);
        } else if log_out(&shared, &login).await.is_ok() {
            shared.journal.ended_session(&login);
        }
    }
}

/// Logs out, and once more where the answer was lost: then a refusal says that it had happened.
async fn log_out(shared: &Shared, login: &Login) -> Answer<()> {
    let first = shared.must("log out", shared.visitor(GUEST).log_out(login)).await;
    match first {
        Err(Trouble::Outage | Trouble::Lost) => {
            let began = Instant::now();
            let second = shared.visitor(GUEST).log_out(login).await;
            shared.tally.try_act(&second, began.elapsed());
            if let Err(Trouble::Refused(_)) = second { Ok(()) } else { second }
        }
        first => first,
    }
}

/// Takes an opaque token and gives it up, but for every fourth.
async fn hold_tokens(shared: Arc<Shared>) {
    let mut times = 0;
    while shared.goes_on() {
        sleep(shared.pace).await;
        times += 1;
        let Ok(token) = shared.must("issue", shared.visitor(GUEST).issue()).await else { continue };
        // A user has a hundred tokens at most, and the oldest go.
        if times % 4 == 0 && times < 300 {
            shared.journal.open_token(token);
        } else if shared.must("revoke", shared.visitor(GUEST).revoke(&token)).await.is_ok() {
            shared.journal.revoked_token(token);
        }
    }
}

/// Takes a pair, exchanges it a few times, and now and then logs out.
async fn hold_pairs(shared: Arc<Shared>) {
    let mut times = 0;
    while shared.goes_on() {
        sleep(shared.pace).await;
        times += 1;
        let Ok((_, last)) = shared.must("pair", shared.visitor(GUEST).pair()).await else { continue };
        let mut family = Family { used: Vec::new(), last, is_certain: true };
        for _ in 0..3 {
            let Ok(next) = shared.must("refresh", shared.visitor(GUEST).refresh(&family.last)).await else {
                family.is_certain = false;
                break;
            };
            family.used.push(std::mem::replace(&mut family.last, next));
        }
        if times % 3 == 0 && family.is_certain {
            if shared.must("end", shared.visitor(GUEST).end(&family.last)).await.is_ok() {
                shared.journal.ended_pair(family.last);
            }
        } else {
            shared.journal.family(family);
        }
    }
}

/// Four use one refresh token at once: at most one is given another.
async fn race(shared: Arc<Shared>) {
    while shared.goes_on() {
        sleep(shared.pace * 2).await;
        let Ok((_, token)) = shared.must("pair", shared.visitor(GUEST).pair()).await else { continue };
        let all = join_all((0..4).map(async |_| {
            let began = Instant::now();
            let answer = shared.visitor(GUEST).refresh(&token).await;
            shared.tally.try_act(&answer, began.elapsed());
            answer
        }));
        let winners = all.await.into_iter().filter(Result::is_ok).count();
        if winners > 1 {
            shared.tally.double_winner(format!("{winners} were given a successor of one token"));
        }
    }
}
