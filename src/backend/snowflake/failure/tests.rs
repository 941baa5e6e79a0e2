use proptest::prelude::*;
use serde_json::json;

use super::*;

fn said(status: u16, code: &str, state: Option<&str>, message: &str) -> Failure {
    let body = json!({ "code": code, "message": message, "sqlState": state, "statementHandle": "01b2" });
    answer(status, body.to_string().as_bytes(), None)
}

fn check(status: u16, code: &str, state: &str, kind: FailureKind, again: Again) {
    let failure = said(status, code, Some(state), "secret");
    assert_eq!((&failure.kind, failure.again), (&kind, again), "HTTP {status} {code} {state}");
    assert_eq!((failure.code.as_deref(), failure.state.as_deref()), (Some(code), Some(state)));
    // An error of a statement that ran on has no state.
    let failure = said(status, code, None, "secret");
    assert_eq!((&failure.kind, failure.again, failure.state), (&kind, again, None), "HTTP {status} {code}");
}

#[test]
fn each_row_of_the_contract_holds() {
    use Again::{Never, Paused};
    for status in [500, 502, 503, 504] {
        check(status, "000001", "XX000", FailureKind::Unavailable, Never);
    }
    check(429, "390505", "08004", FailureKind::Throttled, Never);
    check(422, "000625", "57014", FailureKind::Contention, Paused);
    for code in ["390144", "390303", "390318", "394400"] {
        check(401, code, "08001", FailureKind::Unavailable, Never);
    }
    check(408, "000630", "57014", FailureKind::Timeout, Never);
    check(422, "000630", "57014", FailureKind::Timeout, Never);
    check(422, "000604", "57014", FailureKind::Other, Never);
    check(422, "090073", "22000", FailureKind::Limited, Never);
    check(422, "000904", "42000", FailureKind::Drift, Never);
    check(422, "002003", "42S02", FailureKind::Drift, Never);
    check(422, "002003", "02000", FailureKind::Drift, Never);
    check(400, "391918", "08004", FailureKind::Drift, Never);
    check(422, "000606", "57P03", FailureKind::Other, Never);
    check(400, "390186", "08004", FailureKind::Other, Never);
    check(422, "001003", "42000", FailureKind::Other, Never);
    check(422, "000008", "0A000", FailureKind::Other, Never);
    check(422, "100051", "22012", FailureKind::Other, Never);
    check(400, "390142", "08001", FailureKind::Other, Never);
    for (code, state) in [("100035", "22007"), ("100038", "22018"), ("100040", "22007"), ("100078", "22000")] {
        check(422, code, state, FailureKind::InvalidValue, Never);
    }
    check(422, "002086", "22018", FailureKind::InvalidValue, Never);
    check(422, "100072", "22000", FailureKind::Constraint("not_null"), Never);
    assert_eq!(said(422, "100999", Some("22003"), "").kind, FailureKind::InvalidValue);
}

#[test]
fn an_answer_without_json_is_told_by_its_status() {
    let check = |status, body: &str, kind| {
        let failure = answer(status, body.as_bytes(), None);
        assert_eq!((failure.kind, failure.code, failure.state), (kind, None, None), "HTTP {status} {body:?}");
        assert_eq!(failure.message, format!("HTTP {status}"));
    };
    check(503, "<html>secret</html>", FailureKind::Unavailable);
    check(429, "", FailureKind::Throttled);
    check(401, "[]", FailureKind::Unavailable);
    check(408, "null", FailureKind::Timeout);
    check(404, "{}", FailureKind::Other);
    check(422, r#"{"code":12}"#, FailureKind::Other);
    check(302, "", FailureKind::Other);
}

#[test]
fn a_time_to_come_again_is_told_where_coming_again_may_help() {
    let wait = Some(Duration::from_secs(3));
    assert_eq!(answer(429, b"", wait).retry_after, wait);
    assert_eq!(answer(503, b"", wait).retry_after, wait);
    assert_eq!(answer(422, b"", wait).retry_after, None);
}

#[test]
fn the_log_gets_names_and_no_values() {
    let check = |status, code, message: &str, expected: &str| {
        assert_eq!(said(status, code, None, message).message, expected);
    };
    check(
        422,
        "000904",
        "SQL compilation error: error line 1 at position 7\ninvalid identifier 'CUSTOMERS.NAM'",
        "HTTP 422: SQL compilation error: error line 1 at position 7 invalid identifier 'CUSTOMERS.NAM'",
    );
    check(
        422,
        "002003",
        "SQL compilation error:\nObject 'DB.PUBLIC.T' does not exist or not authorized.",
        "HTTP 422: SQL compilation error: Object 'DB.PUBLIC.T' does not exist or not authorized.",
    );
    check(
        422,
        "001003",
        "SQL compilation error:\nsyntax error line 1 at position 7 unexpected 'secret'.",
        "HTTP 422: SQL compilation error: syntax error line 1 at position 7 unexpected '…'.",
    );
    check(422, "001003", "unexpected 'it", "HTTP 422: unexpected '…");
    check(401, "390144", "JWT token is invalid. [secret-id]", "HTTP 401: JWT token is invalid. [secret-id]");
    for (code, words) in [
        ("100038", "HTTP 422: a value is refused"),
        ("100072", "HTTP 422: a constraint is broken"),
        ("100051", "HTTP 422"),
        ("100132", "HTTP 422"),
        ("", "HTTP 422"),
    ] {
        check(422, code, "Numeric value secret is not recognized", words);
    }
    let no_warehouse = said(422, "000606", Some("57P03"), "secret");
    assert!(no_warehouse.message.starts_with("HTTP 422 (57P03): no warehouse"), "{}", no_warehouse.message);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(status in 100u16..1000, body in prop::collection::vec(any::<u8>(), 0..64)) {
        answer(status, &body, None);
    }

    #[test]
    fn no_quoted_piece_stays(text in any::<String>(), quote in prop::sample::select(vec!["'", "\"", "`"])) {
        let value = format!("sécret{}", text.replace(quote, ""));
        let kept = without_quoted(&format!("a {quote}{value}{quote} b"), true);
        prop_assert_eq!(kept, format!("a {quote}…{quote} b"));
    }
}
