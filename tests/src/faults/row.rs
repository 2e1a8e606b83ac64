//! One line of figures for each fault, which `tests/run --faults` puts in a table.

use std::time::Duration;

/// The figures of one fault on one store; what does not apply is a dash.
#[derive(Debug, Clone)]
pub struct Row {
    cells: Vec<String>,
}

impl Row {
    /// Begins the row of a fault on a store; the other cells are dashes.
    #[must_use]
    pub fn new(fault: &str, store: &str) -> Self {
        let mut cells = vec!["-".to_owned(); Self::COLUMNS.len()];
        for (cell, text) in cells.iter_mut().zip([fault, store]) {
            text.clone_into(cell);
        }
        Self { cells }
    }

    /// What stands above the table.
    pub const COLUMNS: [&'static str; 11] = [
        "fault",
        "store",
        "asked",
        "503",
        "let in",
        "refused or nobody",
        "longest look-up (ms)",
        "back after (ms)",
        "promises broken",
        "two winners",
        "left over",
    ];

    /// Fills one column.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a figure or a text, made for this")]
    pub fn with(mut self, column: &str, value: impl ToString) -> Self {
        let place = Self::COLUMNS.iter().position(|name| *name == column);
        if let Some(cell) = place.and_then(|place| self.cells.get_mut(place)) {
            *cell = value.to_string();
        }
        self
    }

    /// Fills one column with a time.
    #[must_use]
    pub fn with_time(self, column: &str, time: Duration) -> Self {
        self.with(column, time.as_millis())
    }

    /// Prints it, for the table.
    pub fn print(&self) {
        // The harness may have begun a line.
        eprintln!("\nCOLUMNS\t{}\nFAULT\t{}", Self::COLUMNS.join("\t"), self.cells.join("\t"));
    }
}
