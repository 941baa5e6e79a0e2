//! `datadip.yaml` in, settings or diagnostics out.

use std::{collections::HashMap, io};

use proptest::prelude::*;

use super::*;

/// An environment of tests: variables, and files by path.
#[derive(Default)]
struct Fake(HashMap<&'static str, String>);

impl Environment for Fake {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        text.cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn read(text: &str, environment: Option<&Fake>) -> Read {
    let source = Arc::new(Source { path: "datadip.yaml".into(), text: text.into() });
    Settings::read(source, Path::new("/deploy"), environment.map(|fake| fake as &dyn Environment))
}

/// The settings of a text without a fault.
fn good(text: &str) -> Settings {
    let read = read(text, Some(&Fake::default()));
    assert!(read.report.diagnostics.is_empty(), "{}", crate::diagnostic::text::render(&read.report, false));
    read.settings.expect("settings without errors")
}

/// What is wrong with a text: each rule with the piece of the text that it points at.
fn check(text: &str, environment: Option<&Fake>) -> Vec<String> {
    let read = read(text, environment);
    let piece = |d: &Diagnostic| format!("{} {}", d.rule.name, &text[d.span.range()]);
    assert_eq!(read.settings.is_none(), has_errors(&read.report.diagnostics));
    read.report.diagnostics.iter().map(piece).collect()
}

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const OTHER: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

#[test]
fn an_empty_configuration_has_the_defaults_of_the_contract() {
    let settings = good("backends: {}\n");
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.shutdown_grace, Duration::from_secs(20));
    assert_eq!((settings.limits.request_bytes, settings.limits.response_bytes), (64 << 10, 32 << 10));
    let LimiterSettings { concurrency, queue, max_wait, rate } = settings.limits.calls;
    assert_eq!((concurrency, queue, max_wait, rate), (Some(200), 400, Duration::from_millis(500), None));
    assert_eq!(settings.telemetry.level, LogLevel::Info);
    assert!(settings.access.is_none() && settings.telemetry.log.is_none() && settings.server.workers > 0);
    assert_eq!((settings.outline.actions.as_str(), settings.outline.schemas.as_str()), ("actions", "schemas"));
}

#[test]
fn every_key_of_this_version_is_read() {
    let settings = good(&format!(
        "server:
  listen: 0.0.0.0:80
  admin_listen: localhost:81
  zone: Europe/Berlin
  workers: 3
  shutdown_grace: 1s
  trusted_proxies: [10.0.0.1, 'fd00::/8']
  cors: ['https://desk.example.com']
actions: flows
schemas: types
access:
  keys:
    - {{ name: ops, sha256: {HASH}, admin: true, allow_ips: [203.0.113.0/24] }}
  allow_ips: [203.0.113.0/24]
limits: {{ concurrency: 1, queue: 0, max_wait: 1ms, rate: 5/m, request_bytes: 1KiB, response_bytes: 2KiB }}
backends: {{ demo: {{ kind: sqlite, url: 'sqlite:demo.db' }} }}
lint: {{ levels: {{ ambiguous-scalar: off }} }}
telemetry: {{ log: json, level: debug }}
"
    ));
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(settings.server.admin_listen.expect("set").to_string(), "127.0.0.1:81");
    assert_eq!(settings.outline.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(settings.server.trusted_proxies[0].to_string(), "10.0.0.1/32");
    assert_eq!(settings.outline.keys.as_deref(), Some(&["ops".to_owned()][..]));
    assert_eq!(settings.outline.levels.get("ambiguous-scalar"), Some(&None));
    assert!(settings.access.expect("set").keys[0].admin);
    assert!(settings.backends.contains_key("demo"));
}

#[test]
fn everything_wrong_is_reported_at_its_place() {
    let text = "server: { listen: here, zone: Mars, workers: 0, cors: ['*'], trusted_proxies: [x] }
actions: ''
limits: { concurrency: 0, response_bytes: 1 }
backends:
  a: { url: x }
  b: { kind: oracle }
  c: { kind: sqlite, url: 'sqlite:c.db', colour: red }
lint: { levels: { no-such-rule: off, bad-value: note } }
";
    let expected = [
        "bad-value here",
        "bad-value Mars",
        "bad-value 0",
        "bad-value '*'",
        "bad-value x",
        "bad-value ''",
        "bad-value 0",
        "bad-value 1",
        "missing-key a",
        "bad-value oracle",
        "unknown-key colour",
        "bad-value no-such-rule",
        "bad-value note",
    ];
    assert_eq!(check(text, None), expected);
}

#[test]
fn blocks_of_later_versions_are_refused_and_not_ignored() {
    for (text, place) in [
        ("cxone: 1", "1"),
        ("server: { tls: 1 }", "1"),
        ("telemetry: { otlp_endpoint: x }", "x"),
        ("telemetry: { metrics: true }", "true"),
    ] {
        assert_eq!(check(text, None), [format!("not-supported-yet {place}")], "{text}");
    }
    let access = format!("access: {{ keys: [{{ name: a, sha256: {HASH} }}], hmac: 1, jwt: 2 }}");
    assert_eq!(check(&access, None), ["not-supported-yet 1", "not-supported-yet 2"]);
}

#[test]
fn without_access_only_loopback_is_served() {
    for listen in ["0.0.0.0:8080", "10.0.0.1:80", "[::]:80"] {
        for key in ["listen", "admin_listen"] {
            let text = format!("server: {{ {key}: '{listen}' }}");
            assert_eq!(check(&text, None), [format!("loopback-only '{listen}'")]);
            let open = format!("{text}\naccess: {{ keys: [{{ name: a, sha256: {HASH} }}] }}");
            assert!(check(&open, None).is_empty());
        }
    }
    for listen in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:80", "localhost:80"] {
        assert!(check(&format!("server: {{ listen: '{listen}' }}"), None).is_empty(), "{listen}");
    }
    let settings = good("backends: {}");
    assert!(settings.refuse_listen("0.0.0.0:1".parse().expect("an address")).is_some());
    assert!(settings.refuse_listen("127.0.0.1:1".parse().expect("an address")).is_none());
}

#[test]
fn keys_are_well_formed_and_distinct() {
    let key = |name: &str, hash: &str| format!("{{ name: {name}, sha256: '{hash}' }}");
    let keys = |keys: &[String]| format!("access: {{ keys: [{}] }}", keys.join(", "));
    assert!(check(&keys(&[key("a", HASH), key("b", &OTHER.to_uppercase())]), None).is_empty());
    for bad in ["", "abc", &HASH[..63], &format!("{HASH}0"), &HASH.replace('9', "g")] {
        assert_eq!(check(&keys(&[key("a", bad)]), None), [format!("bad-value '{bad}'")]);
    }
    assert_eq!(check(&keys(&[key("a", HASH), key("a", OTHER)]), None), ["bad-value a"]);
    assert_eq!(check(&keys(&[key("a", HASH), key("b", HASH)]), None), [format!("bad-value '{HASH}'")]);
    assert_eq!(check("access: { keys: [] }", None), ["missing-key []"]);
    assert_eq!(check("access: {}", None), ["missing-key "]);
    let glob = format!("access: {{ keys: [{{ name: a, sha256: {HASH}, actions: ['crm/[', ok] }}] }}");
    assert_eq!(check(&glob, None), ["bad-value 'crm/['"]);
}

#[test]
fn references_are_replaced_by_variables_defaults_and_files() {
    let fake = Fake(HashMap::from([
        ("PORT", "9090".into()),
        ("WORKERS", "2".into()),
        ("EMPTY", String::new()),
        ("/deploy/level", "debug\n".into()),
        ("/run/zone", "Europe/Paris".into()),
    ]));
    let text = "server:
  listen: \"127.0.0.1:${PORT}\"
  workers: \"${WORKERS}\"
  zone: ${file:/run/zone}
limits: { queue: \"${QUEUE:-7}\", concurrency: \"${EMPTY:-8}\" }
telemetry: { level: \"${file:level}\" }
";
    let read = read(text, Some(&fake));
    let settings = read.settings.expect("settings without errors");
    assert_eq!((settings.server.listen.port(), settings.server.workers), (9090, 2));
    assert_eq!((settings.limits.calls.queue, settings.limits.calls.concurrency), (7, Some(8)));
    assert_eq!(settings.telemetry.level, LogLevel::Debug);
    assert_eq!(settings.outline.zone.iana_name(), Some("Europe/Paris"));
    assert_eq!(settings.secret_files, [Path::new("/run/zone"), Path::new("/deploy/level")]);
}

#[test]
fn files_that_keys_name_are_read_and_watched_and_never_shown() {
    let key = include_str!("../../tests/it/salesforce/key.pem");
    let text = "backends:
  org:
    kind: salesforce
    auth: { flow: jwt_bearer, client_id: a, username: b, private_key_file: \"${KEY:-keys/org.pem}\" }
";
    let digest = |key: &str| {
        let fake = Fake(HashMap::from([("/deploy/keys/org.pem", key.to_owned())]));
        let settings = read(text, Some(&fake)).settings.expect("settings without errors");
        assert_eq!(settings.secret_files, [Path::new("/deploy/keys/org.pem")]);
        assert!(!format!("{settings:?}").contains("PRIVATE"));
        settings.backends["org"].digest
    };
    assert_eq!(digest(key), digest(key));
    assert_ne!(digest(key), digest(&format!("\n{key}")), "another file is another backend");
    let place = "\"${KEY:-keys/org.pem}\"";
    assert_eq!(check(text, Some(&Fake::default())), [format!("unresolved-reference {place}")]);
    let other = Fake(HashMap::from([("/deploy/keys/org.pem", "none".to_owned())]));
    assert_eq!(check(text, Some(&other)), [format!("bad-value {place}")]);
    let said = read(text, Some(&other)).report.diagnostics[0].message.clone();
    assert!(said.ends_with(", got something else by `${KEY:-keys/org.pem}`"), "{said}");
    assert!(check(text, None).is_empty(), "lint needs no key");
}

#[test]
fn every_missing_reference_is_listed_at_its_place() {
    let text = "actions: ${A}\nschemas: \"x/${B}/${file:/c}\"\nbackends: { d: { kind: sqlite, url: 'sqlite:${D}' } }\n";
    let expected = [
        "unresolved-reference ${A}",
        "unresolved-reference ${B}",
        "unresolved-reference ${file:/c}",
        "unresolved-reference ${D}",
    ];
    assert_eq!(check(text, Some(&Fake::default())), expected);
    assert!(check(text, None).is_empty(), "lint needs no secrets");
}

#[test]
fn references_that_are_none_are_bad_values() {
    for text in ["${", "${}", "${1A}", "${A B}", "a ${A"] {
        let found = check(&format!("actions: '{text}'"), Some(&Fake::default()));
        assert!(found.len() == 1 && found[0].starts_with("bad-value"), "{text}: {found:?}");
    }
}

#[test]
fn a_default_that_does_not_fit_is_named_once() {
    let read = read("server: { zone: '${ZONE:-Mars}' }\nbackends: {}\n", Some(&Fake::default()));
    let messages: Vec<_> = read.report.diagnostics.iter().map(|diagnostic| &diagnostic.message).collect();
    assert_eq!(messages, ["expected the IANA name of a time zone, got something else by `${ZONE:-Mars}`"]);
}

#[test]
fn what_is_not_known_without_secrets_is_not_judged() {
    let text = "server: { listen: \"${LISTEN}\", workers: \"${WORKERS}\" }
access: { keys: [{ name: a, sha256: \"${HASH}\" }] }
backends: { demo: { kind: sqlite, url: \"${URL}\", pool: { max: \"${MAX}\" } } }
";
    let read = read(text, None);
    assert!(read.report.diagnostics.is_empty(), "{:?}", read.report.diagnostics);
    assert_eq!(read.outline.keys.as_deref(), Some(&["a".to_owned()][..]));
    assert!(read.outline.backends.as_ref().is_some_and(|backends| backends.contains_key("demo")));
}

#[test]
fn a_broken_configuration_still_tells_what_actions_are_checked_against() {
    let read = read("server: { workers: x }\nbackends: { demo: { kind: sqlite } }\n", None);
    assert!(read.settings.is_none());
    assert!(read.outline.backends.as_ref().is_some_and(|backends| backends.contains_key("demo")));
    for text in ["a: [", "backends: { a: { kind: sqlite, url: 'sqlite:a.db' }, b: { kind: sqlit } }"] {
        let read = self::read(text, None);
        assert!(read.settings.is_none() && read.outline.backends.is_none(), "{text}");
    }
}

#[test]
fn levels_apply_to_warnings_and_can_make_them_errors() {
    let read_level = read("lint: { levels: { schema-drift: off } }\n", None);
    let messages: Vec<_> = read_level.report.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert!(messages.contains(&"`schema-drift` is always an error: what it finds cannot be served"), "{messages:?}");
    for (level, expected) in [("off", None), ("note", Some(Level::Note)), ("error", Some(Level::Error))] {
        let text = format!("actions: 00123\nlint: {{ levels: {{ ambiguous-scalar: {level} }} }}\n");
        let read = read(&text, None);
        assert_eq!(read.report.diagnostics.first().map(|diagnostic| diagnostic.level), expected);
        assert_eq!(read.settings.is_none(), level == "error");
    }
}

#[test]
fn what_is_wrong_with_an_address_from_elsewhere_is_told() {
    for (kind, url, message, help) in [
        ("postgres", "postgres://u:secret@h:54x/db", "the address cannot be read: invalid port number", None),
        (
            "postgres",
            "postgres://u:secret@h/db?sslmod=require",
            "the address has a parameter that means nothing here",
            Some("did you mean `sslmode`?"),
        ),
        (
            "mysql",
            "mysql://u:secret@h/db?sslmode=REQUIRED",
            "the address has a parameter that means nothing here",
            Some("did you mean `ssl-mode`?"),
        ),
        ("mysql", "", "expected a value, got nothing by `${URL}`", None),
        ("sqlite", "", "expected a value, got nothing by `${URL}`", None),
    ] {
        let fake = Fake(HashMap::from([("URL", url.to_owned())]));
        let read = read(&format!("backends: {{ a: {{ kind: {kind}, url: '${{URL}}' }} }}\n"), Some(&fake));
        let [found] = &read.report.diagnostics[..] else { panic!("one finding: {:?}", read.report.diagnostics) };
        assert_eq!((found.message.as_str(), found.help.as_deref()), (message, help));
    }
}

#[test]
fn mariadb_is_served_by_another_kind() {
    let read = read("backends: { a: { kind: mariadb, url: 'mariadb://u@h/db' } }\n", None);
    let [found] = &read.report.diagnostics[..] else { panic!("one finding: {:?}", read.report.diagnostics) };
    assert_eq!(found.help.as_deref(), Some("MariaDB is of kind `mysql`"));
}

#[test]
fn a_password_that_the_file_holds_is_not_shown() {
    for (kind, url) in [
        ("postgres", "postgres://u:secret@h:54x/db"),
        ("postgres", "postgres://u:secret@h/db?sslmod=require"),
        ("mysql", "mysql://u:secret@h/db?sslmode=x"),
        ("sqlite", "mysql://u:secret@h/db"),
        ("postgres", "mysql://u:secret@h/${DB:-db}"),
        ("postgres", "${DATABASE_URL:-mysql://u:secret@h/db}"),
        ("mysql://u:secret@h/db", ""),
    ] {
        let text = format!("backends: {{ a: {{ kind: '{kind}', url: '{url}' }} }}\n");
        let read = read(&text, Some(&Fake::default()));
        let shown = crate::diagnostic::text::render(&read.report, false);
        assert!(shown.contains("u:***@h") && !shown.contains("secret"), "{shown}");
        assert!(!format!("{:?}", read.report.diagnostics).contains("secret"), "{shown}");
    }
}

proptest! {
    #[test]
    fn values_are_never_shown(secret in "[a-zA-Z0-9/:@]{6,40}") {
        prop_assume!(!"datadip.yaml SECRET expected workers".contains(&secret));
        let fake = Fake(HashMap::from([("S", secret.clone())]));
        let text = "server: { listen: '${S}', zone: '${S}', workers: '${S}', shutdown_grace: '${S}', cors: ['${S}', 'a${S}'] }
access: { keys: [{ name: '${S}', sha256: '${S}', actions: ['[${S}', '${S}'], allow_ips: ['${S}'] }, { name: '${S}', sha256: '${S}' }] }
limits: { rate: '${S}', request_bytes: '${S}' }
backends: { a: { kind: '${S}' }, b: { kind: sqlite, url: '${S}', init: '${S}', pool: { max: '${S}' } } }
telemetry: { level: '${S}' }
lint: { levels: { bad-value: '${S}' } }
";
        let read = read(text, Some(&fake));
        prop_assert!(read.report.diagnostics.len() > 10);
        prop_assert!(!crate::diagnostic::text::render(&read.report, false).contains(&secret));
        let url = format!("backends: {{ b: {{ kind: sqlite, url: 'sqlite:${{S}}' }} }}\naccess: {{ keys: [{{ name: a, sha256: {HASH} }}] }}");
        let read = self::read(&url, Some(&fake));
        let shown = format!("{read:?}");
        prop_assert!(!shown.contains(&secret));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(server|access|keys|limits|backends|: |\n|  |- |\\$\\{|\\}|[a-z0-9{}\\[\\],'\"]){0,40}") {
        let _ = read(&text, None);
        let _ = read(&text, Some(&Fake::default()));
    }
}
