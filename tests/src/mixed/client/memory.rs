//! The resident memory of a server over a run, and whether it is flat.
//!
//! 1. The most in the last quarter of a run is compared with the most in the second: the first is for what is kept for
//!    half a minute (rows of refresh tokens) and for the allocator. Before it begins everybody has sent what is longest,
//!    so that the buffers of all connections have grown.
//! 2. It may be a twentieth and 2 MiB more. Arenas of several threads come and go by hundreds of KiB; a run of
//!    half an hour has 600,000 requests between the two at a third of the usual rate, so that six bytes lost with each
//!    show. In a minute it takes 150: a row of a session or a token that is not deleted.
//! 3. A run of less than 40 seconds says nothing about memory.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::replay::Problem;

const SHORTEST: Duration = Duration::from_secs(40);
const ALLOWANCE_KIB: u64 = 2048;
/// One part of so many may be added.
const PART: u64 = 20;

/// The samples of a run.
///
/// ```
/// use std::time::Duration;
/// use portcullis_tests::mixed::Memory;
///
/// let mut memory = Memory::new(Duration::from_secs(60));
/// for (second, kib) in [(5, 9_000), (20, 10_000), (40, 12_000), (50, 20_000)] {
///     memory.add(Duration::from_secs(second), kib);
/// }
/// assert_eq!(memory.is_flat(), Some(false));
/// ```
#[derive(Debug, Clone)]
pub struct Memory {
    whole: Duration,
    samples: Vec<(Duration, u64)>,
}

impl Memory {
    /// Begins a run of this length.
    #[must_use]
    pub const fn new(whole: Duration) -> Self {
        Self { whole, samples: Vec::new() }
    }

    /// Adds how many KiB there were at a moment of the run.
    pub fn add(&mut self, at: Duration, kib: u64) {
        self.samples.push((at, kib));
    }

    /// Reads how many KiB of a process are resident now.
    ///
    /// # Errors
    ///
    /// When there is no such process, or no `/proc`.
    pub fn of_process(id: u32) -> Result<u64, Problem> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        resident(&status).ok_or_else(|| Problem::new(format!("process {id} has ended")))
    }

    /// Tells whether it is flat; `None` for a run that is too short to tell.
    #[must_use]
    pub fn is_flat(&self) -> Option<bool> {
        if self.whole < SHORTEST {
            return None;
        }
        let [_, second, _, last] = self.quarters();
        Some(
            matches!((second, last), (Some(second), Some(last)) if last <= second + second / PART + ALLOWANCE_KIB),
        )
    }

    /// The last sample in KiB.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.samples.last().map_or(0, |(_, kib)| *kib)
    }

    /// The most of each quarter, in KiB.
    #[must_use]
    pub fn quarters(&self) -> [Option<u64>; 4] {
        let quarter = self.whole / 4;
        [0, 1, 2, 3].map(|index| {
            let (from, to) = (quarter * index, quarter * (index + 1));
            let own = self.samples.iter().filter(|(at, _)| from <= *at && *at < to);
            own.map(|(_, kib)| *kib).max()
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the most in each quarter:")?;
        for most in self.quarters() {
            match most {
                Some(kib) => write!(f, " {}.{}", kib / 1024, kib % 1024 * 10 / 1024)?,
                None => write!(f, " -")?,
            }
        }
        f.write_str(match self.is_flat() {
            Some(true) => " MiB: flat",
            Some(false) => " MiB: IT GROWS",
            None => " MiB, not judged below 40 s",
        })
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_flat_when_the_last_quarter_is_like_the_second() {
        let second = Duration::from_secs(1);
        for (name, seconds, quarters, verdict) in [
            ("the same", 60, [10_000, 20_000, 20_000, 20_000], Some(true)),
            ("warming up", 60, [1_000, 20_000, 20_000, 20_000], Some(true)),
            ("less", 60, [20_000, 20_000, 20_000, 10_000], Some(true)),
            ("within the allowance", 60, [20_000, 20_000, 20_000, 23_048], Some(true)),
            ("beyond it", 60, [20_000, 20_000, 20_000, 23_049], Some(false)),
            ("a third quarter is not looked at", 60, [20_000, 20_000, 90_000, 20_000], Some(true)),
            ("a short run", 39, [1, 1, 1, 90_000], None),
        ] {
            let mut memory = Memory::new(second * seconds);
            for (index, kib) in quarters.into_iter().enumerate() {
                let begin = second * seconds / 4 * u32::try_from(index).unwrap();
                memory.add(begin, kib);
                memory.add(begin + second, kib - 1);
            }
            assert_eq!(memory.is_flat(), verdict, "{name}");
        }
        assert_eq!(Memory::new(second * 60).is_flat(), Some(false), "nothing was measured");
    }

    #[test]
    fn resident_memory_is_read_from_the_status() {
        let status = "Name:\tmixed\nVmHWM:\t  9 kB\nVmRSS:\t   12345 kB\nRssAnon:\t1 kB\n";
        for (status, kib) in [(status, Some(12_345)), ("Name:\tzombie\n", None), ("VmRSS:\tmuch kB\n", None)]
        {
            assert_eq!(resident(status), kib, "{status}");
        }
        assert!(Memory::of_process(std::process::id()).unwrap() > 100);
    }
}
