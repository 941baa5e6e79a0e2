//! What a caller may learn of a failure: a code of SPEC 8.2 and words of our own, never a backend's.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::action::{BadParam, OwnError};

/// A failed call, as its caller sees it.
#[derive(Clone, Debug)]
pub struct CallError {
    /// The code.
    pub code: Code,
    /// For people. Never SQL, a backend's words, a table's name or a secret.
    pub message: String,
    /// All bad parameters.
    pub errors: Vec<BadParam>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// Which constraint a `constraint_violation` broke.
    pub constraint: Option<&'static str>,
    /// Whether a write may or may not have taken effect.
    pub in_doubt: bool,
    /// Whether a write took effect although the call failed: on a backend that cannot roll back.
    pub committed: bool,
    /// What happened, for the log: with the backend's code, without its quoted pieces.
    pub detail: Option<Box<str>>,
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])* $variant:ident $word:literal $status:literal $message:literal; )*) => {
        /// The codes of SPEC 8.2.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Code {
            $( $(#[doc = $doc])* $variant, )*
            /// The action's own code for one of its database's.
            Own(Box<OwnError>),
        }

        impl Code {
            /// The word in the answer.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $word, )*
                    Self::Own(own) => &own.code,
                }
            }

            /// The HTTP status.
            pub fn status(&self) -> u16 {
                match self {
                    $( Self::$variant => $status, )*
                    Self::Own(own) => own.http,
                }
            }

            /// The usual words, which tell a caller what to do and nothing of what is behind the gateway.
            fn message(&self) -> &'static str {
                match self {
                    $( Self::$variant => $message, )*
                    Self::Own(_) => "the request was refused",
                }
            }
        }
    };
}

codes! {
    /// The body is neither a JSON object nor a form.
    InvalidRequest "invalid_request" 400 "the request is neither a JSON object nor a form";
    /// A required parameter was not sent.
    MissingParameter "missing_parameter" 400 "a required parameter is missing";
    /// A value does not fit its parameter.
    InvalidParameter "invalid_parameter" 400 "a parameter has a value that cannot be used";
    /// A variable that the action does not declare.
    UnknownParameter "unknown_parameter" 400 "the request has a variable that the action does not know";
    /// No credentials, or bad ones.
    Unauthenticated "unauthenticated" 401 "valid credentials are required";
    /// The key, address, host or action is not allowed.
    Forbidden "forbidden" 403 "this is not allowed";
    /// No such action.
    ActionNotFound "action_not_found" 404 "there is no such action";
    /// The action does not take this method.
    MethodNotAllowed "method_not_allowed" 405 "the action does not take this method";
    /// The action cannot answer in the form that was asked for.
    NotAcceptable "not_acceptable" 406 "the action does not answer in this form";
    /// No row, where the action calls that an error.
    NotFound "not_found" 404 "nothing was found";
    /// The same idempotency key with other variables.
    IdempotencyConflict "idempotency_conflict" 409 "the idempotency key was used with other variables";
    /// A unique, foreign-key, check or not-null constraint.
    ConstraintViolation "constraint_violation" 409 "the change conflicts with existing data";
    /// The body is too large.
    RequestTooLarge "request_too_large" 413 "the request is too large";
    /// The planner's estimate is over the action's limit.
    CostExceeded "cost_exceeded" 422 "the request would cost more than the action allows";
    /// Over a rate.
    RateLimited "rate_limited" 429 "too many calls; try again later";
    /// A bug here.
    Internal "internal" 500 "something went wrong in the gateway";
    /// A row breaks the action's schema.
    ResultInvalid "result_invalid" 502 "the result does not fit the action's schema";
    /// Over the action's rows or bytes.
    ResultTooLarge "result_too_large" 502 "the result is larger than the action allows";
    /// A table or column that the action needs is not there.
    SchemaDrift "schema_drift" 502 "the action no longer fits its backend";
    /// The backend refused the statement.
    BackendError "backend_error" 502 "the backend could not answer the request";
    /// The backend is down, or its breaker is open.
    BackendUnavailable "backend_unavailable" 503 "the backend cannot be reached; try again later";
    /// The backend's own limit.
    BackendLimited "backend_limited" 503 "the backend takes no more calls at the moment; try again later";
    /// Our limit.
    Overloaded "overloaded" 503 "too many calls are waiting; try again later";
    /// Lock retries were used up.
    Contention "contention" 503 "the data is in use by others; try again";
    /// The action's file is broken and never was good.
    ActionUnavailable "action_unavailable" 503 "the action cannot be served at the moment";
    /// The deadline passed.
    Timeout "timeout" 504 "the call took longer than it may";
}

