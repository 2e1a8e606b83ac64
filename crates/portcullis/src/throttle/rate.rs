//! `5/min`: how often, as Django REST framework writes it.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::store::Limit;

/// How many requests in how long.
///
/// It is read as DRF reads it (`SimpleRateThrottle.parse_rate`): of the period only the first letter counts, so that
/// `5/m`, `5/min` and `5/minute` are one rate. The letters are `s`, `m`, `h` and `d`.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use portcullis::{ParseRateError, Rate};
///
/// let rate: Rate = "60/min".parse()?;
/// assert_eq!(rate, Rate::new(NonZeroU32::new(60).unwrap(), Duration::from_secs(60)));
/// assert_eq!("0/day".parse::<Rate>(), Err(ParseRateError::Number));
/// # Ok::<(), ParseRateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    period: Duration,
}

/// The text is not a [`Rate`].
///
/// # Examples
///
/// See [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRateError {
    /// There is no `/`, or more than one.
    #[error("a rate is written `number/period`, such as `5/min`")]
    Form,
    /// What precedes the `/` is not a number from 1 to 4294967295.
    #[error("a rate begins with a number from 1 to 4294967295")]
    Number,
    /// What follows the `/` begins with another letter.
    #[error("the period of a rate begins with s, m, h or d")]
    Period,
}

impl Rate {
    /// Takes a number of requests and a period of any length.
    #[must_use]
    pub const fn new(requests: NonZeroU32, period: Duration) -> Self {
        Self { requests, period }
    }

    pub(crate) const fn limit(self) -> Limit {
        Limit::new(self.requests, self.period)
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, period) = text.split_once('/').ok_or(ParseRateError::Form)?;
        if period.contains('/') {
            return Err(ParseRateError::Form);
        }
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseRateError::Number);
        }
        let requests = number.parse().map_err(|_| ParseRateError::Number)?;
        let seconds = match period.bytes().next() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 60 * 60,
            Some(b'd') => 24 * 60 * 60,
            _ => return Err(ParseRateError::Period),
        };
        Ok(Self::new(requests, Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_drf_reads_them() {
        for (text, read) in [
            ("5/min", Ok((5, 60))),
            ("5/m", Ok((5, 60))),
            ("5/minute", Ok((5, 60))),
            ("5/month", Ok((5, 60))),
            ("1/s", Ok((1, 1))),
            ("100/hour", Ok((100, 3_600))),
            ("1000/day", Ok((1_000, 86_400))),
            ("4294967295/d", Ok((u32::MAX, 86_400))),
            ("4294967296/d", Err(ParseRateError::Number)),
            ("0/min", Err(ParseRateError::Number)),
            ("-1/min", Err(ParseRateError::Number)),
            ("+1/min", Err(ParseRateError::Number)),
            (" 1/min", Err(ParseRateError::Number)),
            ("/min", Err(ParseRateError::Number)),
            ("5/", Err(ParseRateError::Period)),
            ("5/week", Err(ParseRateError::Period)),
            ("5/Min", Err(ParseRateError::Period)),
            ("5/é", Err(ParseRateError::Period)),
            ("5", Err(ParseRateError::Form)),
            ("", Err(ParseRateError::Form)),
            ("5/min/day", Err(ParseRateError::Form)),
        ] {
            let read = read.map(|(requests, seconds)| {
                Rate::new(NonZeroU32::new(requests).unwrap(), Duration::from_secs(seconds))
            });
            assert_eq!(text.parse(), read, "{text:?}");
        }
    }
}
