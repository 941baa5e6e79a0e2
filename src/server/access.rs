//! Who may call (SPEC 8.5): addresses, keys, and without `access` the rules that keep a gateway to its own machine.
//! Which key may call which action is the settings' matter.

use std::net::{IpAddr, SocketAddr};

use actix_http::{
    RequestHead, Response, StatusCode,
    body::BoxBody,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, HOST,
        HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
    },
};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::{
    action::Action,
    call::Code,
    settings::{Access, Key, Settings},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// Somebody on this machine, where no `access` is configured: may do everything.
    Local,
    /// The holder of a key.
    Key(&'a Key),
}

impl<'a> Caller<'a> {
    /// The key's name.
    pub fn name(self) -> Option<&'a str> {
        match self {
            Self::Local => None,
            Self::Key(key) => Some(&key.name),
        }
    }

    /// Whether the operations are open to it.
    pub fn is_admin(self) -> bool {
        match self {
            Self::Local => true,
            Self::Key(key) => key.admin,
        }
    }

    /// Whether it may call an action.
    pub fn may_call(self, action: &Action) -> bool {
        match self {
            Self::Local => true,
            Self::Key(key) => key.allows(action),
        }
    }
}

/// Who sent a request, if it may come in at all.
pub fn identify<'a>(settings: &'a Settings, head: &RequestHead) -> Result<Caller<'a>, Problem> {
    let Some(access) = &settings.access else {
        only_this_machine(settings, head)?;
        return Ok(Caller::Local);
    };
    let address =
        head.peer_addr.and_then(|peer| client_address(peer.ip(), head.headers(), &settings.server.trusted_proxies));
    let comes_from = |nets: &[IpNet]| {
        nets.is_empty() || address.is_some_and(|address| nets.iter().any(|net| net.contains(&address)))
    };
    if !comes_from(&access.allow_ips) {
        return Err(Problem::forbidden("calls from this address are not allowed"));
    }
    let key = find_key(access, head.headers()).ok_or(Code::Unauthenticated)?;
    if !comes_from(&key.allow_ips) {
        return Err(Problem::forbidden("this key is not allowed from this address"));
    }
    Ok(Caller::Key(key))
}

/// The key that a request presents. All of them are compared, each in constant time.
fn find_key<'a>(access: &'a Access, headers: &HeaderMap) -> Option<&'a Key> {
    let mut found = None;
    for presented in presented_keys(headers) {
        let hash = Sha256::digest(presented);
        for key in &access.keys {
            if bool::from(hash.as_slice().ct_eq(key.sha256.0.as_slice())) {
                found = found.or(Some(key));
            }
        }
    }
    found
}

/// Without `access`: a page of somebody else's in a browser on this machine must not reach the gateway, neither by its
/// name server nor by a request across origins.
fn only_this_machine(settings: &Settings, head: &RequestHead) -> Result<(), Problem> {
    if !head.peer_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        return Err(Problem::forbidden("without `access` only this machine is served"));
    }
    let text = |name| head.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(HOST).or(head.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    if !is_loopback(host) {
        return Err(Problem::forbidden("the Host of the request is not a loopback name"));
    }
    if head.headers().contains_key(ORIGIN) {
        let origin = text(ORIGIN).unwrap_or_default();
        if !same_origin(origin, host) && allowed_origin(settings, head.headers()).is_none() {
            return Err(Problem::forbidden("the Origin of the request is a foreign one"));
        }
    }
    Ok(())
}

/// The `Origin` of a request if `server.cors` lists it.
fn allowed_origin<'a>(settings: &Settings, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    settings.server.cors.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then_some(origin)
}

/// Lets pages of the origins of `server.cors` read an answer; other answers have no such headers.
pub fn add_cors(settings: &Settings, request: &HeaderMap, answer: &mut HeaderMap) {
    if settings.server.cors.is_empty() {
        return;
    }
    answer.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed_origin(settings, request) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("X-Request-Id, Server-Timing, Retry-After, Idempotent-Replayed"),
        );
    }
}

