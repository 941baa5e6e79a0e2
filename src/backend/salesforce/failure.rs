//! What Salesforce's refusals mean (SPEC 7.3, FACTS 2.2), and what of their words may stand in the log: they quote queries,
//! and some of them values.

use std::time::Duration;

use serde_json::Value as Json;

use crate::backend::{
    Failure, FailureKind,
    service::{
        Refused, Then,
        client::{Answer, Lost},
        retry_after,
    },
};

/// When the day's requests may be there again: they come back bit by bit over 24 hours.
const DAILY: Duration = Duration::from_secs(3600);
/// The codes of values that are refused as data.
const REFUSED_VALUES: [&str; 6] = [
    "INVALID_EMAIL_ADDRESS",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_QUERY_FILTER_OPERATOR",
    "MALFORMED_ID",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "STRING_TOO_LONG",
];
/// As much of a message is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// One of the errors that an answer lists.
#[derive(Debug, Default)]
pub struct Said {
    /// `INVALID_FIELD` …
    pub code: String,
    /// In Salesforce's words, which may quote what was sent.
    pub message: String,
    /// The fields that it is about.
    pub fields: Vec<String>,
}

impl Said {
    /// What there is of it: one odd member does not hide the others.
    fn of(error: &Json) -> Self {
        let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
        let fields = error["fields"].as_array().into_iter().flatten();
        let fields = fields.filter_map(Json::as_str).map(str::to_owned).collect();
        Self { code: text("errorCode"), message: text("message"), fields }
    }
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it is sent again whatever became of it.
    Reads,
    /// It writes: it is not sent again where it may have taken effect.
    Writes,
}

/// Takes an answer, or says what a refusal means. `text` is what the author wrote: names of it may be told in the log.
pub fn judge(outcome: Result<Answer, Lost>, effect: Effect, text: &str) -> Result<Answer, Refused> {
    match outcome {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
        Ok(answer) => Err(refusal(&answer, effect, text)),
        Err(lost) => Err(without_answer(lost, effect)),
    }
}

/// What it means that no answer came.
pub fn without_answer(lost: Lost, effect: Effect) -> Refused {
    match lost {
        Lost::Unsent(reason) => Refused::again(Failure::new(FailureKind::Unavailable, reason)),
        Lost::Broken(reason) => doubtful(Failure::new(FailureKind::Unavailable, reason), effect),
        Lost::TooLarge => Refused {
            then: Then::Never,
            ..doubtful(Failure::new(FailureKind::Other, "an answer of more than 64 MiB"), effect)
        },
    }
}

/// What an answer that is none means.
fn refusal(answer: &Answer, effect: Effect, text: &str) -> Refused {
    let said = said(&answer.body);
    let code = said.code.as_str();
    let failure = |kind| {
        let message = message(answer.status, &said, text);
        Failure {
            code: (!code.is_empty()).then(|| code.to_owned()),
            fields: said.fields.clone(),
            retry_after: retry_after(&answer.headers),
            ..Failure::new(kind, message)
        }
    };
    let never = |kind| Refused::never(Failure { retry_after: None, ..failure(kind) });
    match (code, answer.status) {
        // Whatever reason it tells, it does not tell what became of a write.
        (_, 500..=502 | 504..) if effect == Effect::Writes => doubtful(failure(FailureKind::Unavailable), effect),
        ("INVALID_SESSION_ID", _) | (_, 401) => {
            Refused { failure: failure(FailureKind::Unavailable), then: Then::Renew, in_doubt: false }
        }
        ("REQUEST_LIMIT_EXCEEDED", _) if said.message.contains("Concurrent") => {
            Refused::again(failure(FailureKind::Limited))
        }
        ("REQUEST_LIMIT_EXCEEDED", _) => {
            Refused::never(Failure { retry_after: Some(DAILY), ..failure(FailureKind::Limited) })
        }
        ("UNABLE_TO_LOCK_ROW", _) => Refused::again(failure(FailureKind::Contention)),
        ("INVALID_FIELD" | "INVALID_TYPE", _) => never(FailureKind::Drift),
        ("DUPLICATE_VALUE", _) => never(FailureKind::Constraint("unique")),
        ("REQUIRED_FIELD_MISSING", _) => never(FailureKind::Constraint("not_null")),
        (code, _) if REFUSED_VALUES.contains(&code) => never(FailureKind::InvalidValue),
        ("QUERY_TIMEOUT", _) => never(FailureKind::Timeout),
        (_, 429) => Refused::again(failure(FailureKind::Throttled)),
        (_, 503) => Refused::again(failure(FailureKind::Unavailable)),
        (_, 500..) => doubtful(failure(FailureKind::Unavailable), effect),
        // Several records have the external id that an upsert names.
        (_, 300) if effect == Effect::Writes => never(FailureKind::Constraint("unique")),
        _ => never(FailureKind::Other),
    }
}

