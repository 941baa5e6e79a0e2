//! The `url` of a backend: what it may say, checked at load.

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::{
    backend::address,
    diagnostic::{BAD_ADDRESS, Diagnostic},
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

/// The connection that a `url` describes; files are relative to `folder`.
pub(super) fn connection(url: &Spanned<String>, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<PgConnectOptions> {
    read(url, folder).map_err(|refused| out.push(refused)).ok()
}

fn read(url: &Spanned<String>, folder: &Path) -> Result<PgConnectOptions, Diagnostic> {
    let (address, query) = address::split(url, ["postgres://", "postgresql://"])?;
    let mut known = form_urlencoded::Serializer::new(String::new());
    let mut files = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "sslmode" if value.parse::<PgSslMode>().is_err() => {
                let modes = "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`";
                return Err(BAD_ADDRESS.at(url.span, format!("expected {modes} as `sslmode` in the address")));
            }
            "sslrootcert" | "sslcert" | "sslkey" => files.push((key, folder.join(&*value))),
            known_key if PARAMETERS.contains(&known_key) => drop(known.append_pair(known_key, &value)),
            other => return Err(address::unknown_parameter(url, other, &PARAMETERS)),
        }
    }
    let parsed = format!("postgres://{address}?{}", known.finish()).parse();
    let mut options: PgConnectOptions = parsed.map_err(|error| address::unreadable(url, &error))?;
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
    Ok(options)
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
        check("postgres://u:secret@host/db?ssl=1", &["the address has a parameter that means nothing here"]);
        check(
            "postgres://u@host/db?sslmode=secret",
            &[
                "expected `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full` as `sslmode` in the address",
            ],
        );
        for url in [
            "u:p@ss#secret@h/x",
            "u:secret#@h/x",
            "u:secret@p@h/x",
            "u:p/secret@h/x",
            "u:p?secret@h/x",
            "/x?user=secret@h",
        ] {
            check(
                &format!("postgres://{url}"),
                &["expected no `#`, and no `@` but the one before the host, in the address"],
            );
        }
        check("postgres://u:secret@host:99999/db", &["the address cannot be read: invalid port number"]);
    }
}
