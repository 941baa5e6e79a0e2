//! The `url` of a backend: what it may say, checked at load without a word of it in a message.

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic, suggest},
    yaml::Spanned,
};

/// The parameters of an address that have a meaning here; sqlx would only warn of others.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The connection that a `url` describes; files are relative to `folder`. The address may be a secret, so that messages
/// name nothing but a parameter.
pub(super) fn connection(url: &Spanned<String>, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<PgConnectOptions> {
    let mut refuse = |message: String, help: Option<String>| {
        out.push(BAD_VALUE.at(url.span, message).maybe_help(help));
        None
    };
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let Some(rest) = rest else {
        let help = "write `postgres://user@host:5432/database`";
        return refuse("expected an address that begins with `postgres://`".into(), Some(help.into()));
    };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut known = form_urlencoded::Serializer::new(String::new());
    let mut files = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if !PARAMETERS.contains(&&*key) {
            let help = suggest::help(&key, PARAMETERS.iter().copied());
            return refuse("expected parameters of a PostgreSQL address, got another one".into(), help);
        }
        match &*key {
            "sslmode" if value.parse::<PgSslMode>().is_err() => {
                let modes = "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`";
                return refuse(format!("expected {modes} as `sslmode` in the address"), None);
            }
            "sslrootcert" | "sslcert" | "sslkey" => files.push((key, folder.join(&*value))),
            _ => drop(known.append_pair(&key, &value)),
        }
    }
    let mut options: PgConnectOptions = match format!("postgres://{address}?{}", known.finish()).parse() {
        Ok(options) => options,
        Err(sqlx::Error::Configuration(reason)) => {
            return refuse(format!("the address cannot be read: {reason}"), None);
        }
        Err(_) => return refuse("the address cannot be read".into(), None),
    };
    for (key, path) in files {
        options = match &*key {
            "sslrootcert" => options.ssl_root_cert(path),
            "sslcert" => options.ssl_client_cert(path),
            _ => options.ssl_client_key(path),
        };
    }
    if options.get_application_name().is_none() {
        options = options.application_name("datadip");
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &[&str]) {
        let (document, mut out) = crate::yaml::parse(&format!("\"{url}\""));
        let url = crate::yaml::read::FromNode::from_node(&document.expect("valid YAML").root, &mut out).expect("text");
        let options = connection(&url, Path::new("folder"), &mut out);
        assert_eq!(options.is_some(), expected.is_empty());
        let said: Vec<String> = out.iter().map(|found| found.message.clone()).collect();
        assert_eq!(said, expected);
        assert!(out.iter().all(|found| !format!("{found:?}").contains("secret")), "{out:?}");
    }

    #[test]
    fn an_address_may_have_the_parameters_that_mean_something() {
        check("postgres://u:secret@host:5432/db", &[]);
        check("postgresql://u@host/db?sslmode=verify-full&sslrootcert=ca.pem&application_name=x", &[]);
        check("postgres:///db?host=/run/postgresql&user=u&password=secret", &[]);
        check("postgres://host/db?options=-c%20search_path%3Dcrm", &[]);
    }

    #[test]
    fn an_address_is_refused_without_being_shown() {
        check("mysql://u:secret@host/db", &["expected an address that begins with `postgres://`"]);
        check("host=secret", &["expected an address that begins with `postgres://`"]);
        check("postgres://u:se?secret@host/db", &["expected parameters of a PostgreSQL address, got another one"]);
        check("postgres://u:secret@host/db?ssl=1", &["expected parameters of a PostgreSQL address, got another one"]);
        check(
            "postgres://u@host/db?sslmode=secret",
            &[
                "expected `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full` as `sslmode` in the address",
            ],
        );
        check("postgres://u:secret@host:99999/db", &["the address cannot be read: invalid port number"]);
    }
}
