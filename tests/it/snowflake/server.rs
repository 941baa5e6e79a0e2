//! A Snowflake of the tests' own, strict where the SQL API is (FACTS 3): real sockets, signed tokens, statements that run
//! until they are asked for, partitions that are packed whatever was asked. It does wrong what a test tells it to.

use std::{
    collections::VecDeque,
    io::BufReader,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::{account::Account, token};
use crate::salesforce::server::{Got, packed, read, send};

/// A server, until it is dropped.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// What its threads share.
#[derive(Debug, Default)]
struct Shared {
    account: Mutex<Account>,
    faults: Mutex<VecDeque<(String, Fault)>>,
    requests: Mutex<Vec<Got>>,
    stopped: AtomicBool,
}

/// What it does wrong, once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another answer, and nothing is done: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The right answer, late.
    Late(Duration),
    /// The connection ends before anything is done.
    CutBefore,
    /// The connection ends after everything is done, before the answer.
    CutAfter,
    /// The connection ends within the body, which is done all the same.
    CutBody,
    /// A body of more than 64 MiB, packed into few bytes.
    Bomb,
}

impl Fault {
    /// An error in Snowflake's form.
    pub fn error(status: u16, code: &str) -> Self {
        let body = json!({ "code": code, "message": format!("the words of {code} say 'a secret'") });
        Self::Answer(status, Vec::new(), body.to_string())
    }

    /// A page that no service of Snowflake's wrote.
    pub fn page(status: u16) -> Self {
        Self::Answer(status, vec![("Content-Type", "text/html".into())], "<html>no</html>".into())
    }

    /// The same answer with a header.
    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub packed: bool,
}

impl Reply {
    pub fn json(status: u16, body: &Json) -> Self {
        Self { status, body: body.to_string(), packed: false }
    }

    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "code": code, "message": message }))
    }
}

impl Server {
    /// A server with an account.
    pub fn start(account: Account) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { account: Mutex::new(account), ..Shared::default() });
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), shared) = (stream, served.clone()) else { continue };
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it knows and does, to be changed.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.shared.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one of the next requests whose address has this in it wrongly.
    pub fn fault(&self, target: &str, fault: Fault) {
        self.faults(target, 1, &fault);
    }

    /// The same, several times.
    pub fn faults(&self, target: &str, times: usize, fault: &Fault) {
        let mut faults = self.shared.faults.lock().expect("no panic");
        faults.extend((0..times).map(|_| (target.to_owned(), fault.clone())));
    }

    /// The requests so far whose address has this in it.
    pub fn requests(&self, target: &str) -> Vec<Got> {
        let requests = self.shared.requests.lock().expect("no panic");
        requests.iter().filter(|got| got.target.contains(target)).cloned().collect()
    }

    /// The body of the last statement that was sent.
    pub fn sent(&self) -> Json {
        let last = self.requests(SUBMIT).pop().expect("a statement was sent");
        serde_json::from_slice(&last.body).expect("it is JSON")
    }
}

/// In the addresses of submissions.
pub const SUBMIT: &str = "/api/v2/statements?";
/// In the addresses of polls and partitions.
pub const POLL: &str = "/api/v2/statements/";
/// In the addresses of partitions.
pub const PARTITION: &str = "partition=";
/// In the addresses of cancellations.
pub const CANCEL: &str = "/cancel";

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection to its end.
fn serve(stream: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(got) = read(&mut reader) {
        if shared.stopped.load(Ordering::Relaxed) || !answer(stream, &got, shared) {
            return;
        }
    }
}

/// Answers a request; whether the connection goes on.
fn answer(stream: &TcpStream, got: &Got, shared: &Shared) -> bool {
    shared.requests.lock().expect("no panic").push(got.clone());
    let fault = {
        let mut faults = shared.faults.lock().expect("no panic");
        let at = faults.iter().position(|(target, _)| got.target.contains(target.as_str()));
        at.and_then(|at| faults.remove(at)).map(|(_, fault)| fault)
    };
    match &fault {
        Some(Fault::Answer(status, headers, body)) => return send(stream, *status, headers, body.as_bytes(), None),
        Some(Fault::CutBefore) => return false,
        Some(Fault::Bomb) => {
            return send(stream, 200, &[("Content-Encoding", "gzip".into())], &packed(&vec![b' '; 65 << 20]), None);
        }
        Some(Fault::Late(time)) => thread::sleep(*time),
        Some(Fault::CutAfter | Fault::CutBody) | None => {}
    }
    let work = route(got, &mut shared.account.lock().unwrap_or_else(PoisonError::into_inner));
    // Rows are written while others may ask: a partition takes its time.
    let reply = work();
    if matches!(fault, Some(Fault::CutAfter)) {
        return false;
    }
    let mut headers: Vec<(&'static str, String)> = vec![("Content-Type", "application/json".into())];
    let mut body = reply.body.into_bytes();
    if reply.packed {
        headers.push(("Content-Encoding", "gzip".into()));
        body = packed(&body);
    }
    let cut = matches!(fault, Some(Fault::CutBody)).then_some(body.len() / 2);
    send(stream, reply.status, &headers, &body, cut)
}

/// What is left to do for an answer without the account.
pub type Work = Box<dyn FnOnce() -> Reply>;

fn route(got: &Got, account: &mut Account) -> Work {
    let now = |reply: Reply| Box::new(move || reply) as Work;
    if got.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
        return now(Reply::error(400, "391903", "The User-Agent header is missing"));
    }
    if got.path() == "/oauth/token-request" {
        return now(token::grant(got, account));
    }
    if let Some(denied) = token::denied(got, account) {
        return now(denied);
    }
    if got.header("accept").is_none_or(|accept| !accept.contains("application/json")) {
        return now(Reply::error(406, "391902", "Unsupported Accept header null is specified"));
    }
    let Some(rest) = got.path().strip_prefix("/api/v2/statements") else {
        return now(Reply { status: 404, body: String::new(), packed: false });
    };
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    match (got.method.as_str(), &parts[..]) {
        ("POST", []) => {
            if got.header("content-type") != Some("application/json") {
                return now(Reply::error(415, "391904", "Unsupported Content-Type"));
            }
            now(account.submit(got))
        }
        ("GET", [handle]) => account.poll(handle, got.parameter("partition").as_deref()),
        ("POST", [handle, "cancel"]) => now(account.cancel(handle)),
        _ => now(Reply { status: 405, body: String::new(), packed: false }),
    }
}
