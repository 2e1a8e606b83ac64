//! `portcullis migrate`: makes the tables, or brings them up to date.

use serde_json::json;

use crate::cli::Options;
use crate::failure::Failure;
use crate::output::Output;
use crate::{progress, store};

pub(crate) async fn run(options: &Options, output: &mut Output) -> Result<(), Failure> {
    let bar = progress::bar("migrating", None, options.quiet);
    let migrated = store::migrate(options.store()?).await;
    bar.finish_and_clear();
    migrated?;
    output.say("The tables are up to date.", &json!({ "migrated": true }))
}
