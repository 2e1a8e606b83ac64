//! Randomness, which always comes from a [`Random`].
//!
//! 1. Secrets hold at least 160 random bits (OWASP ASVS 5.0, 7.2.3 asks for 128).
//! 2. A source that fails is an outage: no secret is made of anything else (CVE-2025-66630).

use crate::secret::Secret;

/// The digits and lower-case letters of Django's session ids.
pub(crate) const BASE36: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// The letters and digits of Django's CSRF secrets, in its order.
pub(crate) const BASE62: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Fills buffers with unpredictable bytes.
///
/// # Examples
///
/// ```
/// use portcullis::{Random, RandomError};
///
/// /// What a test of an outage needs.
/// struct Broken;
///
/// impl Random for Broken {
///     fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
///         Err(RandomError)
///     }
/// }
/// ```
///
/// # Security
///
/// Whoever predicts these bytes owns every token and session made of them. Use [`SystemRandom`] outside tests.
pub trait Random: Send + Sync + 'static {
    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the source has failed; the buffer is then not used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's generator.
///
/// # Examples
///
/// ```
/// use portcullis::{Random, SystemRandom};
///
/// let mut bytes = [0; 20];
/// SystemRandom.fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 20]);
/// # Ok::<(), portcullis::RandomError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|_| RandomError)
    }
}

/// The source of randomness has failed.
///
/// # Examples
///
/// See [`Random`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness has failed")]
pub struct RandomError;

/// Draws a text of `length` characters of an alphabet, each equally likely (bytes that would favour some are drawn again).
pub(crate) fn text(random: &dyn Random, alphabet: &[u8], length: usize) -> Result<Secret, RandomError> {
    let size = alphabet.len();
    let fair = 256 - 256 % size;
    let mut text = String::with_capacity(length);
    let mut buffer = zeroize::Zeroizing::new([0; 64]);
    while text.len() < length {
        random.fill(&mut *buffer)?;
        let usable = buffer.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let characters = usable.filter_map(|byte| alphabet.get(byte % size).copied().map(char::from));
        text.extend(characters.take(length - text.len()));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_equally_likely() {
        let length = 620_000;
        let text = text(&SystemRandom, BASE62, length).unwrap();
        let mut counts = [0_u32; 256];
        text.expose_secret().bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        let expected = 10_000.0;
        let chi: f64 =
            BASE62.iter().map(|c| (f64::from(counts[usize::from(*c)]) - expected).powi(2) / expected).sum();
        // 61 degrees of freedom: above 150 by chance less than once in 10^9 runs.
        assert!(chi < 150.0, "chi-square is {chi}");
        assert_eq!(BASE62.iter().map(|c| counts[usize::from(*c)]).sum::<u32>(), 620_000);
    }

    #[test]
    fn a_failing_source_makes_no_text() {
        struct Broken;
        impl Random for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
                Err(RandomError)
            }
        }
        assert_eq!(text(&Broken, BASE36, 32).unwrap_err(), RandomError);
    }
}
