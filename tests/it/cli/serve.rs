//! `datadip serve`.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{ORDERS, Printed, check_in, replace, starter, write};

/// Longer than anything takes here, on the slowest machine.
const LONG: Duration = Duration::from_secs(30);

/// A gateway that runs; killed when it is dropped.
pub struct Gateway {
    child: Child,
    said: Receiver<String>,
}

impl Gateway {
    /// Starts it in a folder, on a free port.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("datadip"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let said = lines(child.stderr.take().expect("it is piped"));
        Self { child, said }
    }

    /// The next lines on standard error, up to one that begins so.
    pub fn lines_until(&self, beginning: &str) -> Vec<String> {
        let end = Instant::now() + LONG;
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| !line.starts_with(beginning)) {
            match self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(_) => panic!("no line begins with {beginning:?}: {lines:#?}"),
            }
        }
        lines
    }

    /// The next line on standard error that begins so.
    fn wait_for(&self, beginning: &str) -> String {
        self.lines_until(beginning).pop().expect("it came")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// The exit code, once it has ended.
    pub fn exit_code(&mut self) -> Option<i32> {
        let end = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

#[test]
fn an_action_that_does_not_fit_its_database_is_logged_at_start_also_with_strict() {
    let folder = starter();
    replace(&folder, ORDERS, "c.phone = {{ phone }}", "c.fone = {{ phone }}");
    let gateway = Gateway::start(folder.path(), &["--strict"]);
    gateway.wait_for("serving 1 action on ");
    let mut line = gateway.wait_for("{\"timestamp\"");
    while !line.contains("the action is drifted") {
        line = gateway.wait_for("{\"timestamp\"");
    }
    assert!(line.contains("customer-orders") && line.contains("no such column: c.fone"), "{line}");
}

#[cfg(unix)]
#[test]
fn the_curl_line_works_and_a_signal_ends_with_0() {
    for signal in ["INT", "TERM"] {
        let folder = starter();
        let mut gateway = Gateway::start(folder.path(), &[]);
        assert!(gateway.wait_for("serving 1 action on http://127.0.0.1:").len() > 37);
        let line = gateway.wait_for("  curl -s http://127.0.0.1:");
        assert!(line.ends_with(r#"/actions/customer-orders -d '{"phone":"+442071234567"}'"#), "{line}");
        let answer = Command::new("sh").args(["-c", line.trim()]).output().expect("there is a shell");
        let answer = String::from_utf8(answer.stdout).expect("UTF-8");
        assert!(answer.starts_with(r#"{"status":"success","result":[{"id":102,"#), "{answer}");
        gateway.signal(signal);
        gateway.wait_for("stopping");
        gateway.wait_for("stopped");
        assert_eq!(gateway.exit_code(), Some(0));
    }
}

#[test]
fn the_curl_line_is_for_no_action_that_its_cost_may_keep_closed() {
    let folder = starter();
    let config = "backends:\n  demo: { kind: sqlite, url: 'sqlite:demo.db', init: demo.sql }\n  \
                  crm: { kind: postgres, url: 'postgres://nobody@127.0.0.1:9/none' }\n";
    write(&folder, "datadip.yaml", config);
    write(&folder, "actions/a.yaml", "backend: crm\nmax_cost: 1\nsql: SELECT 1 AS a\n");
    let gateway = Gateway::start(folder.path(), &[]);
    let line = gateway.wait_for("  curl -s http://127.0.0.1:");
    assert!(line.contains("/actions/customer-orders "), "{line}");
}

#[cfg(unix)]
fn client() -> reqwest::Client {
    // It wants to know who would do its TLS, even where there is none; another test may have said so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_under_load_ends_with_0_and_breaks_no_call() {
    let folder = starter();
    let mut gateway = Gateway::start(folder.path(), &[]);
    let line = gateway.wait_for("serving 1 action on http://");
    let url = format!("{}/actions/customer-orders", line.split_whitespace().last().expect("an address"));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (url, client, answered) = (url.clone(), client(), answered.clone());
            tokio::spawn(async move {
                // A connection that is refused is the end; an answer that is cut off is a failure.
                while let Ok(answer) = client.post(&url).body(r#"{"phone": "+12025550123"}"#).send().await {
                    if answer.status() == 503 {
                        break;
                    }
                    assert_eq!(answer.status(), 200);
                    assert!(answer.text().await.expect("a whole answer").contains("\"id\":103"));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let end = Instant::now() + LONG;
    while answered.load(Ordering::Relaxed) < 100 {
        assert!(Instant::now() < end, "nothing is answered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gateway.signal("INT");
    // Waited for on another thread: the callers need this one.
    let code = tokio::task::spawn_blocking(move || gateway.exit_code()).await.expect("it ends");
    assert_eq!(code, Some(0));
    for caller in callers {
        caller.await.expect("no answer was wrong");
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    let folder = starter();
    let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n";
    let action =
        format!("description: Never ends.\nbackend: demo\nsql: {count}\nresult: {{ shape: value }}\ntimeout: 60s\n");
    write(&folder, "actions/endless.yaml", &action);
    let mut gateway = Gateway::start(folder.path(), &[]);
    let line = gateway.wait_for("serving 2 actions on http://");
    let address = line.rsplit("http://").next().expect("an address");
    let mut caller = TcpStream::connect(address).expect("it listens");
    let request = format!("POST /actions/endless HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    caller.write_all(request.as_bytes()).expect("it is sent");
    thread::sleep(Duration::from_secs(1));
    gateway.signal("INT");
    gateway.wait_for("stopping");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(gateway.child.try_wait().expect("it can be waited for"), None, "it waits for the call");
    gateway.signal("INT");
    gateway.wait_for("stopped");
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_port_in_use_is_told() {
    let folder = starter();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let Printed { out, error } = check_in(folder.path(), &["serve", "--listen", &address], 2);
    assert_eq!(out, "");
    let told = format!("error: {address} is already in use by another program; choose another port with --listen");
    assert!(error.contains(&told), "{error}");
}

#[test]
fn strict_refuses_a_broken_file_which_is_shown_as_lint_does() {
    let folder = starter();
    write(&folder, "actions/broken.yaml", "backend: demo\n");
    let linted = check_in(folder.path(), &["lint"], 1).out;
    let Printed { out, error } = check_in(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--strict"], 1);
    assert_eq!(out, "");
    assert!(error.starts_with(linted.trim_end()), "{error}");
    assert!(error.ends_with("error: --strict: 1 file cannot be served\n"), "{error}");
}

#[test]
fn strict_refuses_an_unreachable_backend() {
    let folder = starter();
    write(&folder, "demo.db", "this is no database, whatever its name says; it is long enough to be looked at");
    let Printed { error, .. } = check_in(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--strict"], 1);
    assert!(error.contains("error: --strict: the backend `demo` cannot be reached"), "{error}");
}

#[test]
fn a_broken_configuration_is_shown_and_nothing_serves() {
    let folder = starter();
    replace(&folder, "datadip.yaml", "listen:", "listne:");
    let Printed { error, .. } = check_in(folder.path(), &["serve"], 1);
    assert!(error.contains("error[unknown-key]: unknown key `listne`"), "{error}");
}

#[test]
fn without_access_only_loopback_is_served() {
    let folder = starter();
    let Printed { error, .. } = check_in(folder.path(), &["serve", "--listen", "0.0.0.0:0"], 2);
    assert!(error.contains("without `access`"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_broken_file_does_not_stop_the_others() {
    let folder = starter();
    replace(&folder, ORDERS, "backend: demo", "backend: dmeo");
    write(
        &folder,
        "actions/one.yaml",
        "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: value }\n",
    );
    let mut gateway = Gateway::start(folder.path(), &[]);
    gateway.wait_for("error[unknown-backend]");
    gateway.wait_for("serving 1 action on http://");
    gateway.signal("INT");
    assert_eq!(gateway.exit_code(), Some(0));
}
