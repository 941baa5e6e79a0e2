//! `Sforce-Limit-Info`: how many of the requests of a day are used, as each answer says it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use reqwest::header::HeaderMap;

use crate::backend::Usage;

/// The header (<https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm>).
const HEADER: &str = "sforce-limit-info";
/// From so many parts of a hundred on, the log warns.
const HIGH: u64 = 80;
/// Below so many it may warn again: answers overtake each other, and each of them would warn.
const LOW: u64 = 75;

/// What was last said of the limits.
#[derive(Debug, Default)]
pub struct Limits {
    last: Mutex<Vec<Usage>>,
    warned: AtomicBool,
}

impl Limits {
    /// Takes what an answer says. Answers whether the log should warn: the requests come to an end.
    pub fn note(&self, headers: &HeaderMap) -> Option<Usage> {
        let text = headers.get(HEADER)?.to_str().ok()?;
        let usage = parse(text);
        let highest = usage.iter().max_by_key(|usage| part(usage))?.clone();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = usage;
        match part(&highest) {
            HIGH.. => (!self.warned.swap(true, Ordering::Relaxed)).then_some(highest),
            ..LOW => {
                self.warned.store(false, Ordering::Relaxed);
                None
            }
            _ => None,
        }
    }

    /// What was last said.
    pub fn usage(&self) -> Vec<Usage> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How many parts of a hundred are used.
fn part(usage: &Usage) -> u64 {
    usage.used.saturating_mul(100) / usage.limit.max(1)
}

/// `api-usage=25/5000; per-app-api-usage=17/250(appName=sample)`; what is not of this form is left out.
fn parse(text: &str) -> Vec<Usage> {
    let one = |text: &str| {
        let (name, numbers) = text.trim().split_once('=')?;
        let (used, limit) = numbers.split_once('(').map_or(numbers, |(numbers, _)| numbers).split_once('/')?;
        Some(Usage { name: name.trim().to_owned(), used: used.trim().parse().ok()?, limit: limit.trim().parse().ok()? })
    };
    text.split([';', ',']).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> HeaderMap {
        [(HEADER.parse().expect("a header"), text.parse().expect("its value"))].into_iter().collect()
    }

    #[test]
    fn both_forms_are_read() {
        let check = |text: &str, expected: &[(&str, u64, u64)]| {
            let limits = Limits::default();
            limits.note(&said(text));
            let usage = limits.usage();
            let usage: Vec<_> = usage.iter().map(|usage| (usage.name.as_str(), usage.used, usage.limit)).collect();
            assert_eq!(usage, expected, "{text}");
        };
        check("api-usage=18/5000", &[("api-usage", 18, 5000)]);
        check(
            "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)",
            &[("api-usage", 25, 5000), ("per-app-api-usage", 17, 250)],
        );
        check("per-app-api-usage=17/250(appName=a/b=c)", &[("per-app-api-usage", 17, 250)]);
        for odd in ["", "api-usage", "api-usage=", "api-usage=x/y", "=;;=", "api-usage=-1/5"] {
            check(odd, &[]);
        }
    }

    #[test]
    fn it_warns_once_a_crossing() {
        let limits = Limits::default();
        let warns: Vec<bool> = [79, 80, 81, 79, 80, 100, 74, 80, 0]
            .into_iter()
            .map(|used| limits.note(&said(&format!("api-usage={used}/100"))).is_some())
            .collect();
        assert_eq!(warns, [false, true, false, false, false, false, false, true, false]);
    }
}
