//! How answers look on the wire: media types and headers that all of them share.

use std::time::Duration;

use actix_http::{
    Response, StatusCode,
    body::BoxBody,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use bytes::Bytes;

use crate::call::Trace;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The header that says where a call spent its time.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// The header of an outcome that is an earlier call's under the same idempotency key.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer of JSON text.
pub fn json(status: StatusCode, body: Bytes) -> Response<BoxBody> {
    with_type(status, JSON, BoxBody::new(body))
}

/// An answer that nobody on the way may keep.
pub fn with_type(status: StatusCode, media_type: HeaderValue, body: BoxBody) -> Response<BoxBody> {
    let mut response = Response::with_body(status, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// The value of `Server-Timing`, in milliseconds.
pub fn server_timing(trace: &Trace, total: Duration) -> HeaderValue {
    let [queue, backend, total] = [trace.queue, trace.backend, total].map(|time| time.as_micros());
    let text = format!(
        "queue;dur={}.{:03}, backend;dur={}.{:03}, total;dur={}.{:03}",
        queue / 1000,
        queue % 1000,
        backend / 1000,
        backend % 1000,
        total / 1000,
        total % 1000,
    );
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("digits and words are a header value")
}
