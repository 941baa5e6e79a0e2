//! What the calls of one action did, counted.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;

use super::Call;

/// Durations are counted with so many significant digits: percentiles are less than 1 % off.
const DIGITS: u8 = 2;

/// What the calls of an action did since the gateway started.
#[derive(Debug, Default)]
pub struct Stats(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    errors: u64,
    rows: u64,
    retries: u64,
    took: Duration,
    codes: BTreeMap<Cow<'static, str>, u64>,
    cache: BTreeMap<&'static str, u64>,
    /// In microseconds; there from the first call on.
    durations: Option<Histogram<u32>>,
}

/// What there is to tell of an action's calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many there were.
    pub calls: u64,
    /// How many of them had an answer that was no success.
    pub errors: u64,
    /// Rows in all answers.
    pub rows: u64,
    /// Tries beyond the first ones.
    pub retries: u64,
    /// All durations together.
    pub took: Duration,
    /// How many ended with each code.
    pub codes: BTreeMap<Cow<'static, str>, u64>,
    /// How many had what of the cache: `hit`, `miss`, `stale` or `skip`.
    pub cache: BTreeMap<&'static str, u64>,
    /// The durations that so many percent of the calls did not exceed, as they were asked for; zero without calls.
    pub percentiles: Vec<Duration>,
    /// How many took no longer than each of the durations that were asked for, which are taken for up to 1 % longer.
    pub within: Vec<u64>,
}

impl Stats {
    /// Counts a call.
    pub fn count(&self, call: &Call) {
        let mut counts = self.counts();
        counts.calls += 1;
        counts.errors += u64::from(call.failed());
        counts.rows += call.rows.unwrap_or_default();
        counts.retries += u64::from(call.retries);
        counts.took += call.total;
        match counts.codes.get_mut(&call.code) {
            Some(count) => *count += 1,
            None => {
                counts.codes.insert(call.code.clone(), 1);
            }
        }
        if let Some(cache) = call.cache {
            *counts.cache.entry(cache).or_default() += 1;
        }
        let durations = counts.durations.get_or_insert_with(|| Histogram::new(DIGITS).expect("digits that it takes"));
        let micros = u64::try_from(call.total.as_micros()).unwrap_or(u64::MAX);
        durations.record(micros).expect("a histogram that grows takes every value");
    }

    /// What there is to tell: the durations of these percentiles, and how many calls took no longer than each of `within`,
    /// which must ascend.
    pub fn summary(&self, percentiles: &[f64], within: &[Duration]) -> Summary {
        let counts = self.counts();
        let durations = counts.durations.as_ref();
        let percentile = |percent: &f64| {
            let micros = durations.map_or(0, |durations| durations.value_at_percentile(*percent));
            Duration::from_micros(micros)
        };
        let mut below = vec![0; within.len()];
        let steps = durations.iter().flat_map(|durations| durations.iter_recorded().map(move |step| (durations, step)));
        for (durations, step) in steps {
            let value = Duration::from_micros(durations.lowest_equivalent(step.value_iterated_to()));
            let first = within.partition_point(|limit| *limit < value);
            below[first..].iter_mut().for_each(|count| *count += step.count_since_last_iteration());
        }
        Summary {
            calls: counts.calls,
            errors: counts.errors,
            rows: counts.rows,
            retries: counts.retries,
            took: counts.took,
            codes: counts.codes.clone(),
            cache: counts.cache.clone(),
            percentiles: percentiles.iter().map(percentile).collect(),
            within: below,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::tests::call;

    /// The duration that so many percent of all do not exceed.
    fn exact(sorted: &[u64], percent: f64) -> u64 {
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted[rank.clamp(1, sorted.len()) - 1]
    }

    fn off(got: u64, exact: u64) -> f64 {
        (got as f64 - exact as f64).abs() / (exact as f64).max(1.0)
    }

    #[test]
    fn percentiles_of_a_hundred_thousand_calls_are_within_one_percent_in_bounded_memory() {
        let stats = Stats::default();
        let mut raw = Vec::new();
        // From 40 µs to 80 s: as a long tail has them.
        let mut state = 1_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let micros = (40.0 * (2e6_f64).powf(uniform.powi(3))) as u64;
            raw.push(micros);
            stats.count(&call(200, micros));
        }
        raw.sort_unstable();
        let percents = [50.0, 95.0, 99.0];
        let summary = stats.summary(&percents, &[]);
        for (percent, got) in percents.into_iter().zip(summary.percentiles) {
            let (got, exact) = (got.as_micros() as u64, exact(&raw, percent));
            assert!(off(got, exact) < 0.01, "p{percent}: {got} for {exact}");
        }
        let counted = stats.counts().durations.as_ref().map(|durations| durations.distinct_values());
        assert!(counted.is_some_and(|places| places < 4096), "{counted:?}");
        assert_eq!((summary.calls, summary.took), (100_000, Duration::from_micros(raw.iter().sum())));
    }

    #[test]
    fn calls_are_counted_by_what_became_of_them() {
        let stats = Stats::default();
        stats.count(&Call { rows: Some(3), cache: Some("miss"), ..call(200, 1_000) });
        stats.count(&Call { rows: Some(3), cache: Some("hit"), ..call(200, 10) });
        stats.count(&Call { code: "not_found".into(), retries: 2, ..call(404, 2_000) });
        let within = [Duration::from_micros(100), Duration::from_millis(1), Duration::from_secs(1)];
        let summary = stats.summary(&[], &within);
        assert_eq!((summary.calls, summary.errors, summary.rows, summary.retries), (3, 1, 6, 2));
        assert_eq!(summary.codes, BTreeMap::from([("not_found".into(), 1), ("success".into(), 2)]));
        assert_eq!(summary.cache, BTreeMap::from([("hit", 1), ("miss", 1)]));
        assert_eq!(summary.within, [1, 2, 3]);
        assert_eq!(Stats::default().summary(&[50.0], &within).percentiles, [Duration::ZERO]);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_one_percent(mut raw in prop::collection::vec(1_u64..100_000_000_000, 1..200)) {
            let stats = Stats::default();
            raw.iter().for_each(|micros| stats.count(&call(200, *micros)));
            raw.sort_unstable();
            for percent in [1.0, 50.0, 95.0, 99.0, 100.0] {
                let got = stats.summary(&[percent], &[]).percentiles[0].as_micros() as u64;
                prop_assert!(off(got, exact(&raw, percent)) < 0.01);
            }
        }
    }
}
