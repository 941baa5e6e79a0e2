//! A `curl` line that works at once, for one of the deployment's own actions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json};

use crate::{
    action::{Absent, Action},
    spec::{Method, Mode, TestSpec},
};

/// What a path cannot hold as it is in a URL that stands in a shell without quotes.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The line for the first action that can be called with what its file tells: a read by POST without secrets and
/// `max_cost`, whose required parameters have examples, or which has a test that succeeds.
pub fn line<'a>(address: SocketAddr, actions: impl IntoIterator<Item = &'a Action>, keys: bool) -> Option<String> {
    let (action, variables) = actions.into_iter().find_map(|action| Some((action, variables(action)?)))?;
    let url = format!("{}{}", base(address), utf8_percent_encode(&action.path, PATH));
    let key = if keys { " -H \"Authorization: Bearer $KEY\"" } else { "" };
    let body = Json::Object(variables).to_string().replace('\'', r"'\''");
    Some(format!("curl -s {url}{key} -d '{body}'"))
}

/// Where a client on this machine reaches an address.
pub fn base(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Variables that the action accepts and a shell's history may keep.
fn variables(action: &Action) -> Option<Map<String, Json>> {
    let params = action.params.list();
    // What it costs is not known yet.
    let gated = action.max_cost.is_some();
    let callable = action.mode == Mode::Read && action.methods.contains(&Method::Post) && !gated;
    if !callable || params.iter().any(|param| param.sensitive) {
        return None;
    }
    let required = params.iter().filter(|param| param.absent == Absent::Refused);
    let examples = required.map(|param| Some((param.name.clone(), param.example.clone()?)));
    examples.collect::<Option<Map<_, _>>>().or_else(|| {
        let succeeds = |test: &&TestSpec| {
            let expect = &test.expect;
            expect.code.is_none() && expect.status.as_ref().is_none_or(|status| status.value == "success")
        };
        let test = action.tests.iter().find(succeeds)?;
        Some(test.variables.iter().map(|(name, node)| (name.value.clone(), node.to_json())).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_every_network_is_reached_by_loopback() {
        for (address, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("192.0.2.7:8080", "http://192.0.2.7:8080"),
        ] {
            assert_eq!(base(address.parse().expect("an address")), expected);
        }
    }
}