impl CallError {
    /// A failure with the code's usual words, and a time to come again where SPEC 8.2 wants one.
    pub fn new(code: Code) -> Self {
        let retry_after = match code {
            Code::RateLimited | Code::Overloaded | Code::Contention => Some(Duration::from_secs(1)),
            Code::BackendUnavailable | Code::BackendLimited | Code::ActionUnavailable => Some(Duration::from_secs(5)),
            _ => None,
        };
        Self {
            message: code.message().into(),
            code,
            errors: Vec::new(),
            retry_after,
            constraint: None,
            in_doubt: false,
            committed: false,
            detail: None,
        }
    }

    /// Bad parameters: the first one's code and words, all of them in `errors`. At least one.
    pub fn bad_params(errors: Vec<BadParam>) -> Self {
        let mut error = Self::new(match errors.first().map(|first| first.code) {
            Some("missing_parameter") => Code::MissingParameter,
            Some("unknown_parameter") => Code::UnknownParameter,
            _ => Code::InvalidParameter,
        });
        if let Some(first) = errors.first() {
            error.message = first.message();
        }
        if errors.len() > 1 {
            error.message += &format!(" (and {} more)", errors.len() - 1);
        }
        error.errors = errors;
        error
    }

    /// The same error with words of its own.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error with what the log should say.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// `code`, `message` and what else a caller may see of it, as members of an answer.
    pub fn members(&self) -> Map<String, Json> {
        let mut members = Map::new();
        members.insert("code".into(), self.code.as_str().into());
        members.insert("message".into(), self.message.as_str().into());
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|bad| match &bad.got {
                Some(got) => json!({ "parameter": bad.parameter, "reason": bad.reason, "got": got }),
                None => json!({ "parameter": bad.parameter, "reason": bad.reason }),
            });
            members.insert("errors".into(), errors.collect());
        }
        if let Some(constraint) = self.constraint {
            members.insert("constraint".into(), constraint.into());
        }
        if self.in_doubt {
            members.insert("in_doubt".into(), true.into());
        }
        if self.committed {
            members.insert("committed".into(), true.into());
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(code: &'static str, parameter: &str, got: Option<&str>) -> BadParam {
        let reason = "expected an integer".into();
        BadParam { code, parameter: parameter.into(), reason, got: got.map(Into::into) }
    }

    #[test]
    fn the_first_bad_parameter_gives_code_and_message() {
        let errors = vec![bad("invalid_parameter", "customer_id", Some("12a")), bad("missing_parameter", "b", None)];
        let error = CallError::bad_params(errors);
        assert_eq!((error.code.as_str(), error.code.status()), ("invalid_parameter", 400));
        assert_eq!(error.message, "customer_id: expected an integer, got \"12a\" (and 1 more)");
        let expected = json!({
            "code": "invalid_parameter", "message": error.message,
            "errors": [
                { "parameter": "customer_id", "reason": "expected an integer", "got": "12a" },
                { "parameter": "b", "reason": "expected an integer" },
            ],
        });
        assert_eq!(Json::Object(error.members()), expected);
    }

    #[test]
    fn what_may_pass_later_says_when_to_come_again() {
        for code in [
            Code::RateLimited,
            Code::Overloaded,
            Code::Contention,
            Code::BackendUnavailable,
            Code::BackendLimited,
            Code::ActionUnavailable,
        ] {
            assert!(matches!(code.status(), 429 | 503));
            assert!(CallError::new(code).retry_after.is_some());
        }
        assert_eq!(CallError::new(Code::Timeout).retry_after, None);
    }

    #[test]
    fn an_own_code_keeps_its_status() {
        let code = Code::Own(Box::new(OwnError { code: "account_closed".into(), http: 422 }));
        assert_eq!((code.as_str(), code.status()), ("account_closed", 422));
    }

    #[test]
    fn members_tell_the_constraint_and_a_doubt() {
        let mut error = CallError::new(Code::ConstraintViolation);
        error.constraint = Some("unique");
        assert!(["in_doubt", "committed"].iter().all(|name| !error.members().contains_key(*name)));
        (error.in_doubt, error.committed) = (true, true);
        let members = error.members();
        assert_eq!((&members["constraint"], &members["in_doubt"]), (&json!("unique"), &json!(true)));
        assert_eq!(members["committed"], true);
    }
}
