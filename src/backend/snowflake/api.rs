//! Requests to an account: which address and which headers, who is asking, and what their answers are.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::{
    Method, Request, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};

use super::{
    access::{Token, login},
    settings::{Context, Settings},
};
use crate::backend::{
    Failure,
    service::{
        Refused, Service, Tries,
        client::{Answer, Client, Lost},
    },
};

/// The path of all statements.
const STATEMENTS: &str = "/api/v2/statements";
/// One account, as requests see it.
pub struct Api {
    service: Service<Token>,
    url: Url,
    /// Where statements run, unless an action says otherwise.
    pub context: Context,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.url)
    }
}

/// What is asked of an account.
#[derive(Clone, Debug)]
pub enum Ask {
    /// To run a statement: the body, the id of the request, and whether it may have been sent before.
    Submit(Bytes, uuid::Uuid, bool),
    /// How a statement goes on, or its first rows.
    Poll(Arc<str>),
    /// Further rows of a statement.
    Partition(Arc<str>, usize),
    /// To stop a statement.
    Cancel(Arc<str>),
}

impl Api {
    /// An account by its settings.
    pub fn new(settings: Settings) -> Self {
        let client = Arc::new(Client::new(settings.authorities));
        let way = Arc::new((client.clone(), settings.credentials));
        let login = Box::new(move || {
            let way = Arc::clone(&way);
            Box::pin(async move { login(&way.0, &way.1).await }) as BoxFuture<'static, _>
        });
        Self { service: Service::new(client, login), url: settings.url, context: settings.context }
    }

    /// Gets a token, unless there is one.
    pub async fn connect(&self) -> Result<(), Refused> {
        self.service.token().await.map(drop)
    }

    /// Asks, as often as `tries` and `judge` say. `ask` says what, for each try.
    pub async fn ask<A>(
        &self,
        tries: Tries<'_>,
        ask: impl Fn() -> Result<Ask, Failure>,
        judge: impl Fn(Result<Answer, Lost>) -> Result<A, Refused>,
    ) -> Result<A, Refused> {
        self.service.ask(tries, |token| self.request(token, ask()?), judge).await
    }

    fn request(&self, token: &Token, ask: Ask) -> Result<Request, Failure> {
        let path = match &ask {
            Ask::Submit(..) => STATEMENTS.to_owned(),
            Ask::Poll(handle) | Ask::Partition(handle, _) => format!("{STATEMENTS}/{handle}"),
            Ask::Cancel(handle) => format!("{STATEMENTS}/{handle}/cancel"),
        };
        let mut url = self.url.clone();
        url.set_path(&path);
        match &ask {
            // Without `async` a statement that takes up to 45 seconds has no handle by which it could be stopped.
            Ask::Submit(_, id, repeated) => {
                let mut query = url.query_pairs_mut();
                query.append_pair("requestId", &id.to_string()).append_pair("async", "true");
                if *repeated {
                    query.append_pair("retry", "true");
                }
            }
            Ask::Partition(_, number) => {
                url.query_pairs_mut().append_pair("partition", &number.to_string());
            }
            Ask::Poll(_) | Ask::Cancel(_) => {}
        }
        let method = if matches!(ask, Ask::Submit(..) | Ask::Cancel(_)) { Method::POST } else { Method::GET };
        let mut request = Request::new(method, url);
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        token.put(headers);
        headers.insert(ACCEPT, json.clone());
        if *request.method() == Method::POST {
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        if let Ask::Submit(body, ..) = ask {
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }
}

/// Whether a text is a handle of a statement: it becomes a segment of an address.
pub fn is_handle(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
