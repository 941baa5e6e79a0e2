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
