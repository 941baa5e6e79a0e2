//! What a caller sent (SPEC 8.1): path, headers and body become text and variables, or `invalid_request`. Nothing here
//! knows an action; types are not our matter.

use std::{borrow::Cow, time::Duration};

use actix_http::{
    Payload, RequestHead,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
        TRANSFER_ENCODING,
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::{
    action::{Variables, VariablesError},
    call::Code,
};

/// The media type of a stream of rows.
pub const NDJSON: &str = "application/x-ndjson";
/// The header with a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// An idempotency key has at most this many characters.
const MAX_IDEMPOTENCY_KEY: usize = 200;
/// How long the head of a connection's first request may take to arrive, and the body of any request.
pub const ARRIVAL: Duration = Duration::from_secs(30);

/// The id of a request: the caller's own where it is a decent one, else a new ULID.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let own = headers.get(X_REQUEST_ID).filter(|value| is_request_id(value.as_bytes()));
        own.map_or_else(Self::new, |own| Self(own.clone()))
    }

    /// An id of ours.
    pub fn new() -> Self {
        let ulid = Bytes::from(ulid::Ulid::generate().to_string());
        Self(HeaderValue::from_maybe_shared(ulid).expect("a ULID is letters and digits"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("a request id is ASCII")
    }

    /// The id as the value of `X-Request-Id`.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

/// A path with the escapes of each of its segments decoded. An escaped `/` is part of no name that we serve.
pub fn decode_path(path: &str) -> Result<Cow<'_, str>, Problem> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            decoded.push('/');
        }
        let segment =
            unescape(segment).ok_or_else(|| Problem::invalid_request("the path is not percent-encoded UTF-8"))?;
        if segment.contains('/') {
            return Err(Code::ActionNotFound.into());
        }
        decoded.push_str(&segment);
    }
    Ok(Cow::Owned(decoded))
}

/// Whether the caller wants rows as NDJSON: it says so and does not take JSON as well.
pub fn wants_ndjson(headers: &HeaderMap) -> bool {
    let mut ndjson = false;
    for value in headers.get_all(ACCEPT) {
        for range in value.as_bytes().split(|&b| b == b',') {
            let media = range.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            ndjson |= media.eq_ignore_ascii_case(NDJSON.as_bytes());
            let json: [&[u8]; 3] = [b"application/json", b"application/*", b"*/*"];
            if json.iter().any(|json| media.eq_ignore_ascii_case(json)) {
                return false;
            }
        }
    }
    ndjson
}

/// Whether the caller wants no answer from a cache.
pub fn wants_no_cache(headers: &HeaderMap) -> bool {
    let mut directives = headers.get_all(CACHE_CONTROL).flat_map(|value| value.as_bytes().split(|&b| b == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-cache"))
}

/// Reads a body of at most `limit` bytes; more than that is never held.
pub async fn read_body(head: &RequestHead, payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    if let Some(encoding) = head.headers().get(CONTENT_ENCODING)
        && !encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::invalid_request("a body with a Content-Encoding is not read here"));
    }
    if content_length(head).is_some_and(|length| length > limit as u64) {
        return Err(Problem::request_too_large(limit));
    }
    if matches!(payload, Payload::None) {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(ARRIVAL, collect(payload, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::invalid_request("the body did not arrive in time")),
    }
}

fn content_length(head: &RequestHead) -> Option<u64> {
    head.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Most bodies arrive in one piece, which is passed on as it is.
async fn collect(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::invalid_request("the body ended too soon or is wrongly framed"))?;
        if first.len() + more.len() + chunk.len() > limit {
            return Err(Problem::request_too_large(limit));
        }
        if first.is_empty() {
            first = chunk;
        } else {
            more.extend_from_slice(&chunk);
        }
    }
    if more.is_empty() {
        return Ok(first);
    }
    Ok([first.as_ref(), more.as_ref()].concat().into())
}

/// The variables of a call, and the key that came among them.
#[derive(Debug, Default, PartialEq)]
pub struct Sent<'a> {
    /// The variables without `idempotency_key`.
    pub variables: Variables<'a>,
    /// The key under which a write runs once, from a variable or the header.
    pub idempotency_key: Option<Cow<'a, str>>,
}

/// The variables of a GET: in its query.
pub fn from_query(head: &RequestHead) -> Result<Sent<'_>, Problem> {
    if head.headers().contains_key(TRANSFER_ENCODING) || content_length(head).is_some_and(|length| length > 0) {
        return Err(Problem::invalid_request("a GET has no body; send the variables in the query"));
    }
    from_pairs(head.uri.query().unwrap_or_default(), head.headers())
}

