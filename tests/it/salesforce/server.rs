//! A Salesforce of the tests' own, strict where the service is (FACTS 2): real sockets, form-encoded logins, errors as lists,
//! pages with paths. It does wrong what a test tells it to.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value as Json, json};

use super::{org::Org, token};

/// The most bytes of an address, and of an address with its headers.
const MAX_HEAD: usize = 16_384;

/// A server, until it is dropped.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// What its threads share.
#[derive(Debug, Default)]
pub struct Shared {
    pub org: Mutex<Org>,
    faults: Mutex<VecDeque<(String, Fault)>>,
    requests: Mutex<Vec<Got>>,
    stopped: AtomicBool,
}

/// A request that came.
#[derive(Clone, Debug, Default)]
pub struct Got {
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What it does wrong, once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The right answer, late.
    Late(Duration),
    /// The connection ends before the answer.
    Cut,
    /// The connection ends within the body, which is done all the same.
    CutBody,
    /// A body of more than 64 MiB.
    Huge,
    /// The same, packed into few bytes.
    Bomb,
}

impl Fault {
    /// An error in Salesforce's form.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Answer(status, Vec::new(), json!([{ "errorCode": code, "message": message }]).to_string())
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
}

impl Reply {
    pub fn json(status: u16, body: &Json) -> Self {
        Self { status, body: body.to_string() }
    }

    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!([{ "message": message, "errorCode": code }]))
    }
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

impl Server {
    /// A server with an org.
    pub fn start(org: Org) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { org: Mutex::new(org), ..Shared::default() });
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), shared) = (stream, served.clone()) else { continue };
                thread::spawn(move || serve(&stream, &shared, address));
            }
        });
        Self { address, shared }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it knows and does, to be changed.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.shared.org.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// How many logins were tried.
    pub fn logins(&self) -> usize {
        self.requests("/oauth2/token").len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection to its end.
fn serve(stream: &TcpStream, shared: &Shared, address: SocketAddr) {
    let mut reader = BufReader::new(stream);
    while let Some(got) = read(&mut reader) {
        if shared.stopped.load(Ordering::Relaxed) || !answer(stream, &got, shared, address) {
            return;
        }
    }
}

pub fn read(reader: &mut BufReader<&TcpStream>) -> Option<Got> {
    let mut line = || {
        let mut line = String::new();
        let length = reader.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut got = Got { method, target, headers, body: Vec::new() };
    let length = got.header("content-length").map_or(0, |text| text.parse().expect("a number"));
    got.body = vec![0; length];
    reader.read_exact(&mut got.body).ok()?;
    Some(got)
}

/// Answers a request; whether the connection goes on.
fn answer(stream: &TcpStream, got: &Got, shared: &Shared, address: SocketAddr) -> bool {
    shared.requests.lock().expect("no panic").push(got.clone());
    let fault = {
        let mut faults = shared.faults.lock().expect("no panic");
        let at = faults.iter().position(|(target, _)| got.target.contains(target.as_str()));
        at.and_then(|at| faults.remove(at)).map(|(_, fault)| fault)
    };
    match &fault {
        Some(Fault::Answer(status, headers, body)) => return send(stream, *status, headers, body.as_bytes(), None),
        Some(Fault::Cut) => return false,
        Some(Fault::Huge) => return send(stream, 200, &[], &vec![b' '; 65 << 20], None),
        Some(Fault::Bomb) => {
            return send(stream, 200, &[("Content-Encoding", "gzip".into())], &packed(&vec![b' '; 65 << 20]), None);
        }
        Some(Fault::Late(time)) => thread::sleep(*time),
        Some(Fault::CutBody) | None => {}
    }
    let (reply, limits) = {
        let mut org = shared.org.lock().unwrap_or_else(PoisonError::into_inner);
        (route(got, &mut org, address), org.limits.clone())
    };
    let mut headers: Vec<(&'static str, String)> = vec![("Content-Type", "application/json;charset=UTF-8".into())];
    headers.extend(limits.map(|limits| ("Sforce-Limit-Info", limits)));
    let mut body = reply.body.into_bytes();
    let cut = matches!(fault, Some(Fault::CutBody)).then_some(body.len() / 2);
    if body.len() > 1000 && cut.is_none() && got.header("accept-encoding").is_some_and(|value| value.contains("gzip")) {
        headers.push(("Content-Encoding", "gzip".into()));
        body = packed(&body);
    }
    send(stream, reply.status, &headers, &body, cut)
}

pub fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Sends an answer, or the first bytes of its body; whether the connection goes on.
pub fn send(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &[u8],
    cut: Option<usize>,
) -> bool {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if status != 204 {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    let part = &body[..cut.unwrap_or(body.len())];
    stream.write_all(&[head.as_bytes(), part].concat()).is_ok() && cut.is_none()
}

fn route(got: &Got, org: &mut Org, address: SocketAddr) -> Reply {
    if got.path() == "/services/oauth2/token" {
        return token::grant(got, org, address);
    }
    let head: usize = got.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if got.target.len() > MAX_HEAD {
        return Reply { status: 414, body: String::new() };
    }
    if got.target.len() + head > MAX_HEAD {
        return Reply { status: 431, body: String::new() };
    }
    let token = got.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !org.tokens.contains(token) {
        return Reply::error(401, "INVALID_SESSION_ID", "Session expired or invalid");
    }
    resource(got, org)
}

/// What stands behind an address, for who is logged in.
fn resource(got: &Got, org: &mut Org) -> Reply {
    let missing = || Reply::error(404, "NOT_FOUND", "The requested resource does not exist");
    let Some(resource) = got.path().strip_prefix("/services/data/v66.0/") else { return missing() };
    let parts: Vec<&str> = resource.split('/').collect();
    match (got.method.as_str(), &parts[..]) {
        ("GET", ["query"]) => match got.parameter("q") {
            Some(query) => org.query(&query, got.header("sforce-query-options")),
            None => Reply::error(400, "MALFORMED_QUERY", "no query"),
        },
        ("GET", ["query", cursor]) => org.next(cursor),
        ("GET", ["sobjects", object, "describe"]) => org.describe(object).unwrap_or_else(missing),
        ("GET", ["sobjects"]) => org.describe_global(),
        ("POST", ["composite"]) => composite(got, org),
        (_, ["sobjects", parts @ ..]) => org.sobjects.write(got, parts).unwrap_or_else(missing),
        _ => missing(),
    }
}

/// Requests within a request, one after the other.
fn composite(got: &Got, org: &mut Org) -> Reply {
    let body: Json = serde_json::from_slice(&got.body).unwrap_or_default();
    let Some(requests) = body["compositeRequest"].as_array().filter(|requests| requests.len() <= 25) else {
        return Reply::error(400, "JSON_PARSER_ERROR", "no composite request");
    };
    assert_eq!(got.header("content-type"), Some("application/json"));
    let answers = requests.iter().map(|request| {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let body = request.get("body").map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let inner = Got { method: text("method"), target: text("url"), headers: Vec::new(), body };
        let reply = resource(&inner, org);
        let body: Json = serde_json::from_str(&reply.body).unwrap_or_default();
        json!({ "body": body, "httpHeaders": {}, "httpStatusCode": reply.status, "referenceId": text("referenceId") })
    });
    let answers: Vec<Json> = answers.collect();
    Reply::json(200, &json!({ "compositeResponse": answers }))
}
