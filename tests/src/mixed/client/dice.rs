//! Random choices that a seed repeats.

use std::time::Duration;

/// Xorshift with a multiplier (Vigna's xorshift64*).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far apart, and none at zero, where the generator would stay.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a limit.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit.max(1)
    }

    /// An item, each as likely as its weight says.
    pub(super) fn pick<T: Copy>(&mut self, items: &[(u64, T)]) -> Option<T> {
        let mut left = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            if left < *weight {
                return Some(*item);
            }
            left -= weight;
        }
        None
    }

    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_comes_as_often_as_it_weighs() {
        let mut dice = Dice::new(1);
        let mut seen = [0_u32; 3];
        for _ in 0..10_000 {
            seen[dice.pick(&[(1, 0), (0, 1), (3, 2)]).unwrap()] += 1;
        }
        assert!((2_200..2_800).contains(&seen[0]), "{seen:?}");
        assert_eq!(seen[1], 0);
    }
}