/// The variables of a POST: JSON when the first byte after blanks and a BOM is `{`, whatever the Content-Type says (CXone's
/// default header is that of a form even for JSON); else a form.
pub fn from_body<'a>(head: &'a RequestHead, body: &'a [u8]) -> Result<Sent<'a>, Problem> {
    if head.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Problem::invalid_request("a POST has no query; send the variables in the body"));
    }
    let text = std::str::from_utf8(body).map_err(|_| Problem::invalid_request("the body is not UTF-8"))?;
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_ascii_whitespace());
    if text.starts_with('{') {
        let (variables, key) = Variables::from_body(text).map_err(refused)?;
        return finish(variables, key, head.headers());
    }
    if !text.is_empty() && !is_form(head.headers()) {
        return Err(Problem::invalid_request("the body is neither a JSON object nor a form"));
    }
    from_pairs(text.trim_ascii_end(), head.headers())
}

fn refused(error: VariablesError) -> Problem {
    Problem::invalid_request(error.0)
}

fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let media = value.as_bytes().split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    media.is_empty() || media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// The pairs of a form or query.
fn from_pairs<'a>(text: &'a str, headers: &'a HeaderMap) -> Result<Sent<'a>, Problem> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = form_unescape(name).zip(form_unescape(value));
        pairs.push(decoded.ok_or_else(|| Problem::invalid_request("the variables are not percent-encoded UTF-8"))?);
    }
    let mut variables = Variables::from_pairs(pairs);
    let key = variables.take_idempotency_key().map_err(refused)?;
    finish(variables, key, headers)
}

/// Compares the key among the variables with the header's. Blank text is what a flow sends for a key that was never set.
fn finish<'a>(
    variables: Variables<'a>,
    mut idempotency_key: Option<Cow<'a, str>>,
    headers: &'a HeaderMap,
) -> Result<Sent<'a>, Problem> {
    for value in headers.get_all(IDEMPOTENCY_KEY) {
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Problem::invalid_request("the header Idempotency-Key is not UTF-8"))?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        if idempotency_key.as_ref().is_some_and(|other| other != text) {
            return Err(Problem::invalid_request("the request has two different idempotency keys"));
        }
        idempotency_key = Some(text.into());
    }
    if idempotency_key.as_ref().is_some_and(|key| key.chars().nth(MAX_IDEMPOTENCY_KEY).is_some()) {
        return Err(Problem::invalid_request("an idempotency key has 1 to 200 characters"));
    }
    Ok(Sent { variables, idempotency_key })
}

/// Decodes a name or value of a form, where `+` is a blank.
fn form_unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return unescape(text);
    }
    unescape(&text.replace('+', " ")).map(|decoded| Cow::Owned(decoded.into_owned()))
}

