//! Which key may call which action: pure, and apart from how a request carries its key.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ipnet::IpNet;

use super::spec::{AccessSpec, KeySpec};
use crate::{
    action::Action,
    diagnostic::{BAD_VALUE, Diagnostic, MISSING_KEY, Span},
    spec::Mode,
};

/// Who may call: `access`.
#[derive(Debug)]
pub struct Access {
    /// The keys; never empty. Any of them lets a call in, so that a new one can replace an old one.
    pub keys: Vec<Key>,
    /// The networks that calls may come from; empty for all.
    pub allow_ips: Vec<IpNet>,
}

/// One API key.
#[derive(Debug)]
pub struct Key {
    /// What it is called in logs and in the `access` of actions. Unique.
    pub name: String,
    /// The SHA-256 of the key; to be compared in constant time.
    pub sha256: KeyHash,
    /// Whether it may see the catalog and the console, and simulate.
    pub admin: bool,
    /// The networks that it may be used from; empty for all.
    pub allow_ips: Vec<IpNet>,
    /// The actions that it may call; `None` for every read.
    actions: Option<GlobSet>,
}

/// The SHA-256 of a key. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(***)")
    }
}

impl Key {
    /// Whether this key may call an action. The action's own `access` decides where it has one; else the key's `actions`;
    /// else every read may be called, and no write.
    pub fn allows(&self, action: &Action) -> bool {
        match (&action.access, &self.actions) {
            (Some(names), _) => names.contains(&self.name),
            (None, Some(globs)) => globs.is_match(&action.name),
            (None, None) => action.mode == Mode::Read,
        }
    }
}

impl Access {
    pub(super) fn read(spec: &AccessSpec, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let specs = spec.keys.as_ref().map_or(&[] as &[KeySpec], |keys| keys.value.as_slice());
        if specs.is_empty() {
            let span = spec.keys.as_ref().map_or(Span { end: spec.span.start, ..spec.span }, |keys| keys.span);
            let message = "`access` without keys lets nobody in";
            out.push(MISSING_KEY.at(span, message).help("`datadip keygen NAME` prints a key and the lines to paste"));
        }
        let mut keys: Vec<Key> = Vec::new();
        for spec in specs {
            let Some(key) = Key::read(spec, out) else { continue };
            if keys.iter().any(|other| other.name == key.name) {
                let message = format!("a second key is called `{}`", key.name);
                let help = "give each key its own name; several may be valid at once";
                out.push(BAD_VALUE.at(spec.name.span, message).help(help));
            } else if let Some(other) = keys.iter().find(|other| other.sha256 == key.sha256) {
                let message = format!("the keys `{}` and `{}` are the same", other.name, key.name);
                out.push(BAD_VALUE.at(spec.sha256.span, message).help("make a new one with `datadip keygen`"));
            }
            keys.push(key);
        }
        (!keys.is_empty()).then(|| Self { keys, allow_ips: spec.allow_ips.clone().unwrap_or_default() })
    }
}

