//! Requests to an org: which address and which headers, who is asking, and what an answer says of the day's limit.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use reqwest::{
    Method, Request, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value as Json, value::RawValue};

use super::{
    failure::{Effect, judge},
    limits::Limits,
    login::{Session, login},
    settings::Settings,
};
use crate::backend::{
    Failure, FailureKind, Usage,
    service::{
        Refused, Service, Tries,
        client::{Answer, Client},
    },
};

/// One org, as requests see it.
pub struct Api {
    /// The backend's name.
    name: String,
    service: Service<Session>,
    /// The path that all of its resources are below: `/services/data/v66.0`.
    root: String,
    limits: Limits,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.root)
    }
}

/// One request: what differs from one to the next.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The path below the instance's address, with its query, encoded.
    pub path: &'a str,
    /// `Sforce-Query-Options`.
    pub batch: Option<usize>,
    /// The body, as JSON.
    pub body: Option<&'a Json>,
    /// Whether the answer is that of a composite request: what is asked for is within it.
    pub composite: bool,
    /// Whether it may be sent again whatever became of it.
    pub effect: Effect,
    /// Set where it may have taken effect, and nobody knows.
    pub committing: Option<&'a AtomicBool>,
    /// What the author wrote: names of it may be told in the log.
    pub text: &'a str,
}

impl<'a> Ask<'a> {
    /// A request that reads.
    pub fn get(path: &'a str, text: &'a str) -> Self {
        let (batch, body, effect) = (None, None, Effect::Reads);
        Self { method: Method::GET, path, batch, body, composite: false, effect, committing: None, text }
    }
}

impl Api {
    /// An org by its backend's name and settings.
    pub fn new(name: &str, settings: Settings) -> Self {
        let client = Arc::new(Client::new(settings.authorities));
        let way = Arc::new((client.clone(), settings.login, settings.credentials));
        let login = Box::new(move || {
            let way = Arc::clone(&way);
            Box::pin(async move { login(&way.0, &way.1, &way.2).await }) as futures_util::future::BoxFuture<'static, _>
        });
        let root = format!("/services/data/{}", settings.version);
        Self { name: name.into(), service: Service::new(client, login), root, limits: Limits::default() }
    }

    /// Logs in, unless somebody has.
    pub async fn connect(&self) -> Result<(), Refused> {
        self.service.token().await.map(drop)
    }

    /// The path of a resource.
    pub fn path(&self, resource: &str) -> String {
        format!("{}/{resource}", self.root)
    }

    /// How much of the org's limits is used.
    pub fn usage(&self) -> Vec<Usage> {
        self.limits.usage()
    }

    /// Sends a request and takes its answer.
    pub async fn ask(&self, tries: Tries<'_>, ask: &Ask<'_>) -> Result<Answer, Refused> {
        let judge = |outcome| {
            let outcome: Result<Answer, _> = outcome;
            if let Ok(answer) = &outcome
                && let Some(Usage { name, used, limit }) = self.limits.note(&answer.headers)
            {
                tracing::warn!(backend = self.name, "80 % of Salesforce's {name} is used: {used} of {limit} requests");
            }
            let answer = judge(outcome, ask.effect, ask.text)?;
            if ask.composite { judge(Ok(inner(answer)?), ask.effect, ask.text) } else { Ok(answer) }
        };
        let request = |session: &_| request(session, ask);
        match ask.committing {
            Some(committing) => self.service.commit(tries, committing, request, judge).await,
            None => self.service.ask(tries, request, judge).await,
        }
    }
}

fn request(session: &Session, ask: &Ask<'_>) -> Result<Request, Failure> {
    let mut request = Request::new(ask.method.clone(), url(&session.instance, ask.path)?);
    let mut token = HeaderValue::from_str(&format!("Bearer {}", session.token))
        .map_err(|_| Failure::new(FailureKind::Unavailable, "the token cannot be sent"))?;
    token.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, token);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(batch) = ask.batch {
        let options = HeaderValue::from_str(&format!("batchSize={batch}"));
        headers.extend(options.ok().map(|options| (HeaderName::from_static("sforce-query-options"), options)));
    }
    if let Some(body) = ask.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
    }
    Ok(request)
}

/// A path at the instance. One that leads elsewhere is refused: the token would go there.
fn url(instance: &Url, path: &str) -> Result<Url, Failure> {
    let url = instance.join(path).ok().filter(|url| path.starts_with('/') && url.origin() == instance.origin());
    url.ok_or_else(|| Failure::new(FailureKind::Other, "the answer leads to another address than the instance's"))
}

/// The only answer within the answer of a composite request.
fn inner(answer: Answer) -> Result<Answer, Refused> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Composite<'a> {
        #[serde(borrow)]
        composite_response: [Inner<'a>; 1],
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner<'a> {
        #[serde(borrow)]
        body: &'a RawValue,
        http_status_code: u16,
    }
    let odd = |_| Refused::never(Failure::new(FailureKind::Other, "the composite answer has no answer within it"));
    let composite: Composite<'_> = serde_json::from_slice(&answer.body).map_err(odd)?;
    let [inner] = composite.composite_response;
    let body = inner.body.get().into();
    Ok(Answer { status: inner.http_status_code, headers: answer.headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_no_other_address() {
        let instance: Url = "https://acme.my.salesforce.com".parse().expect("an address");
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(url(&instance, path).ok().as_ref().map(Url::as_str), expected, "{path}");
        };
        check(
            "/services/data/v66.0/query/01g-2000",
            Some("https://acme.my.salesforce.com/services/data/v66.0/query/01g-2000"),
        );
        for elsewhere in
            ["https://evil.example/x", "//evil.example/x", "\\\\evil.example/x", "/\\evil.example/x", "x", ""]
        {
            check(elsewhere, None);
        }
    }
}