/// What may have taken effect.
fn doubtful(failure: Failure, effect: Effect) -> Refused {
    match effect {
        Effect::Reads => Refused::again(failure),
        Effect::Writes => Refused { failure, then: Then::Never, in_doubt: true },
    }
}

/// The first error that a body lists; an empty one for a body that lists none.
pub fn said(body: &[u8]) -> Said {
    let all: Vec<Json> = serde_json::from_slice(body).unwrap_or_default();
    all.first().map(Said::of).unwrap_or_default()
}

/// What the log says: the status, the fields, and of the words what can hold no value.
fn message(status: u16, said: &Said, text: &str) -> String {
    let mut message = format!("HTTP {status}");
    let fields: Vec<&str> = said.fields.iter().map(String::as_str).filter(|name| is_name(name)).collect();
    if !fields.is_empty() {
        message += &format!(", of {}", fields.join(", "));
    }
    let words = words(said, text);
    if !words.is_empty() {
        message += ": ";
        message += &words;
    }
    message
}

/// The words of the errors whose words are known to hold no value but in quotes, quoted pieces taken out unless they are
/// names that the author wrote.
fn words(said: &Said, text: &str) -> String {
    let known = [
        "INVALID_FIELD",
        "INVALID_TYPE",
        "INVALID_SESSION_ID",
        "MALFORMED_QUERY",
        "QUERY_TIMEOUT",
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "API_DISABLED_FOR_ORG",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "FUNCTIONALITY_NOT_ENABLED",
    ];
    if !known.contains(&said.code.as_str()) {
        return String::new();
    }
    // Before that stands a piece of the query, with a mark under the place.
    let message = match said.message.split_once("ERROR at Row:") {
        Some((_, after)) => after.split_once('\n').map_or("", |(_, words)| words),
        None => &said.message,
    };
    let mut words = String::new();
    for (at, piece) in unquoted(message).into_iter().enumerate() {
        match piece {
            piece if at % 2 == 0 => words.push_str(piece),
            name if is_name(name) && has_word(text, name) => words.extend(["`", name, "`"]),
            // A value may hold quotes itself: from here on nobody can tell what is quoted.
            _ => {
                words.push('…');
                break;
            }
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_MESSAGE).collect()
}

/// The pieces between quotes, the first outside of them. An apostrophe within a word is no quote, and what follows one that is
/// never closed is a quoted piece as well.
fn unquoted(text: &str) -> Vec<&str> {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, quote) in text.match_indices(['\'', '"']) {
        let end = at + quote.len();
        if !(is_letter(text[..at].chars().next_back()) && is_letter(text[end..].chars().next())) {
            pieces.push(&text[start..at]);
            start = end;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// Whether a text is a name of Salesforce's, of one part or more.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
        .flat_map(|found| [found].into_iter().chain(found.split('.')))
        .any(|found| found.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, RETRY_AFTER};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// What an error of Salesforce's means: its kind, whether a read and a write go on, and whether a write is in doubt.
    fn check(status: u16, code: &str, message: &str, kind: FailureKind, then: [Then; 2], in_doubt: bool) {
        let body = json!([{ "errorCode": code, "message": message }]).to_string();
        let refused = [Effect::Reads, Effect::Writes]
            .map(|effect| judge(Ok(answer(status, &body)), effect, "").expect_err("it is a refusal"));
        assert_eq!(refused[0].failure.kind, kind, "{code}");
        assert_eq!(refused.each_ref().map(|refused| refused.then), then, "{code}");
        assert_eq!([refused[0].in_doubt, refused[1].in_doubt], [false, in_doubt], "{code}");
    }

    #[test]
    fn each_refusal_has_its_meaning() {
        use FailureKind::*;
        let (never, again, renew) = ([Then::Never; 2], [Then::Again; 2], [Then::Renew; 2]);
        check(401, "INVALID_SESSION_ID", "Session expired or invalid", Unavailable, renew, false);
        check(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Limited, never, false);
        check(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            Limited,
            again,
            false,
        );
        check(403, "INSUFFICIENT_ACCESS", "no", Other, never, false);
        check(429, "", "", Throttled, again, false);
        check(503, "SERVER_UNAVAILABLE", "", Unavailable, again, false);
        for status in [500, 502, 504] {
            check(status, "UNKNOWN_EXCEPTION", "", Unavailable, [Then::Again, Then::Never], true);
            for code in ["UNABLE_TO_LOCK_ROW", "INVALID_SESSION_ID", "REQUEST_LIMIT_EXCEEDED"] {
                let body = json!([{ "errorCode": code, "message": "Concurrent" }]).to_string();
                let refused = judge(Ok(answer(status, &body)), Effect::Writes, "").expect_err("it is a refusal");
                let outcome = (refused.failure.kind, refused.then, refused.in_doubt);
                assert_eq!(outcome, (Unavailable, Then::Never, true), "{status} {code}");
            }
        }
        check(400, "UNABLE_TO_LOCK_ROW", "", Contention, again, false);
        check(400, "INVALID_FIELD", "", Drift, never, false);
        check(400, "INVALID_TYPE", "", Drift, never, false);
        check(400, "DUPLICATE_VALUE", "", Constraint("unique"), never, false);
        check(400, "REQUIRED_FIELD_MISSING", "", Constraint("not_null"), never, false);
        for code in REFUSED_VALUES {
            check(400, code, "", InvalidValue, never, false);
        }
        check(400, "QUERY_TIMEOUT", "", Timeout, never, false);
        check(400, "MALFORMED_QUERY", "", Other, never, false);
        check(302, "", "", Other, never, false);
        check(404, "NOT_FOUND", "", Other, never, false);
    }

    #[test]
    fn without_a_list_of_errors_the_status_counts() {
        let check = |status: u16, body: &str, kind: FailureKind| {
            let refused = judge(Ok(answer(status, body)), Effect::Reads, "").expect_err("it is a refusal");
            assert_eq!((refused.failure.kind, refused.failure.code), (kind, None), "{status} {body}");
            assert_eq!(refused.failure.message, format!("HTTP {status}"));
        };
        check(503, "<html><body>Down for maintenance</body></html>", FailureKind::Unavailable);
        check(400, "", FailureKind::Other);
        check(400, "[]", FailureKind::Other);
        check(403, "{\"error\":\"x\"}", FailureKind::Other);
    }

    #[test]
    fn an_odd_member_hides_no_other() {
        let body = br#"[{"errorCode":"UNABLE_TO_LOCK_ROW","message":null,"fields":null},7]"#;
        let refused = judge(Ok(answer(400, std::str::from_utf8(body).expect("UTF-8"))), Effect::Reads, "");
        assert_eq!(refused.expect_err("it is a refusal").failure.kind, FailureKind::Contention);
        let said = said(br#"[{"errorCode":"STRING_TOO_LONG","fields":["A",null,"B"]}]"#);
        assert_eq!(said.fields, ["A", "B"]);
    }

    #[test]
    fn several_records_for_one_external_id_are_a_conflict() {
        let body = r#"["/services/data/v66.0/sobjects/A/1","/services/data/v66.0/sobjects/A/2"]"#;
        let refused = judge(Ok(answer(300, body)), Effect::Writes, "").expect_err("it is a refusal");
        assert_eq!(refused.failure.kind, FailureKind::Constraint("unique"));
    }

    #[test]
    fn the_days_limit_says_when_to_come_again_and_others_pass_on_what_the_service_says() {
        let check = |status: u16, message: &str, expected: u64| {
            let body = json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message }]).to_string();
            let mut answer = answer(status, &body);
            answer.headers.insert(RETRY_AFTER, "7".parse().expect("a header's value"));
            let refused = judge(Ok(answer), Effect::Reads, "").expect_err("it is a refusal");
            assert_eq!(refused.failure.retry_after, Some(Duration::from_secs(expected)));
        };
        check(403, "TotalRequests Limit exceeded.", 3600);
        check(403, "ConcurrentRequests Limit exceeded.", 7);
    }

    #[test]
    fn an_answer_that_was_lost_leaves_a_write_in_doubt() {
        let check = |lost: Lost, then: [Then; 2], in_doubt: bool| {
            let read = without_answer(lost.clone(), Effect::Reads);
            let write = without_answer(lost, Effect::Writes);
            assert_eq!(([read.then, write.then], [read.in_doubt, write.in_doubt]), (then, [false, in_doubt]));
        };
        check(Lost::Unsent("refused".into()), [Then::Again, Then::Again], false);
        check(Lost::Broken("cut".into()), [Then::Again, Then::Never], true);
        check(Lost::TooLarge, [Then::Never, Then::Never], true);
    }

    #[test]
    fn the_log_has_names_and_no_values() {
        let check = |code: &str, said: &str, fields: &[&str], expected: &str| {
            let text = "SELECT Id, Foo__c, Account.Nmae FROM Contact WHERE Email = ?";
            let said = Said {
                code: code.into(),
                message: said.into(),
                fields: fields.iter().map(|name| (*name).to_owned()).collect(),
            };
            assert_eq!(message(400, &said, text), expected);
        };
        check(
            "INVALID_FIELD",
            "\nSELECT Id, Foo__c FROM Contact WHERE Email = 'ada@example.com'\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Contact'. If you are",
            &[],
            "HTTP 400: No such column `Foo__c` on entity `Contact`. If you are",
        );
        check("INVALID_FIELD", "field 'Nmae' is not like 'Smith'", &[], "HTTP 400: field `Nmae` is not like …");
        check("STRING_TOO_LONG", "Last Name: data value too large: Smith", &["LastName"], "HTTP 400, of LastName");
        check(
            "MALFORMED_QUERY",
            "\nEmail = 'a'\n ^\nERROR at Row:1:Column:1\nunexpected token: 'a'",
            &[],
            "HTTP 400: unexpected token: …",
        );
        check("MALFORMED_QUERY", "no 'end", &["a b"], "HTTP 400: no …");
        check(
            "INVALID_FIELD",
            "Didn't understand relationship 'Account' in field path.",
            &[],
            "HTTP 400: Didn't understand relationship `Account` in field path.",
        );
        check("MALFORMED_QUERY", "unexpected token: 'O'Brien 4711' here", &[], "HTTP 400: unexpected token: …");
        check("MALFORMED_QUERY", "unexpected: 'x' secret 'y'", &[], "HTTP 400: unexpected: …");
        check("MALFORMED_QUERY", "field 'Email", &[], "HTTP 400: field `Email`");
    }
}
