//! `Retry-After`: when a service wants to be asked again.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Nobody waits longer, whatever a service says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that an answer wants to be left alone for, whether it says so in seconds or as a date. A date counts from the
/// answer's own, where it has one: clocks differ.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let now = date_of(headers, DATE).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default().min(LONGEST))
}

fn date_of(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    Some(rfc2822::parse(headers.get(name)?.to_str().ok()?).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Option<u64>) {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().expect("a header's value"))
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{headers:?}");
    }

    #[test]
    fn a_time_to_come_again_is_told_in_seconds_or_as_a_date() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        check(&[], None);
        check(&[("retry-after", "120")], Some(120));
        check(&[("retry-after", " 3 ")], Some(3));
        check(&[("retry-after", "18446744073709551615")], Some(24 * 60 * 60));
        check(&[date, ("retry-after", "Fri, 21 Oct 2095 07:29:30 GMT")], Some(24 * 60 * 60));
        check(&[date, ("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")], Some(90));
        check(&[date, ("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")], Some(0));
        check(&[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")], Some(0));
        for odd in ["", "soon", "-1", "1.5", "99999999999999999999999", "Wed, 99 Oct 2015 07:27:00 GMT"] {
            check(&[("retry-after", odd)], None);
        }
    }
}
