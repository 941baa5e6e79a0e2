//! Writes of a record: what is sent, what comes of each answer, and that nothing is sent twice that may have taken effect.

use std::{fs, net::TcpListener, time::Duration};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{
    AUTH,
    org::Org,
    server::{Fault, Server},
    sobjects::FORBIDDEN,
};
use crate::gateway::{Answer, Serving};

const OPEN: &str = r#"
backend: org
mode: write
params:
  subject: string
  origin: { type: string, required: false }
  phone: { type: string, required: false }
  amount: { type: decimal, required: false }
  urgent: { type: boolean, required: false }
  day: { type: date, required: false }
  at: { type: timestamp, required: false }
  from: { type: time, required: false }
  topics: { type: "string[]", required: false }
  call: { type: string, required: false }
  contact: { type: string, required: false }
retry: { base_delay: 1ms, max_delay: 2ms }
options:
  operation: create
  object: Case
  fields:
    Subject: "{{ subject }}"
    Origin: "{{ origin | default('Phone') }}"
    SuppliedPhone: "{{ phone }}"
    Amount__c: "{{ amount }}"
    Urgent__c: "{{ urgent }}"
    On__c: "{{ day }}"
    At__c: "{{ at }}"
    From__c: "{{ from }}"
    Topics__c: "{{ topics }}"
    Call_Id__c: "{{ call }}"
    ContactId: "{{ contact }}"
errors:
  FIELD_CUSTOM_VALIDATION_EXCEPTION: { code: no_such_subject, http: 422 }
result:
  shape: row
  schema:
    type: object
    required: [id, created]
    properties: { id: { type: string }, created: { const: true } }
"#;

const CLOSE: &str = r#"
backend: org
mode: write
params: { case_id: string, status: { type: string, nullable: true, default: Closed } }
retry: { base_delay: 1ms, max_delay: 2ms }
options: { operation: update, object: Case, id: "{{ case_id }}", fields: { Status: "{{ status }}" } }
"#;

const NOTE: &str = r#"
backend: org
mode: write
params: { call: string, subject: string }
retry: { base_delay: 1ms, max_delay: 2ms }
options:
  operation: upsert
  object: Case
  external_id: { Call_Id__c: "{{ call }}" }
  fields: { Subject: "{{ subject }}", Origin: Phone }
"#;

/// A gateway on a server of its own.
struct Setup {
    server: Server,
    gateway: Serving,
}

impl Setup {
    fn new() -> Self {
        Self::with(&[])
    }

    /// The same with more actions, or others.
    fn with(actions: &[(&str, &str)]) -> Self {
        let server = Server::start(Org::demo());
        let config = format!(
            r#"
server: {{ listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }}
backends:
  org:
    kind: salesforce
    login_url: {}
    auth: {{ flow: client_credentials, client_id: app, client_secret: app secret }}
"#,
            server.url()
        );
        let usual = [
            ("datadip.yaml", config.as_str()),
            ("actions/open.yaml", OPEN),
            ("actions/close.yaml", CLOSE),
            ("actions/note.yaml", NOTE),
        ];
        let gateway = Serving::start(&[&usual[..], actions].concat());
        assert!(gateway.broken().is_empty(), "{:?}", gateway.broken());
        Self { server, gateway }
    }

    async fn call(&self, action: &str, variables: &Json) -> Answer {
        self.gateway.post(&format!("/actions/{action}"), &variables.to_string()).await
    }

    /// The same under an idempotency key.
    async fn call_under(&self, key: &str, action: &str, variables: &Json) -> Answer {
        let head = format!("POST /actions/{action}\nContent-Type: application/json\nIdempotency-Key: {key}");
        self.gateway.send(&head, variables.to_string()).await
    }

    /// How often a record was sent.
    fn sent(&self) -> usize {
        self.server.requests("/sobjects/Case").iter().filter(|got| got.method != "GET").count()
    }

    fn cases(&self) -> Vec<Json> {
        self.server.org().sobjects.cases.values().cloned().map(Json::Object).collect()
    }
}

fn ada() -> Json {
    json!({ "subject": "No signal" })
}

#[track_caller]
fn check_error(answer: &Answer, status: u16, code: &str, in_doubt: bool) {
    let body = answer.json();
    let doubt = if in_doubt { json!(true) } else { json!(null) };
    assert_eq!((answer.status, &body["code"], &body["in_doubt"]), (status, &json!(code), &doubt), "{body}");
}

