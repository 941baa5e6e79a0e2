//! The `url` of a backend on a server: what all kinds of them have in common, checked at load. It may be a secret, so that
//! no message shows a word of it.

use std::path::Path;

use super::Failure;
use crate::{
    diagnostic::{BAD_ADDRESS, Diagnostic, suggest},
    yaml::Spanned,
};

/// Takes an address apart: what stands behind one of `schemes`, and the parameters behind its `?`. Refuses what the parser
/// of addresses would take for something else than it is: a piece of a password for a host or a database.
pub(super) fn split<'a>(url: &'a Spanned<String>, schemes: [&str; 2]) -> Result<(&'a str, &'a str), Diagnostic> {
    let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        let message = format!("expected an address that begins with `{}`", schemes[0]);
        return Err(BAD_ADDRESS.at(url.span, message).help(format!("write `{}user@host/database`", schemes[0])));
    };
    let broken = |(user, behind): (&str, &str)| user.contains(['/', '?']) || behind.contains('@');
    if rest.contains('#') || rest.split_once('@').is_some_and(broken) {
        let message = "expected no `#`, and no `@` but the one before the host, in the address";
        let help = "where they belong to a password, a user or a parameter, write `%23` for `#`, `%40` for `@`, `%2F` for `/`, \
                    `%3A` for `:`, `%3F` for `?` and `%25` for `%`";
        return Err(BAD_ADDRESS.at(url.span, message).help(help));
    }
    Ok(rest.split_once('?').unwrap_or((rest, "")))
}

/// Where a server is, for the log: host and port, or a socket. Who connects, and by which password, is no part of it.
pub(super) fn place(host: &str, port: u16, socket: Option<&Path>) -> String {
    match socket {
        Some(socket) => socket.display().to_string(),
        None => format!("{host}:{port}"),
    }
}

/// A failure to connect to a place.
pub(super) fn unreached(failure: Failure, place: &str) -> Failure {
    Failure { message: format!("{place}: {}", failure.message), ..failure }
}

/// That an address cannot be read. The reasons name a part of an address, and not what stands there.
pub(super) fn unreadable(url: &Spanned<String>, error: &sqlx::Error) -> Diagnostic {
    let reason = match error {
        sqlx::Error::Configuration(reason) => format!(": {reason}"),
        _ => String::new(),
    };
    BAD_ADDRESS.at(url.span, format!("the address cannot be read{reason}"))
}

/// That an address has a parameter other than those that are `known`. What was written may be a piece of a password.
pub(super) fn unknown_parameter(url: &Spanned<String>, written: &str, known: &[&str]) -> Diagnostic {
    let message = "the address has a parameter that means nothing here";
    BAD_ADDRESS.at(url.span, message).maybe_help(suggest::help(written, known.iter().copied()))
}
