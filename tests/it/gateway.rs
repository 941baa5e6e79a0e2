//! A gateway of a test's own files on a port of its own, and a client that sends any bytes.

use std::{fs, net::TcpListener, path::Path, sync::Arc, time::Duration};

use datadip::{
    diagnostic::text,
    gateway::{Gateway, Live},
    project::Project,
    server::{self, Handle},
    settings::ProcessEnvironment,
};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::backends::tools::until;

/// A `datadip.yaml` with one SQLite backend, filled from `seed.sql`.
pub const CONFIG: &str = "\
server: { listen: 127.0.0.1:0, workers: 1, shutdown_grace: 5s }
backends:
  demo: { kind: sqlite, url: 'sqlite:test.db', init: seed.sql, allow_tests: true }
";

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that serves the files of a temporary folder until it is dropped.
pub struct Serving {
    pub folder: TempDir,
    pub live: Arc<Live>,
    pub handle: Handle,
    project: Project,
}

impl Serving {
    /// Serves these files: paths and texts. Where they have no `datadip.yaml` or `seed.sql`, there are simple ones.
    pub fn start<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Self {
        Self::start_with(files, |_| {})
    }

    /// Serves these files with a gateway that is changed first.
    pub fn start_with<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], change: impl FnOnce(&mut Gateway)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        write(folder.path(), "datadip.yaml", CONFIG);
        write(folder.path(), "seed.sql", "");
        fs::create_dir_all(folder.path().join("actions")).expect("a folder");
        for (path, text) in files {
            write(folder.path(), path.as_ref(), text.as_ref());
        }
        let project = load(folder.path(), None);
        let gateway = Gateway::new(&project);
        let mut gateway = gateway.unwrap_or_else(|| panic!("datadip.yaml: {:#?}", project.settings_report));
        change(&mut gateway);
        let admin = gateway.settings.server.admin_listen.is_some();
        let live = Arc::new(Live::new(gateway));
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let handle = server::serve(live.clone(), bind(), admin.then(bind)).expect("serving");
        Self { folder, live, handle, project }
    }

    /// What is wrong with the files that are not served.
    pub fn broken(&self) -> Vec<String> {
        let catalog = &self.live.snapshot().catalog;
        let reports =
            catalog.entries().filter(|entry| entry.action.is_none()).filter_map(|entry| entry.report.as_ref());
        reports.map(|report| text::render(report, false)).collect()
    }

    /// Writes a file and serves the folder as it is now.
    pub fn reload(&mut self, path: &str, text: &str) {
        write(self.folder.path(), path, text);
        self.project = load(self.folder.path(), Some(&self.project));
        self.live.apply(&self.project);
    }

    /// Sends one request; `head` is its request line and headers, a line each.
    pub async fn send(&self, head: &str, body: impl AsRef<[u8]>) -> Answer {
        send(self.handle.address(), head, body.as_ref()).await
    }

    /// Posts JSON to a path.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(&format!("POST {path}\nContent-Type: application/json"), body).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "").await
    }

    /// Waits until the first action of the catalog is in a state; what is shown of it then.
    pub async fn state(&self, wanted: &str) -> Json {
        let mut shown = Json::Null;
        until(wanted, async || {
            shown = self.get("/catalog").await.json()["actions"][0].clone();
            shown["state"] == wanted
        })
        .await;
        shown
    }

    /// An open connection.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.handle.address()).await.expect("a connection")
    }
}

fn load(folder: &Path, previous: Option<&Project>) -> Project {
    Project::load(&folder.join("datadip.yaml"), Some(&ProcessEnvironment), previous).expect("a readable deployment")
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Sends one request and reads its answer. `Host`, `Content-Length` and `Connection: close` are added where they are not
/// among the headers.
pub async fn send(address: std::net::SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut lines = head.lines();
    let mut text = format!("{} HTTP/1.1\r\n", lines.next().expect("a request line"));
    let given: Vec<&str> = lines.collect();
    for line in &given {
        text += &format!("{line}\r\n");
    }
    let mut add = |name: &str, value: String| {
        if !given.iter().any(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase()))) {
            text += &format!("{name}: {value}\r\n");
        }
    };
    add("Host", address.to_string());
    add("Connection", "close".into());
    if !body.is_empty() && !head.to_lowercase().contains("transfer-encoding") {
        add("Content-Length", body.len().to_string());
    }
    let bytes = [text.as_bytes(), b"\r\n", body].concat();
    send_raw(address, &bytes).await
}

/// Sends bytes as they are and reads what comes back until the connection closes.
pub async fn send_raw(address: std::net::SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server that refuses a request may close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    Answer::read(&mut stream).await
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer to its end.
    pub async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(answer) = Self::parse(&bytes, false) {
                return answer;
            }
            match timeout(PATIENCE, stream.read(&mut chunk)).await.expect("an answer in time") {
                Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
                _ => return Self::parse(&bytes, true).unwrap_or_else(|| panic!("half an answer: {bytes:?}")),
            }
        }
    }

    fn parse(bytes: &[u8], ended: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).expect("the head is ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut answer = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = dechunk(&answer.body)?;
            return Some(answer);
        }
        let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        (ended || length.is_some_and(|length| answer.body.len() >= length)).then_some(answer)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name.to_lowercase()).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The member `code` of an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}

/// The body of a chunked answer, once its last chunk is there.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + length)?;
        rest = rest.get(line + 2 + length + 2..)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
    }
}
