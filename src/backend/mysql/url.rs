//! The `url` of a backend: what it may say, checked at load without a word of it in a message.

use std::path::Path;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::Spanned,
};

/// The connection that a `url` describes; files are relative to `folder`. The address may be a secret, so that messages
/// name nothing but a parameter.
pub(super) fn connection(
    url: &Spanned<String>,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<MySqlConnectOptions> {
    let mut refuse = |message: &str, help: &str| {
        out.push(BAD_VALUE.at(url.span, message).help(help));
        None
    };
    let example = "write `mysql://user@host:3306/database`";
    let rest = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://"));
    let Some(rest) = rest else { return refuse("expected an address that begins with `mysql://`", example) };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut options: MySqlConnectOptions = match format!("mysql://{address}").parse() {
        Ok(options) => options,
        Err(sqlx::Error::Configuration(reason)) => {
            return refuse(&format!("the address cannot be read: {reason}"), example);
        }
        Err(_) => return refuse("the address cannot be read", example),
    };
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let path = folder.join(&*value);
        options = match &*key {
            "ssl-mode" => match value.parse::<MySqlSslMode>() {
                Ok(mode) => options.ssl_mode(mode),
                Err(_) => {
                    let modes = "`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`";
                    let message = format!("expected {modes} as `ssl-mode` in the address");
                    return refuse(&message, "remove it, or write one of these");
                }
            },
            "ssl-ca" => options.ssl_ca(path),
            "ssl-cert" => options.ssl_client_cert(path),
            "ssl-key" => options.ssl_client_key(path),
            "socket" => options.socket(path),
            _ => {
                let help = "the parameters are `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key` and `socket`; the session's \
                            character set and time zone are fixed";
                return refuse("expected parameters of a MySQL address, got another one", help);
            }
        };
    }
    Some(options)
}
