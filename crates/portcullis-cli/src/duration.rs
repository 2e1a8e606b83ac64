//! Durations as people write them: `90d`, `12h`, `30m`, `45s`.

use std::time::Duration;

/// Reads a whole number and one unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let usage = || "write a whole number and a unit: 90d, 12h, 30m or 45s".to_owned();
    let seconds_of = |unit| match unit {
        "d" => Some(86_400),
        "h" => Some(3_600),
        "m" => Some(60),
        "s" => Some(1_u64),
        _ => None,
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(usage)?;
    let number: u64 = number.parse().map_err(|_| usage())?;
    let seconds = number.checked_mul(seconds_of(unit).ok_or_else(usage)?).ok_or_else(usage)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90d", Some(7_776_000)),
            ("12h", Some(43_200)),
            ("30m", Some(1_800)),
            ("45s", Some(45)),
            ("0s", Some(0)),
            ("", None),
            ("90", None),
            ("d", None),
            ("-1d", None),
            ("+1d", None),
            ("1.5h", None),
            ("1 d", None),
            ("1d2h", None),
            ("1w", None),
            ("1D", None),
            ("١d", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse(text).ok().map(|duration| duration.as_secs()), seconds, "{text:?}");
        }
    }
}