/// The answer to a browser that asks whether it may send a request: only for the origins of `server.cors`, and before any
/// key, which browsers do not send here.
pub fn preflight(settings: &Settings, headers: &HeaderMap) -> Option<Response<BoxBody>> {
    if !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    allowed_origin(settings, headers)?;
    let mut response = Response::with_body(StatusCode::NO_CONTENT, BoxBody::new(()));
    let allow = response.headers_mut();
    allow.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    allow.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Authorization, X-Api-Key, Content-Type, Accept, Idempotency-Key, X-Request-Id, Cache-Control",
        ),
    );
    allow.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(response)
}

/// The address of who sent a request: the peer's, or where the peer is a trusted proxy, the rightmost address of
/// `X-Forwarded-For` that is not one. `None` where a trusted proxy says nothing that can be read.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(&address) {
        return Some(address);
    }
    let values: Vec<_> = headers.get_all(X_FORWARDED_FOR).collect();
    for value in values.into_iter().rev() {
        for entry in value.as_bytes().rsplit(|&b| b == b',') {
            address = parse_address(std::str::from_utf8(entry).ok()?.trim())?;
            if !is_trusted(&address) {
                return Some(address);
            }
        }
    }
    Some(address)
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

/// The keys that a request presents: at most one in each of the two headers.
fn presented_keys(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let own = headers.get(X_API_KEY).map(|value| value.as_bytes().trim_ascii());
    bearer.into_iter().chain(own).filter(|key| !key.is_empty())
}

/// Whether the host part of `authority` names this machine and no other: only such names cannot be made to point at a
/// loopback address by somebody else's name server.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Whether an `Origin` is the very server that a request went to.
fn same_origin(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("fine"));
        }
        map
    }

    fn address(peer: &str, forwarded: &[&str]) -> Option<String> {
        let lines: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let trusted = ["10.0.0.0/8".parse().expect("fine"), "2001:db8::/32".parse().expect("fine")];
        client_address(peer.parse().expect("fine"), &headers(&lines), &trusted).map(|ip| ip.to_string())
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address("203.0.113.9", &["1.1.1.1"]).expect("fine"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &["1.1.1.1"]).expect("fine"), "1.1.1.1");
        assert_eq!(address("::ffff:10.0.0.1", &["::ffff:1.1.1.1"]).expect("fine"), "1.1.1.1");
    }

    #[test]
    fn the_rightmost_untrusted_address_counts() {
        assert_eq!(address("10.0.0.1", &["9.9.9.9, 1.1.1.1, 10.0.0.2"]).expect("fine"), "1.1.1.1");
        assert_eq!(address("10.0.0.1", &["9.9.9.9", "1.1.1.1", "10.0.0.2 , 2001:db8::7"]).expect("fine"), "1.1.1.1");
        assert_eq!(address("10.0.0.1", &["10.0.0.3, 10.0.0.2"]).expect("fine"), "10.0.0.3");
        assert_eq!(address("10.0.0.1", &[]).expect("fine"), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_read_and_nonsense_is_nobody() {
        assert_eq!(address("10.0.0.1", &["1.1.1.1:443"]).expect("fine"), "1.1.1.1");
        assert_eq!(address("10.0.0.1", &["[2a00::1]:443"]).expect("fine"), "2a00::1");
        assert_eq!(address("10.0.0.1", &["[2a00::1]"]).expect("fine"), "2a00::1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, unknown"]), None);
        assert_eq!(address("10.0.0.1", &[""]), None);
    }

    #[test]
    fn keys_come_from_both_headers() {
        let check = |lines: &[_]| presented_keys(&headers(lines)).map(|key| key.to_vec()).collect::<Vec<_>>();
        assert_eq!(check(&[("authorization", "bearer  a")]), [b"a"]);
        assert_eq!(check(&[("authorization", "Basic a"), ("x-api-key", "b")]), [b"b"]);
        assert_eq!(check(&[("authorization", "Bearer a"), ("x-api-key", "b")]), [b"a", b"b"]);
        assert!(check(&[("authorization", "Bearer "), ("x-api-key", "")]).is_empty());
        assert!(check(&[("authorization", "Bear")]).is_empty());
    }

    #[test]
    fn loopback_names_are_few() {
        for name in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:80", "[::1]"] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }

    #[test]
    fn an_origin_is_our_own_only_with_the_same_port() {
        assert!(same_origin("http://localhost:8080", "localhost:8080"));
        assert!(!same_origin("http://localhost:8081", "localhost:8080"));
        assert!(!same_origin("null", "localhost:8080"));
    }
}