#[tokio::test]
async fn a_create_sends_each_value_by_its_type_and_answers_the_record() {
    let setup = Setup::new();
    let sent = json!({
        "subject": "Kein \"Empfang\" – 'x'; \n", "phone": "", "amount": "12345678901234567.10", "urgent": "yes",
        "day": "2026-12-01", "at": "2026-12-01T10:30:00+01:00", "from": "14:05", "topics": "bill, move",
    });
    let answer = setup.call("open", &sent).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["row_count"], &body["result"]["created"]),
        (200, &json!(1), &json!(true)),
        "{body}"
    );
    let id = body["result"]["id"].as_str().expect("an id").to_owned();
    let request = &setup.server.requests("/sobjects/")[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/services/data/v66.0/sobjects/Case"));
    let expected = r#"{"Subject":"Kein \"Empfang\" – 'x'; \n","Origin":"Phone","Amount__c":12345678901234567.10,"Urgent__c":true,"On__c":"2026-12-01","At__c":"2026-12-01T09:30:00.000Z","From__c":"14:05:00.000Z","Topics__c":"bill;move"}"#;
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    assert!(setup.server.org().sobjects.cases.contains_key(&id));
}

#[tokio::test]
async fn an_update_answers_how_many_records_there_were() {
    let setup = Setup::new();
    let id = setup.server.org().sobjects.insert(json!({ "Origin": "Phone" }));
    let answer = setup.call("close", &json!({ "case_id": id })).await.json();
    assert_eq!((&answer["result"], &answer["row_count"]), (&json!([]), &json!(1)));
    assert_eq!(setup.cases(), [json!({ "Origin": "Phone", "Status": "Closed" })]);
    let answer = setup.call("close", &json!({ "case_id": id, "status": null })).await.json();
    assert_eq!((&answer["row_count"], &setup.cases()[0]["Status"]), (&json!(1), &json!(null)));
    for gone in ["500Hs0000999999IAB", "500Hs0000999998IAB"] {
        if gone.contains("998") {
            setup.server.fault(gone, Fault::error(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        let answer = setup.call("close", &json!({ "case_id": gone })).await;
        assert_eq!((answer.status, &answer.json()["row_count"]), (200, &json!(0)));
    }
    let answer = setup.call("close", &json!({ "case_id": "five hundred" })).await;
    check_error(&answer, 400, "invalid_parameter", false);
    assert_eq!(answer.json()["errors"], json!(null), "nobody tells which of the two it was");
}

#[tokio::test]
async fn an_update_of_an_object_that_is_gone_is_no_success() {
    let setup = Setup::new();
    let gone = json!({ "case_id": "500Hs0000999999IAB" });
    assert_eq!(setup.call("close", &gone).await.json()["row_count"], 0);
    assert_eq!(setup.call("close", &gone).await.json()["row_count"], 0);
    assert_eq!(setup.server.requests("/Case/describe").len(), 1, "an object is not asked for with each record");

    let setup = Setup::new();
    setup.server.org().remove("Case");
    check_error(&setup.call("close", &gone).await, 502, "schema_drift", false);
}

#[tokio::test]
async fn a_write_that_names_what_is_not_there_has_its_object_described_again() {
    let refused = [
        Fault::error(400, "INVALID_FIELD", "No such column 'Subject'"),
        Fault::error(404, "NOT_FOUND", "The requested resource does not exist"),
    ];
    for fault in refused {
        let setup = Setup::new();
        let backend = setup.gateway.live.snapshot().backends["org"].clone();
        let inspect = backend.inspect().expect("it can be asked");
        let has = async || {
            let table = inspect.table("Case", &[]).await.expect("it answers").expect("it is there");
            table.columns.iter().any(|column| column.name == "Subject")
        };
        assert!(has().await);
        setup.server.org().object("Case", "Id:id");
        assert!(has().await, "nobody is in doubt");
        setup.server.fault("/sobjects/Case", fault);
        check_error(&setup.call("open", &ada()).await, 502, "schema_drift", false);
        assert!(!has().await);
    }
}

#[tokio::test]
async fn an_upsert_makes_a_record_once() {
    let setup = Setup::new();
    let first = setup.call("note", &json!({ "call": "c-1", "subject": "first" })).await.json();
    let again = setup.call("note", &json!({ "call": "c-1", "subject": "again" })).await.json();
    assert_eq!((&first["result"][0]["created"], &again["result"][0]["created"]), (&json!(true), &json!(false)));
    assert_eq!(first["result"][0]["id"], again["result"][0]["id"]);
    assert_eq!(setup.cases(), [json!({ "Subject": "again", "Origin": "Phone", "Call_Id__c": "c-1" })]);
}

#[tokio::test]
async fn what_a_caller_sends_stays_one_segment_of_the_address() {
    let setup = Setup::new();
    let keys = ["../../query?q=SELECT", "a/b", "%2e%2e", "é&=#;\\", "..;/x", " .", "a\nb"];
    for key in keys {
        assert_eq!(setup.call("note", &json!({ "call": key, "subject": "x" })).await.status, 200, "{key:?}");
        assert!(setup.cases().iter().any(|case| case["Call_Id__c"] == key), "{key:?}: {:?}", setup.cases());
    }
    assert_eq!(setup.sent(), keys.len());
    for key in [".", ".."] {
        let answer = setup.call("note", &json!({ "call": key, "subject": "x" })).await;
        check_error(&answer, 400, "invalid_parameter", false);
        assert_eq!(answer.json()["errors"][0]["parameter"], "call");
    }
    assert_eq!(setup.sent(), keys.len(), "nothing was sent");
}

#[tokio::test]
async fn a_write_that_may_have_taken_effect_is_never_sent_again() {
    let lost = [
        Fault::Cut,
        Fault::CutBody,
        Fault::error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred"),
        Fault::Answer(502, Vec::new(), "<html>Bad Gateway</html>".into()),
        Fault::Answer(504, Vec::new(), String::new()),
    ];
    for fault in lost {
        let setup = Setup::new();
        setup.server.fault("/sobjects/Case", fault.clone());
        let answer = setup.call_under("k", "open", &ada()).await;
        check_error(&answer, 503, "backend_unavailable", true);
        let repeat = setup.call_under("k", "open", &ada()).await;
        check_error(&repeat, 503, "backend_unavailable", true);
        assert_eq!(setup.sent(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_write_without_an_answer_in_time_is_in_doubt() {
    let open = OPEN.replace("retry:", "timeout: 2s\nretry:");
    let setup = Setup::with(&[("actions/open.yaml", &open)]);
    setup.server.fault("/sobjects/Case", Fault::Late(Duration::from_secs(20)));
    check_error(&setup.call("open", &ada()).await, 504, "timeout", true);
    assert_eq!(setup.sent(), 1);
}

#[tokio::test]
async fn a_write_that_had_no_effect_is_sent_again() {
    let faults = [
        Fault::error(503, "SERVER_UNAVAILABLE", "later"),
        Fault::Answer(503, Vec::new(), "<html>maintenance</html>".into()),
        Fault::error(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        Fault::error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        Fault::Answer(429, Vec::new(), String::new()),
    ];
    for fault in faults {
        let setup = Setup::new();
        setup.server.faults("/sobjects/Case", 2, &fault);
        assert_eq!(setup.call("open", &ada()).await.status, 200, "{fault:?}");
        assert_eq!((setup.sent(), setup.cases().len()), (3, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn tries_end_with_the_code_of_what_went_wrong_and_no_doubt() {
    let check = async |fault: Fault, status: u16, code: &str, sent: usize| {
        let setup = Setup::new();
        setup.server.faults("/sobjects/Case", 9, &fault);
        let answer = setup.call("open", &ada()).await;
        check_error(&answer, status, code, false);
        assert_eq!(setup.sent(), sent, "{code}");
        answer
    };
    check(Fault::error(503, "SERVER_UNAVAILABLE", "later"), 503, "backend_unavailable", 3).await;
    check(Fault::error(400, "UNABLE_TO_LOCK_ROW", "locked"), 503, "contention", 3).await;
    check(Fault::error(400, "INVALID_FIELD", "No such column 'Subject'"), 502, "schema_drift", 1).await;
    check(Fault::error(404, "NOT_FOUND", "The requested resource does not exist"), 502, "schema_drift", 1).await;
    check(Fault::error(403, "INSUFFICIENT_ACCESS", "no"), 502, "backend_error", 1).await;
    check(Fault::Answer(302, Vec::new(), String::new()), 502, "backend_error", 1).await;
    let daily = Fault::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    assert_eq!(check(daily, 503, "backend_limited", 1).await.header("Retry-After"), Some("3600"));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let setup = Setup::new();
    assert_eq!(setup.call("open", &ada()).await.status, 200);
    setup.server.org().tokens.clear();
    assert_eq!(setup.call("open", &ada()).await.status, 200);
    assert_eq!((setup.server.logins(), setup.sent(), setup.cases().len()), (2, 3, 2));
}

#[tokio::test]
async fn constraints_are_told_apart() {
    let setup = Setup::new();
    let opened = json!({ "subject": "x", "call": "c-1" });
    assert_eq!(setup.call("open", &opened).await.status, 200);
    let answer = setup.call("open", &opened).await;
    check_error(&answer, 409, "constraint_violation", false);
    assert_eq!(answer.json()["constraint"], "unique");

    setup.server.fault("/sobjects/Case", Fault::Answer(400, Vec::new(), r#"[{"errorCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [Origin]","fields":["Origin"]}]"#.into()));
    let answer = setup.call("open", &ada()).await;
    check_error(&answer, 409, "constraint_violation", false);
    assert_eq!(answer.json()["constraint"], "not_null");
    assert_eq!((setup.sent(), setup.cases().len()), (3, 1));
}

#[tokio::test]
async fn an_external_id_of_several_records_is_a_conflict() {
    let line = NOTE.replace("Call_Id__c", "Line__c");
    let setup = Setup::with(&[("actions/note.yaml", &line)]);
    for _ in 0..2 {
        setup.server.org().sobjects.insert(json!({ "Origin": "Phone", "Line__c": "7" }));
    }
    let answer = setup.call("note", &json!({ "call": "7", "subject": "x" })).await;
    check_error(&answer, 409, "constraint_violation", false);
    assert_eq!((answer.json()["constraint"].as_str(), setup.sent()), (Some("unique"), 1));
}

#[tokio::test]
async fn a_value_that_is_refused_names_its_parameter_and_nothing_of_the_org() {
    let setup = Setup::new();
    let check = async |variables: Json, parameter: &str| {
        let answer = setup.call("open", &variables).await;
        check_error(&answer, 400, "invalid_parameter", false);
        assert_eq!(answer.json()["errors"][0]["parameter"], parameter);
        assert!(!answer.text().contains("Case") && !answer.text().contains("Subject"), "{}", answer.text());
    };
    check(json!({ "subject": "x".repeat(256) }), "subject").await;
    check(json!({ "subject": "x", "contact": "12" }), "contact").await;
    check(json!({ "subject": "x", "topics": ["a;b"] }), "topics").await;
    assert_eq!(setup.sent(), 2, "what cannot be written is not sent");
}

#[tokio::test]
async fn no_parameter_is_blamed_for_a_constant() {
    let refused = CLOSE
        .replace(r#""{{ status }}""#, "Closed")
        .replace(", status: { type: string, nullable: true, default: Closed }", "");
    let setup = Setup::with(&[("actions/close.yaml", &refused)]);
    let body = r#"[{"errorCode":"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST","message":"bad value","fields":["Status"]}]"#;
    setup.server.fault("/sobjects/Case", Fault::Answer(400, Vec::new(), body.into()));
    let answer = setup.call("close", &json!({ "case_id": "500A" })).await;
    check_error(&answer, 400, "invalid_parameter", false);
    assert_eq!(answer.json().get("errors"), None);
}

#[tokio::test]
async fn an_outcome_of_its_own_hides_no_doubt() {
    let open = OPEN.replace("FIELD_CUSTOM_VALIDATION_EXCEPTION", "UNKNOWN_EXCEPTION");
    let setup = Setup::with(&[("actions/open.yaml", &open)]);
    let body = r#"[{"errorCode":"UNKNOWN_EXCEPTION","message":"oh"}]"#;
    setup.server.fault("/sobjects/Case", Fault::Answer(500, Vec::new(), body.into()));
    check_error(&setup.call("open", &ada()).await, 503, "backend_unavailable", true);
}

#[tokio::test]
async fn a_rule_of_the_org_may_be_an_outcome_of_its_own() {
    let setup = Setup::new();
    let refused = json!({ "subject": FORBIDDEN });
    check_error(&setup.call("open", &refused).await, 422, "no_such_subject", false);
    let without = setup.call("note", &json!({ "call": "c", "subject": FORBIDDEN })).await;
    check_error(&without, 502, "backend_error", false);
}

#[tokio::test]
async fn a_result_that_breaks_the_schema_says_that_the_record_is_there() {
    let open = OPEN.replace("const: true", "const: false");
    let setup = Setup::with(&[("actions/open.yaml", &open)]);
    for _ in 0..2 {
        let answer = setup.call_under("k", "open", &ada()).await;
        check_error(&answer, 502, "result_invalid", false);
        assert_eq!(answer.json()["committed"], true);
    }
    assert_eq!((setup.sent(), setup.cases().len()), (1, 1), "under a key it is not written again");
}

#[tokio::test]
async fn an_answer_without_an_id_says_that_the_record_is_there() {
    let setup = Setup::new();
    setup.server.fault("/sobjects/Case", Fault::Answer(201, Vec::new(), "<html>".into()));
    let answer = setup.call("open", &ada()).await;
    check_error(&answer, 502, "backend_error", false);
    assert_eq!(answer.json()["committed"], true);
    // An upsert of versions before v46.0 answers nothing of a record that was there.
    setup.server.fault("/sobjects/Case", Fault::Answer(204, Vec::new(), String::new()));
    let answer = setup.call("note", &json!({ "call": "c", "subject": "x" })).await.json();
    assert_eq!(answer["result"], json!([{ "id": null, "created": false }]));
}

#[tokio::test]
async fn a_write_that_was_never_sent_is_not_in_doubt() {
    let setup = Setup::new();
    setup.server.faults("/oauth2/token", 9, &Fault::error(503, "", ""));
    check_error(&setup.call("open", &ada()).await, 503, "backend_unavailable", false);
    assert_eq!(setup.sent(), 0);
}

#[test]
fn a_live_lint_finds_what_the_org_lacks() {
    let server = Server::start(Org::demo());
    let check = |action: &str, expected: &[&str]| {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join("actions")).expect("a folder");
        let config = format!("backends:\n  org: {{ kind: salesforce, login_url: '{}', auth: {AUTH} }}\n", server.url());
        fs::write(folder.path().join("datadip.yaml"), config).expect("a file");
        fs::write(folder.path().join("actions/write.yaml"), action).expect("a file");
        let mut command = assert_cmd::Command::cargo_bin("datadip").expect("the binary is built");
        let output = command.current_dir(folder.path()).args(["lint", "--live"]).output().expect("it runs");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(printed.matches("schema-drift").count(), expected.len(), "{printed}");
        expected.iter().for_each(|expected| assert!(printed.contains(expected), "{expected}\n{printed}"));
    };
    check(CLOSE, &[]);
    check(&CLOSE.replace("Status:", "Sttus:"), &["the object `Case` has no field `Sttus`"]);
    check(&CLOSE.replace("object: Case", "object: Csae"), &["the backend has no object `Csae`"]);
    let note = NOTE.replace("Call_Id__c", "Call_No__c").replace("Origin:", "Orign:");
    check(&note, &["the object `Case` has no field `Call_No__c`", "the object `Case` has no field `Orign`"]);
}

#[tokio::test]
async fn a_write_that_found_no_connection_in_time_is_not_in_doubt() {
    let open = OPEN.replace("retry:", "timeout: 500ms\nretry:");
    let setup = Setup::with(&[("actions/open.yaml", &open)]);
    // Connections are made, and no handshake of TLS is ever answered.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    setup.server.org().instance = Some(format!("https://{}", silent.local_addr().expect("its address")));
    let answer = setup.call_under("k", "open", &ada()).await;
    let body = answer.json();
    assert!(["backend_unavailable", "timeout"].contains(&body["code"].as_str().unwrap_or_default()), "{body}");
    assert_eq!(body["in_doubt"], json!(null), "{body}");
}

#[tokio::test]
async fn a_simulation_and_a_broken_call_send_nothing() {
    let setup = Setup::new();
    let answer = setup.gateway.post("/simulate/open", &ada().to_string()).await.json();
    assert_eq!((&answer["status"], &answer["simulated_result"]), (&json!("success"), &json!(null)));
    assert_eq!(setup.gateway.post("/simulate/open", "{}").await.code(), "missing_parameter");
    assert_eq!((setup.sent(), setup.server.logins()), (0, 0));
}

#[tokio::test]
async fn operators_see_how_much_of_the_orgs_limits_is_used() {
    let setup = Setup::new();
    let unused = setup.gateway.get("/metrics").await;
    let unused = unused.text();
    assert!(!unused.contains("datadip_api_used") && !unused.contains("datadip_backend_up"), "{unused}");
    setup.server.org().limits =
        Some("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)".into());
    assert_eq!(setup.call("open", &ada()).await.status, 200);
    let answer = setup.gateway.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "# TYPE datadip_api_used gauge",
        r#"datadip_api_used{backend="org",limit="api-usage"} 25"#,
        r#"datadip_api_limit{backend="org",limit="api-usage"} 5000"#,
        r#"datadip_api_used{backend="org",limit="per-app-api-usage"} 17"#,
        r#"datadip_backend_up{backend="org"} 1"#,
        r#"datadip_breaker_open{backend="org"} 0"#,
        r#"datadip_pool_connections{backend="org",state="open"} 0"#,
        "datadip_quarantined_files 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let shown = json!({ "org": {
        "api-usage": { "used": 25, "limit": 5000 },
        "per-app-api-usage": { "used": 17, "limit": 250 },
    } });
    assert_eq!(setup.gateway.get("/profiler").await.json()["limits"], shown);
}