impl Key {
    fn read(spec: &KeySpec, out: &mut Vec<Diagnostic>) -> Option<Self> {
        if spec.name.trim().is_empty() {
            out.push(BAD_VALUE.at(spec.name.span, "expected a name for the key, got nothing"));
        }
        let mut hash = [0; 32];
        let hashed = hex::decode_to_slice(spec.sha256.as_bytes(), &mut hash).is_ok();
        if !hashed {
            let message = "expected the SHA-256 of a key as 64 hexadecimal digits, got something else";
            out.push(
                BAD_VALUE.at(spec.sha256.span, message).help("`datadip keygen NAME` prints a key and its SHA-256"),
            );
        }
        let mut globs = GlobSetBuilder::new();
        for pattern in spec.actions.iter().flatten() {
            // `*` stays within a folder, as in a shell; `**` crosses folders.
            match GlobBuilder::new(pattern).literal_separator(true).build() {
                Ok(glob) => _ = globs.add(glob),
                Err(error) => {
                    let message =
                        format!("expected the name of an action or a glob, got {:?}: {}", pattern.value, error.kind());
                    out.push(BAD_VALUE.at(pattern.span, message).help("write crm/* for a folder, ** for all"));
                }
            }
        }
        let actions = match globs.build() {
            Ok(globs) => spec.actions.as_ref().map(|_| globs),
            Err(error) => {
                out.push(BAD_VALUE.at(spec.name.span, format!("the globs of this key are too much: {}", error.kind())));
                return None;
            }
        };
        Some(Self {
            name: spec.name.value.clone(),
            sha256: hashed.then_some(KeyHash(hash))?,
            admin: spec.admin.unwrap_or(false),
            allow_ips: spec.allow_ips.clone().unwrap_or_default(),
            actions,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, path::Path, sync::Arc};

    use super::*;
    use crate::{
        action::{Context, Schemas},
        backend::driver,
        diagnostic::Source,
        settings::Settings,
        spec::ActionSpec,
        yaml::{self, read::FromNode},
    };

    fn key(rest: &str) -> Key {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let text = format!("access: {{ keys: [{{ name: flow, sha256: {hash}{rest} }}] }}");
        let source = Arc::new(Source { path: "datadip.yaml".into(), text });
        let settings = Settings::read(source, Path::new("."), None).settings.expect("no errors");
        settings.access.expect("access").keys.remove(0)
    }

    fn action(name: &str, rest: &str) -> Action {
        let sql = if rest.contains("write") { "DELETE FROM t WHERE id = 1" } else { "SELECT 1 AS one" };
        let text = format!("backend: demo\nsql: {sql}\n{rest}");
        let (document, mut out) = yaml::parse(&text);
        let spec = ActionSpec::from_node(&document.expect("YAML").root, &mut out).expect("an action");
        let backends = HashMap::from([("demo".to_owned(), driver("sqlite").expect("SQLite"))]);
        let context = Context {
            backends: Some(&backends),
            schemas: &Schemas::default(),
            keys: Some(&["flow".to_owned(), "desk".to_owned()]),
            zone: &jiff::tz::TimeZone::UTC,
            response_bytes: 32 << 10,
        };
        let source = Arc::new(Source { path: "a.yaml".into(), text });
        Action::compile(name, &spec, &source, &context, &mut out).unwrap_or_else(|_| panic!("{out:?}"))
    }

    fn check(key_rest: &str, name: &str, action_rest: &str) -> bool {
        key(key_rest).allows(&action(name, action_rest))
    }

    #[test]
    fn a_key_without_actions_may_call_every_read_and_no_write() {
        assert!(check("", "crm/find", ""));
        assert!(!check("", "crm/close", "mode: write"));
        assert!(!check(", admin: true", "crm/close", "mode: write"));
    }

    #[test]
    fn the_actions_of_a_key_are_names_and_globs_that_stay_within_a_folder() {
        for (globs, allowed, refused) in [
            ("[crm/find]", "crm/find", "crm/find-2"),
            ("['crm/*']", "crm/find", "crm/old/find"),
            ("['crm/**']", "crm/old/find", "crmx"),
            ("['*']", "find", "crm/find"),
            ("['crm/{a,b}-*', 'x?']", "crm/b-1", "x"),
        ] {
            let rest = format!(", actions: {globs}");
            assert!(check(&rest, allowed, "") && check(&rest, allowed, "mode: write"), "{globs} {allowed}");
            assert!(!check(&rest, refused, ""), "{globs} {refused}");
        }
        assert!(!check(", actions: []", "find", ""));
    }

    #[test]
    fn the_access_of_an_action_decides_before_the_keys_own_rules() {
        assert!(check("", "close", "mode: write\naccess: [desk, flow]"));
        assert!(check(", actions: [other]", "close", "mode: write\naccess: [flow]"));
        assert!(!check("", "find", "access: [desk]"));
        assert!(!check(", actions: ['**']", "find", "access: [desk]"));
    }
}
