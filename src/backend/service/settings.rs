//! What the blocks of all services in `datadip.yaml` have in common: addresses, how many calls run at once, certificates.

use reqwest::Url;
use rustls::pki_types::CertificateDer;

use super::{
    address::{ADDRESS, is_safe},
    tls,
};
use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::Spanned,
};

/// How many calls run at once, unless a block says otherwise.
const CONCURRENCY: usize = 20;
/// The most calls at once that a block may ask for.
const MAX_CONCURRENCY: u64 = 1000;

/// An address that paths are added to. `help` says which ones there are.
pub fn origin(given: &Spanned<String>, help: &str, out: &mut Vec<Diagnostic>) -> Option<Url> {
    let url = address(given, help, out)?;
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if url.path() != "/" || !bare {
        let found = BAD_VALUE.at(given.span, format!("expected an address without a path, got {:?}", given.value));
        out.push(found.help("the path of the service is added to it"));
        return None;
    }
    Some(url)
}

/// An address that is asked as it is.
pub fn address(given: &Spanned<String>, help: &str, out: &mut Vec<Diagnostic>) -> Option<Url> {
    let url: Option<Url> = given.parse().ok().filter(is_safe);
    if url.is_none() {
        let found = BAD_VALUE.at(given.span, format!("expected {ADDRESS}, got {:?}", given.value));
        out.push(found.help(help));
    }
    url
}

/// How many calls run at once.
pub fn concurrency(given: Option<&Spanned<u64>>, out: &mut Vec<Diagnostic>) -> usize {
    let Some(given) = given else { return CONCURRENCY };
    if !(1..=MAX_CONCURRENCY).contains(&given.value) {
        let message = format!("expected a number from 1 to {MAX_CONCURRENCY}, got {}", given.value);
        out.push(BAD_VALUE.at(given.span, message));
    }
    usize::try_from(given.value).unwrap_or(CONCURRENCY)
}

/// Certificates that are trusted besides the system's.
pub fn authorities(given: Option<&Spanned<String>>, out: &mut Vec<Diagnostic>) -> Vec<CertificateDer<'static>> {
    let Some(given) = given else { return Vec::new() };
    tls::certificates(given).unwrap_or_else(|| {
        out.push(BAD_VALUE.at(given.span, "expected a file of certificates as PEM, got something else"));
        Vec::new()
    })
}

/// A text that says something.
pub fn text(given: &Spanned<String>, out: &mut Vec<Diagnostic>) -> String {
    if given.trim().is_empty() {
        out.push(BAD_VALUE.at(given.span, "expected a value, got nothing"));
    }
    given.value.clone()
}
