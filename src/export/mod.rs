//! The caller's side of an action: what an administrator puts into a contact-centre platform to call it. From what is compiled,
//! without a server and without a request.

pub mod cxone;
pub mod genesys;
mod row;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::action::Action;

/// What a path may hold as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How an action is reached.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// The gateway's public address, `https://dips.example.com`.
    pub url: &'a Address,
    /// The name under which the platform keeps the API key; `None` where the gateway wants none.
    pub credential: Option<&'a str>,
}

impl Reach<'_> {
    /// The address of an action.
    fn of(&self, action: &Action) -> String {
        format!("{}{}", self.url.0, utf8_percent_encode(&action.path, PATH))
    }
}

/// A gateway's public address: `https://`, a host, and a path where a proxy has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// What it should look like, where it is none that the platforms call.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix("https://").ok_or("expected an address that begins with https://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | ':' | '[' | ']');
        // A template of the platform would read `$` and `#` for something else.
        let is_path = |char: char| char.is_ascii_alphanumeric() || "/-._~%".contains(char);
        if host.is_empty() || !host.chars().all(is_host) || !path.chars().all(is_path) {
            return Err("expected https://, a host and at most a path");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// Why an action cannot be called from a platform as it is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What does not fit.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl Problem {
    fn new(message: impl Into<String>, help: &'static str) -> Self {
        Self { message: message.into(), help }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhelp: {}", self.message, self.help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_platforms_call() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Address::read(text).ok().map(|address| address.0).as_deref(), expected, "{text}");
        };
        check("https://dips.example.com", Some("https://dips.example.com"));
        check("https://dips.example.com:8443/dips/", Some("https://dips.example.com:8443/dips"));
        for wrong in [
            "http://dips.example.com",
            "dips.example.com",
            "https://",
            "https:///x",
            "https://a b",
            "https://a/?q",
            "https://a/${x}",
            "https://u@a",
        ] {
            check(wrong, None);
        }
    }
}
