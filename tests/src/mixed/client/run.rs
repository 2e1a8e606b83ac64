//! A run against one server, from the first login to the last.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::dice::Dice;
use super::lane::Lane;
use super::memory::Memory;
use super::pacer::Pacer;
use super::person::Person;
use super::server::Server;
use super::tally::{Counts, Failure, Kind, Tally};
use super::wire::Connection;
use crate::mixed::{Framework, Options, ServerOptions};
use crate::replay::Problem;

/// How many people share a connection: one after the other over HTTP/1.1, each with a stream of HTTP/2.
const PEOPLE_PER_CONNECTION: usize = 2;
const STREAMS: usize = 4;
const BETWEEN_SAMPLES: Duration = Duration::from_millis(500);
const SAMPLES_PER_LINE: u32 = 20;
/// What was under way when a client hung up has ended by then.
const STILL: Duration = Duration::from_millis(500);
/// How long leaving may take until somebody hangs: on a busy machine hundreds of people need a minute or two.
const GRACE: Duration = Duration::from_secs(300);

/// What came of a run against one server.
#[derive(Debug, Clone)]
pub struct Report {
    name: String,
    counts: Counts,
    took: Duration,
    /// The server's memory.
    pub memory: Memory,
}

impl Report {
    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.counts.total()
    }

    /// How often somebody was taken for somebody else, or let in who had to stay outside.
    #[must_use]
    pub const fn wrong_identities(&self) -> u64 {
        self.counts.wrong_identities
    }

    /// How many other answers were not the right ones.
    #[must_use]
    pub const fn errors(&self) -> u64 {
        self.counts.errors
    }

    /// What no client did: a run that leaves something out proves little.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let missing = Kind::ALL.iter().filter(|kind| !self.counts.requests.contains_key(kind));
        missing.map(|kind| format!("{kind:?}")).collect()
    }

    /// Tells whether nothing was wrong, nothing was left out and memory, where it is judged, was flat.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong_identities() == 0
            && self.errors() == 0
            && self.left_out().is_empty()
            && self.memory.is_flat() != Some(false)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs().max(1);
        let Counts { wrong_identities, errors, requests, told } = &self.counts;
        let rate = self.requests() / seconds;
        writeln!(
            f,
            "{}: {} requests in {seconds} s ({rate}/s), {wrong_identities} wrong identities, {errors} errors: {}",
            self.name,
            self.requests(),
            if self.is_good() { "good" } else { "FAILED" },
        )?;
        write!(f, "  memory: {}\n  requests:", self.memory)?;
        for (kind, count) in requests {
            write!(f, " {kind:?} {count}")?;
        }
        if !self.left_out().is_empty() {
            write!(f, "\n  LEFT OUT: {}", self.left_out().join(", "))?;
        }
        told.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Starts the server of a framework with this program, and drives it.
///
/// # Errors
///
/// When the server does not start, or ends; whatever else goes wrong is in the report.
pub async fn drive_process(
    program: &Path,
    framework: Framework,
    options: &Options,
) -> Result<Report, Problem> {
    let people = options.connections * people_per_connection(options);
    let server = Server::start(program, &ServerOptions { framework, store: options.store, people })?;
    drive(&framework.to_string(), server.address, server.id(), options).await
}

/// Drives a server that serves a site with enough people, in a process with this id.
///
/// # Errors
///
/// When the process has ended; whatever else goes wrong is in the report.
pub async fn drive(
    name: &str,
    address: SocketAddr,
    process: u32,
    options: &Options,
) -> Result<Report, Problem> {
    let rate = options.rate / u32::try_from(options.frameworks.len())?.max(1);
    let (pacer, tally) = (Arc::new(Pacer::new(rate)), Arc::new(Tally::default()));
    let whole = Duration::from_secs(options.seconds);
    let (begin, mut arriving) = (Instant::now(), JoinSet::new());
    for (number, (people, connection)) in crew(address, options).await?.into_iter().enumerate() {
        let dice = Dice::new(options.seed.wrapping_add(u64::try_from(number)? << 16));
        let lane = Lane::new(address, options.http2, Arc::clone(&pacer), Arc::clone(&tally), dice);
        arriving.spawn(arrive(lane.over(connection), people));
    }
    let arrived = arriving.join_all().await;
    let (start, mut clients) = (Instant::now(), JoinSet::new());
    for (lane, people) in arrived {
        clients.spawn(live(lane, people, start + whole));
    }
    let mut memory = Memory::new(whole);
    let mut samples = interval(BETWEEN_SAMPLES);
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = 0_u32;
    while start.elapsed() < whole {
        samples.tick().await;
        memory.add(start.elapsed(), Memory::of_process(process)?);
        taken += 1;
        if taken.is_multiple_of(SAMPLES_PER_LINE) {
            progress(name, start.elapsed(), &tally.read(), &memory);
        }
    }
    let ended = timeout(GRACE, async { while clients.join_next().await.is_some() {} }).await;
    ended.map_err(|_| Problem::new(format!("{name}: clients hang five minutes after the end")))?;
    Ok(Report { name: name.to_owned(), counts: tally.read(), took: begin.elapsed(), memory })
}

const fn people_per_connection(options: &Options) -> usize {
    if options.http2 { STREAMS } else { PEOPLE_PER_CONNECTION }
}

/// Who asks through what: the people of an HTTP/1.1 connection take turns, those of an HTTP/2 one have a stream each.
async fn crew(
    address: SocketAddr,
    options: &Options,
) -> Result<Vec<(Vec<Person>, Option<Connection>)>, Problem> {
    let mut crew = Vec::new();
    for connection in 0..options.connections {
        let numbers = (0..people_per_connection(options))
            .map(|place| connection * people_per_connection(options) + place);
        if options.http2 {
            let shared = Connection::open(address, true).await?;
            crew.extend(numbers.map(|number| (vec![Person::new(number)], shared.share())));
        } else {
            crew.push((numbers.map(Person::new).collect(), None));
        }
    }
    Ok(crew)
}

/// Arrives as each of some people.
async fn arrive(mut lane: Lane, mut people: Vec<Person>) -> (Lane, Vec<Person>) {
    for person in &mut people {
        let arrived = person.arrive(&mut lane).await;
        note(&lane, person, arrived);
    }
    (lane, people)
}

/// Lives as any of some people until a moment, and leaves as each.
async fn live(mut lane: Lane, mut people: Vec<Person>, until: Instant) {
    while Instant::now() < until {
        let place = lane.dice.below(u64::try_from(people.len()).unwrap_or(1));
        let Some(person) = usize::try_from(place).ok().and_then(|place| people.get_mut(place)) else {
            return;
        };
        let acted = person.act(&mut lane).await;
        note(&lane, person, acted);
    }
    sleep(STILL).await;
    for person in &mut people {
        let left = person.leave(&mut lane).await;
        note(&lane, person, left);
    }
}

/// Tells a failure, after which a person begins anew.
fn note(lane: &Lane, person: &mut Person, done: Result<(), Failure>) {
    if let Err(failure) = done {
        lane.failed(failure.during(&person.name));
        person.forget();
    }
}

fn progress(name: &str, elapsed: Duration, counts: &Counts, memory: &Memory) {
    // Nobody has to watch.
    let _ = writeln!(
        io::stderr(),
        "{name:8} {:5} s {:9} requests {:3} wrong identities {:3} errors {:7} KiB",
        elapsed.as_secs(),
        counts.total(),
        counts.wrong_identities,
        counts.errors,
        memory.last(),
    );
}
