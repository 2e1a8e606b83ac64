//! What is deleted in steps: how far it is, for people at a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portcullis::Unavailable;
use portcullis::store::Purged;

use crate::failure::Failure;

/// How many rows one step deletes: few enough that no request waits long behind it.
const BATCH: u32 = 500;

/// Makes a bar, which is hidden where standard error is no terminal, and when asked.
pub(crate) fn bar(what: &'static str, length: Option<u64>, is_quiet: bool) -> ProgressBar {
    let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{msg} {wide_bar} {human_pos}/{human_len}, {per_sec}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}, {per_sec}, {elapsed}"),
    };
    bar.set_draw_target(target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Deletes in steps until nothing is left to delete, or `limit` is reached, and tells how much it was.
pub(crate) async fn drain(
    bar: ProgressBar,
    limit: Option<u64>,
    purge: impl AsyncFn(u32) -> Result<Purged, Unavailable>,
) -> Result<u64, Failure> {
    let mut deleted = 0;
    loop {
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(deleted));
        let batch = u32::try_from(left).unwrap_or(u32::MAX).min(BATCH);
        if batch == 0 {
            break;
        }
        match purge(batch).await {
            Ok(purged) => {
                deleted += purged.deleted;
                bar.set_position(deleted);
                if purged.is_done {
                    break;
                }
            }
            Err(outage) => {
                bar.finish_and_clear();
                let reason = outage.reason();
                return Err(Failure::Outage(format!("after {deleted} deleted: {reason}; run it again")));
            }
        }
    }
    bar.finish_and_clear();
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_purge_goes_on_until_nothing_is_left_or_the_limit_is_reached() {
        for (rows, limit, steps, name) in [
            (0, None, vec![500], "nothing to delete"),
            (1_200, None, vec![500, 500, 500], "until none is left"),
            (1_000, None, vec![500, 500, 500], "until none is seen to be left"),
            (1_200, Some(600), vec![500, 100], "up to the limit"),
            (1_200, Some(0), vec![], "nothing asked for"),
            (3, Some(600), vec![500], "less than the limit"),
        ] {
            let (left, asked) = (RefCell::new(rows), RefCell::new(Vec::new()));
            let purge = async |batch: u32| {
                asked.borrow_mut().push(batch);
                let count = u64::from(batch).min(*left.borrow());
                *left.borrow_mut() -= count;
                Ok(Purged::out_of(batch, count))
            };
            let deleted = drain(bar("deleting", limit, true), limit, purge).await.unwrap();
            assert_eq!(deleted, limit.unwrap_or(u64::MAX).min(rows), "{name}");
            assert_eq!(*asked.borrow(), steps, "{name}");
        }
    }

    #[tokio::test]
    async fn an_outage_says_how_far_it_came() {
        let first = RefCell::new(true);
        let purge = async |_| {
            if first.replace(false) { Ok(Purged::out_of(500, 500)) } else { Err(Unavailable::new("gone")) }
        };
        let failure = drain(bar("deleting", None, true), None, purge).await.unwrap_err();
        assert_eq!(
            (failure.code(), failure.message().as_str()),
            (3, "after 500 deleted: gone; run it again")
        );
    }
}
