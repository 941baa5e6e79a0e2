//! The `url` of a backend: what it may say, checked at load.

use std::path::Path;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::{
    backend::address,
    diagnostic::{BAD_ADDRESS, Diagnostic},
    yaml::Spanned,
};

/// The parameters of an address that have a meaning here.
const PARAMETERS: [&str; 5] = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];

/// The connection that a `url` describes; files are relative to `folder`.
pub(super) fn connection(
    url: &Spanned<String>,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<MySqlConnectOptions> {
    read(url, folder).map_err(|refused| out.push(refused)).ok()
}

fn read(url: &Spanned<String>, folder: &Path) -> Result<MySqlConnectOptions, Diagnostic> {
    let (address, query) = address::split(url, ["mysql://", "mariadb://"])?;
    let parsed = format!("mysql://{address}").parse();
    let mut options: MySqlConnectOptions = parsed.map_err(|error| address::unreadable(url, &error))?;
    if options.get_database().is_none() {
        let message = "expected an address with a database";
        return Err(BAD_ADDRESS.at(url.span, message).help("write `mysql://user@host/database`"));
    }
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let path = folder.join(&*value);
        options = match &*key {
            "ssl-mode" => options.ssl_mode(value.parse::<MySqlSslMode>().map_err(|_| {
                let modes = "`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`";
                BAD_ADDRESS.at(url.span, format!("expected {modes} as `ssl-mode` in the address"))
            })?),
            "ssl-ca" => options.ssl_ca(path),
            "ssl-cert" => options.ssl_client_cert(path),
            "ssl-key" => options.ssl_client_key(path),
            "socket" => options.socket(path),
            other => return Err(address::unknown_parameter(url, other, &PARAMETERS)),
        };
    }
    Ok(options)
}
