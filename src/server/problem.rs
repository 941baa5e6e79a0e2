//! Answers that are no success (SPEC 8.2): one form for every failure, whoever noticed it.

use std::time::Duration;

use actix_http::{
    Response, StatusCode,
    body::BoxBody,
    header::{ALLOW, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Map, Value as Json};

use super::answer;
use crate::call::{CallError, Code};

/// A failure on its way to the caller: what a call says of it, and what only HTTP knows.
#[derive(Debug)]
pub struct Problem {
    /// The failure; boxed, since success is the common answer.
    pub error: Box<CallError>,
    /// The methods that are allowed, for a 405.
    allow: Option<String>,
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self { error: Box::new(error), allow: None }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        CallError::new(code).into()
    }
}

impl Problem {
    /// 400: what came is no request of ours.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        CallError::new(Code::InvalidRequest).message(message).into()
    }

    /// 403: known, but not allowed; why, in words that tell nothing of other callers.
    pub fn forbidden(message: &str) -> Self {
        CallError::new(Code::Forbidden).message(message).into()
    }

    /// 500: a bug met the call. It may have met a write on either side of its commit.
    pub fn lost(write: bool) -> Self {
        CallError { in_doubt: write, ..CallError::new(Code::Internal) }.into()
    }

    /// 405, with the methods that the path has.
    pub fn method_not_allowed(allow: String) -> Self {
        let error = CallError::new(Code::MethodNotAllowed).message(format!("this path takes {allow}"));
        Self { error: Box::new(error), allow: Some(allow) }
    }

    /// 413, with the limit in bytes.
    pub fn request_too_large(limit: usize) -> Self {
        CallError::new(Code::RequestTooLarge).message(format!("the body of a request is at most {limit} bytes")).into()
    }

    /// 413, with the limit in bytes: it is the head that is too large.
    pub fn head_too_large(limit: usize) -> Self {
        CallError::new(Code::RequestTooLarge).message(format!("the head of a request is at most {limit} bytes")).into()
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer; `trace` is what a simulation adds.
    pub fn response(&self, request_id: &str, trace: Option<Json>) -> Response<BoxBody> {
        let mut body = Map::from_iter([("status".to_owned(), Json::from("error"))]);
        body.extend(self.error.members());
        body.insert("request_id".into(), request_id.into());
        body.extend(trace.map(|trace| ("trace".to_owned(), trace)));
        let mut response = answer::json(self.status(), Json::Object(body).to_string().into());
        self.add_headers(response.headers_mut());
        response
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        let mut put = |name: HeaderName, value: &str| {
            headers.insert(name, HeaderValue::from_str(value).expect("digits and words are a header value"));
        };
        if let Some(after) = self.error.retry_after {
            put(RETRY_AFTER, &whole_seconds(after).to_string());
        }
        if let Some(allow) = &self.allow {
            put(ALLOW, allow);
        }
        if self.error.code == Code::Unauthenticated {
            put(WWW_AUTHENTICATE, "Bearer");
        }
    }
}

/// `Retry-After` knows only whole seconds: rounded up, so that who obeys it is not refused again.
fn whole_seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_rounded_up_to_whole_seconds() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }
}
