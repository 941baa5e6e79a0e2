//! How failures are tried again: exponential back-off with full jitter. When, and how often, is the matter of whoever tries.

use std::time::Duration;

/// Retries of failures that certainly had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, the first included; at least 1.
    pub attempts: u32,
    /// The first pause at most.
    pub base_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
}

impl Default for Retry {
    /// As an action that says nothing of it.
    fn default() -> Self {
        Self { attempts: 3, base_delay: Duration::from_millis(100), max_delay: Duration::from_secs(2) }
    }
}

impl Retry {
    /// The pause before another try after so many retries: anything up to the base delay, doubled with each retry, within
    /// the longest one.
    pub fn pause(self, retries: u32) -> Duration {
        self.part(retries, random_fraction())
    }

    fn part(self, retries: u32, fraction: f64) -> Duration {
        let longest = self.base_delay.saturating_mul(2u32.saturating_pow(retries)).min(self.max_delay);
        longest.mul_f64(fraction)
    }
}

/// Evenly distributed between 0 and 1. Without a source of randomness the whole pause is made.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry::default();
        let longest: Vec<u128> = (0..7).map(|retries| retry.part(retries, 1.0).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(retry.part(u32::MAX, 1.0), retry.max_delay);
    }

    #[test]
    fn pauses_are_anything_from_nothing_on() {
        let retry = Retry::default();
        assert_eq!(retry.part(3, 0.0), Duration::ZERO);
        assert_eq!(retry.part(1, 0.5), Duration::from_millis(100));
        assert!((0..1000).all(|_| retry.pause(9) <= retry.max_delay));
        assert!((0..1000).map(|_| random_fraction()).all(|fraction| (0.0..=1.0).contains(&fraction)));
    }
}
