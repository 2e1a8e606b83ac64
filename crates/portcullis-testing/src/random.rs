//! Randomness that repeats itself, and randomness that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis::{Random, RandomError};

/// The same bytes in every run, from a seed (SplitMix64); clones draw from one sequence.
///
/// # Examples
///
/// ```
/// use portcullis::Random;
/// use portcullis_testing::SeededRandom;
///
/// let (mut first, mut second) = ([0; 20], [0; 20]);
/// SeededRandom::new(7).fill(&mut first)?;
/// SeededRandom::new(7).fill(&mut second)?;
/// assert_eq!(first, second);
/// # Ok::<(), portcullis::RandomError>(())
/// ```
///
/// # Security
///
/// Never in production: whoever sees one secret of it can compute all others.
#[derive(Debug, Clone, Default)]
pub struct SeededRandom(Arc<AtomicU64>);

impl SeededRandom {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Begins the sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn next(&self) -> u64 {
        let state = self.0.fetch_add(Self::STEP, Ordering::SeqCst).wrapping_add(Self::STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        for chunk in buffer.chunks_mut(8) {
            chunk.iter_mut().zip(self.next().to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

/// A source that always fails, to show that no secret is made of anything else.
///
/// # Examples
///
/// ```
/// use portcullis::{Random, RandomError};
/// use portcullis_testing::BrokenRandom;
///
/// assert_eq!(BrokenRandom.fill(&mut [0; 20]), Err(RandomError));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BrokenRandom;

impl Random for BrokenRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}