/// Decodes `%XX`; `None` for a `%` without two hexadecimal digits and for what is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    if bytes.iter().enumerate().any(|(at, &b)| b == b'%' && !(hex(at + 1) && hex(at + 2))) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use actix_http::Uri;
    use proptest::prelude::*;

    use super::*;
    use crate::action::Input;

    fn head(uri: &str, headers: &[(&'static str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        head.uri = uri.parse::<Uri>().expect("fine");
        for (name, value) in headers {
            head.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("fine"));
        }
        head
    }

    /// The variables of a body, each as `name=value`, or the message of its refusal.
    fn check(content_type: Option<&'static str>, body: &[u8]) -> Result<Vec<String>, String> {
        let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
        let head = head("/actions/x", &headers);
        let sent = from_body(&head, body).map_err(|problem| problem.error.message)?;
        Ok(sent.variables.0.iter().map(|(name, value)| format!("{name}={value:?}")).collect())
    }

    #[test]
    fn a_path_is_decoded_by_segments() {
        assert_eq!(decode_path("/actions/a").expect("fine"), "/actions/a");
        assert_eq!(decode_path("/a%20b/%C3%A9").expect("fine"), "/a b/é");
        assert_eq!(decode_path("/actions/crm%2Flookup").expect_err("refused").error.code, Code::ActionNotFound);
        for bad in ["/%", "/%4", "/%zz", "/%ff", "/a/%C3"] {
            assert_eq!(decode_path(bad).expect_err("refused").error.code, Code::InvalidRequest, "{bad}");
        }
    }

    #[test]
    fn forms_have_blanks_escapes_and_lists() {
        let form = check(Some("application/x-www-form-urlencoded; charset=utf-8"), b"a=1+2&b=%c3%a9&c&a=%2B&&=x")
            .expect("fine");
        assert_eq!(form, [r#"a=List([Text("1 2"), Text("+")])"#, r#"b=Text("é")"#, r#"c=Text("")"#, r#"=Text("x")"#]);
        assert_eq!(check(None, b"a=1\n").expect("fine"), [r#"a=Text("1")"#]);
        for bad in [&b"a=%"[..], b"a=%f", b"%ff=1", b"a=\xff"] {
            assert!(check(None, bad).expect_err("refused").contains("UTF-8"), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for (content_type, body) in
            [(None, &b""[..]), (Some("application/json"), b""), (Some("text/plain"), b" \r\n"), (None, b"\xef\xbb\xbf")]
        {
            assert_eq!(check(content_type, body).expect("fine"), [""; 0], "{body:?}");
        }
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in [&b"[1]"[..], b"a=1", b"null", b"\"x\""] {
            assert!(check(Some("application/json"), body).expect_err("refused").contains("neither"), "{body:?}");
        }
    }

    #[test]
    fn a_post_has_no_query_and_a_get_no_body() {
        assert_eq!(from_body(&head("/a?x=1", &[]), b"{}").expect_err("refused").error.code, Code::InvalidRequest);
        assert!(from_body(&head("/a?", &[]), b"").is_ok());
        for (name, value) in [("content-length", "1"), ("transfer-encoding", "chunked")] {
            let head = head("/a?x=1", &[(name, value)]);
            assert_eq!(from_query(&head).expect_err("refused").error.code, Code::InvalidRequest);
        }
        let head = head("/a?x=1", &[("content-length", "0")]);
        assert_eq!(from_query(&head).expect("fine").variables.0, [("x".into(), Input::Text("1".into()))]);
    }

    #[test]
    fn keys_must_agree_and_be_of_decent_length() {
        let check = |header: Option<&'static str>, form: &str| {
            let headers: Vec<_> = header.map(|value| ("idempotency-key", value)).into_iter().collect();
            let head = head("/a", &headers);
            from_body(&head, form.as_bytes())
                .map(|sent| sent.idempotency_key.map(Cow::into_owned))
                .map_err(|problem| problem.error.code)
        };
        assert_eq!(check(None, "a=1").expect("fine"), None);
        assert_eq!(check(Some("k"), "a=1").expect("fine").expect("fine"), "k");
        assert_eq!(check(Some("k"), "idempotency_key=k").expect("fine").expect("fine"), "k");
        assert_eq!(check(Some(""), "idempotency_key=k").expect("fine").expect("fine"), "k");
        assert_eq!(check(None, "idempotency_key=+").expect("fine"), None);
        assert_eq!(check(Some("k"), "idempotency_key=l").expect_err("refused"), Code::InvalidRequest);
        assert!(check(None, &format!("idempotency_key={}", "%C3%A9".repeat(200))).is_ok());
        assert_eq!(
            check(None, &format!("idempotency_key={}", "x".repeat(201))).expect_err("refused"),
            Code::InvalidRequest
        );
        assert_eq!(check(None, "idempotency_key=k&idempotency_key=k").expect_err("refused"), Code::InvalidRequest);
    }

    #[test]
    fn a_request_id_is_kept_when_it_is_decent() {
        let own = |value| RequestId::of(&head("/", &[("x-request-id", value)]).headers).as_str().to_owned();
        assert_eq!(own("abc-1._Z"), "abc-1._Z");
        for bad in ["", "a b", "a/b", &"x".repeat(129)] {
            let id = own(bad);
            assert_eq!(id.len(), 26, "{bad}");
            assert_ne!(id, own(bad));
        }
    }

    #[test]
    fn ndjson_is_wanted_only_where_json_is_not() {
        let wants = |accept| wants_ndjson(&head("/", &[("accept", accept)]).headers);
        assert!(wants("application/x-ndjson"));
        assert!(wants("text/html, Application/X-NDJSON; q=0.5"));
        for accept in
            ["application/json", "application/json, application/x-ndjson", "application/x-ndjson, */*", "text/html", ""]
        {
            assert!(!wants(accept), "{accept}");
        }
    }

    #[test]
    fn no_cache_is_a_directive_among_others() {
        let wants = |value| wants_no_cache(&head("/", &[("cache-control", value)]).headers);
        assert!(wants("no-cache") && wants("max-age=0, No-Cache"));
        assert!(!wants("") && !wants("no-store") && !wants("max-age=0") && !wants("no-cache-at-all"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(uri in "/[ -~]{0,20}", body in any::<Vec<u8>>(), form in "[a-c=&%+0-9f]{0,40}") {
            let _ = decode_path(&uri);
            let head = head("/", &[]);
            let _ = from_body(&head, &body);
            let _ = from_body(&head, form.as_bytes());
        }

        #[test]
        fn a_form_says_what_was_written(pairs in prop::collection::vec(("[a-z]{1,8}", any::<String>()), 0..8)) {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let headers = HeaderMap::new();
            let decoded = from_pairs(&form, &headers).expect("fine").variables;
            let mut expected: Vec<(String, Vec<String>)> = Vec::new();
            for (name, value) in pairs {
                match expected.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) => values.push(value),
                    None => expected.push((name, vec![value])),
                }
            }
            let got: Vec<_> = decoded.0.iter().map(|(name, value)| (name.to_string(), match value {
                Input::List(values) => values.iter().map(|v| match v { Input::Text(t) => t.to_string(), _ => unreachable!() }).collect(),
                Input::Text(text) => vec![text.to_string()],
                other => panic!("{other:?}"),
            })).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
