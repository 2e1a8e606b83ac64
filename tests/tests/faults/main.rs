//! What happens when the store fails: each fault on every store that it concerns, with the people of
//! [`portcullis_tests::faults::Load`] at the site. `tests/run --faults` makes a table of the figures.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "whatever fails ends the test"
)]

mod cancel;
mod clock;
mod nodes;
mod noticed;
mod servers;
mod sqlite;
mod stand;
