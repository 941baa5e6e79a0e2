//! datadip against a hand-written route: the same query on the same SQLite file, the same JSON in and out, the same schema.
//!
//! `cargo bench --bench compare` serves both in processes of their own, one after the other in several rounds, and prints
//! requests a second and the server's processor time a request, with the ratio of the medians. Linux only: processor time
//! is read from `/proc`. Rounds are interleaved because machines are noisy; compare ratios, not figures of different runs.

mod handwritten;
mod load;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Rounds of each server, after one that only warms up.
const ROUNDS: usize = 5;
/// Connections that send one request after the other.
const CONNECTIONS: usize = 16;
/// Requests of a round, over all connections.
const REQUESTS: usize = 60_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("--handwritten") => handwritten::serve(&arguments.next().expect("a database file")),
        _ => compare(),
    }
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let (database, config) = deployment(folder.path());
    // The first start fills the database; the hand-written route then reads the same file.
    drop(Server::datadip(&config));

    let mut datadip = Vec::new();
    let mut handwritten = Vec::new();
    for round in 0..=ROUNDS {
        for own in [true, false] {
            let server = if own { Server::datadip(&config) } else { Server::handwritten(&database) };
            let figures = load::run(&server.address, server.child.id(), CONNECTIONS, REQUESTS);
            let name = if own { "datadip" } else { "hand-written" };
            println!("round {round}  {name:<13} {figures}");
            if round > 0 {
                if own { &mut datadip } else { &mut handwritten }.push(figures);
            }
        }
    }
    let cpu = |figures: &[load::Figures]| median(figures.iter().map(|f| f.cpu_micros));
    let rate = |figures: &[load::Figures]| median(figures.iter().map(|f| f.requests_a_second));
    let ratio = |a: f64, b: f64| a / b;
    println!();
    println!("medians of {ROUNDS} rounds, {CONNECTIONS} connections, {REQUESTS} requests a round (round 0 warms up)");
    println!(
        "processor time a request: datadip {:.1} µs, hand-written {:.1} µs, ratio {:.2}",
        cpu(&datadip),
        cpu(&handwritten),
        ratio(cpu(&datadip), cpu(&handwritten))
    );
    println!(
        "requests a second:        datadip {:.0}, hand-written {:.0}, ratio {:.2}",
        rate(&datadip),
        rate(&handwritten),
        ratio(rate(&datadip), rate(&handwritten))
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The repository's demo in a folder of its own, on any free port.
fn deployment(folder: &Path) -> (String, String) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let database = folder.join("demo.db").display().to_string();
    let config = folder.join("datadip.yaml");
    let text = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nactions: {actions:?}\nschemas: {schemas:?}\n\
         backends:\n  demo: {{ kind: sqlite, url: {url:?}, init: {init:?} }}\n",
        actions = repository.join("actions").display().to_string(),
        schemas = repository.join("schemas").display().to_string(),
        url = format!("sqlite:{database}"),
        init = repository.join("examples/demo.sql").display().to_string(),
    );
    std::fs::write(&config, text).expect("datadip.yaml can be written");
    (database, config.display().to_string())
}

/// A server in a process of its own, ended when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn datadip(config: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadip"));
        command.args(["--config", config, "serve"]);
        Self::start(command)
    }

    fn handwritten(database: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program's path"));
        command.args(["--handwritten", database]);
        Self::start(command)
    }

    /// Both print their address, as `http://127.0.0.1:<port>`, when they serve.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its standard error")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let rest = line.split_once("http://")?.1;
                Some(rest.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).next()?.to_owned())
            })
            .expect("the server prints its address");
        // Its log must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
