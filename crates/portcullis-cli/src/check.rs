//! `portcullis check`: does the store answer, and how fast?

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use portcullis::store::{
    CounterStore, Limit, RefreshStore, SessionStore, StoreError, TokenStore as _, UserStore,
};
use portcullis::{Account, Digest, Timestamp};
use serde_json::json;

use crate::cli::Options;
use crate::failure::Failure;
use crate::output::{Output, Row};
use crate::store::Store;

const COLUMNS: &[&str] = &["PART", "ANSWERS", "MILLISECONDS", "WHY NOT"];

/// Looks up what nobody has, in each part of the store.
pub(crate) async fn run(options: &Options, output: &mut Output) -> Result<(), Failure> {
    let store = Store::open_all(options).await?;
    let nothing = nothing();
    let mut report = Report::default();
    // The first look-up opens the connection; those after it are what a request costs.
    let users: &dyn UserStore<Account> = &store.sql;
    report.add("connection", async { users.login("").await.map(drop) }).await;
    report.add("users", async { users.login("").await.map(drop) }).await;
    report.add("tokens", async { store.sql.token(&nothing).await.map(drop) }).await;
    match &store.redis {
        Some(redis) => report.add_records(redis).await,
        None => report.add_records(&store.sql).await,
    }
    output.table("parts", COLUMNS, report.rows)?;
    match report.failed {
        0 => Ok(()),
        failed => Err(Failure::Outage(format!(
            "parts of the store that do not answer: {failed}; is it reachable, and did `portcullis migrate` run?"
        ))),
    }
}

/// The digest of nobody's token or session.
fn nothing() -> Digest {
    Digest::of("portcullis check")
}

#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    failed: u32,
}

impl Report {
    /// Asks for what may lie in Redis.
    async fn add_records(&mut self, records: &(impl SessionStore + RefreshStore + CounterStore)) {
        let nothing = nothing();
        self.add("sessions", async { records.session(&nothing).await.map(drop) }).await;
        self.add("refresh tokens", async { records.refresh(&nothing).await.map(drop) }).await;
        // Of a counter that is not there nothing is given back, and none is made.
        let limit = Limit::new(NonZeroU32::MIN, Duration::from_secs(1));
        self.add("counters", records.give_back(&nothing, &limit, Timestamp::EPOCH)).await;
    }

    /// Times one question.
    async fn add(&mut self, part: &str, question: impl Future<Output = Result<(), StoreError>>) {
        let began = Instant::now();
        let why_not = question.await.err().map(|error| error.to_string());
        let milliseconds = format!("{:.2}", began.elapsed().as_secs_f64() * 1_000.0);
        self.failed += u32::from(why_not.is_some());
        let answers = if why_not.is_none() { "yes" } else { "no" };
        let cells = vec![
            part.to_owned(),
            answers.to_owned(),
            milliseconds.clone(),
            why_not.clone().unwrap_or_default(),
        ];
        let document = json!({
            "part": part,
            "answers": why_not.is_none(),
            "milliseconds": milliseconds.parse::<f64>().unwrap_or_default(),
            "why_not": why_not,
        });
        self.rows.push((cells, document));
    }
}
