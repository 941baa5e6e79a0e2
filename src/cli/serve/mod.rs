//! `datadip serve`: the gateway, from its files to its last call.

mod curl;

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use tokio::time::timeout;

use super::{
    Exit,
    deployment::{self, For, plural},
    log,
    output::say,
    runtime,
};
use crate::{
    diagnostic::Level,
    gateway::{Gateway, Live},
    live,
    project::Project,
    reload, server,
};

/// How long `--strict` waits for a backend.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long closing a backend may take at the end.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// The arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip serve
  datadip serve --listen 127.0.0.1:9090
  datadip --config /etc/datadip/datadip.yaml serve --strict

Changed files are served within a second. Ctrl-C or SIGTERM finishes running calls, then ends; a second one ends at once.")]
pub struct Serve {
    /// Where to listen, instead of server.listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Refuse to start with any broken file or unreachable backend.
    #[arg(long)]
    strict: bool,
}

impl Serve {
    /// Serves until a signal comes.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let project = deployment::load(config, For::Calls)?;
        let reports = project.reports();
        deployment::show(&project, &reports);
        let Some(gateway) = Gateway::new(&project) else { return Ok(Exit::Findings) };
        let broken = reports.iter().filter(|report| report.count(Level::Error) > 0).count();
        if self.strict && broken > 0 {
            say(format!("error: --strict: {} cannot be served", plural(broken, "file")));
            return Ok(Exit::Findings);
        }
        log::start(&gateway.settings.telemetry);
        runtime().block_on(self.serve(config, project, gateway))
    }

    async fn serve(self, config: &Path, project: Project, gateway: Gateway) -> anyhow::Result<Exit> {
        let settings = gateway.settings.clone();
        let listen = self.listen.unwrap_or(settings.server.listen);
        if let Some(reason) = settings.refuse_listen(listen) {
            say(format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
        if self.strict && !all_reachable(&gateway).await {
            return Ok(Exit::Findings);
        }
        allow_many_files();
        let listener = bind(listen, "--listen or server.listen")?;
        let admin = settings.server.admin_listen.map(|listen| bind(listen, "server.admin_listen")).transpose()?;
        let mut signals = Signals::new().context("signals cannot be received")?;

        let live = Arc::new(Live::new(gateway));
        if !self.strict {
            connect_all(&live.snapshot());
        }
        let server = server::serve(live.clone(), listener, admin).context("cannot serve")?;
        announce(&live.snapshot(), &server);
        let backends = live::watch(live.clone(), live::Pace::default());
        let files = reload::watch(live.clone(), config.to_owned(), project, reload::Pace::default());

        signals.next().await;
        say("stopping: running calls are finished; once more ends at once");
        drop((files, backends));

        tokio::select! {
            () = server.stop() => {}
            () = signals.next() => {}
        }
        for backend in live.snapshot().backends.values() {
            let _ = timeout(CLOSE_WAIT, backend.close()).await;
        }
        say("stopped");
        Ok(Exit::Fine)
    }
}

/// Takes as many open files as the system allows: each connection is one, and with the usual 1,024 of a shell some hundreds
/// of callers who say nothing would keep all others out.
fn allow_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Where the system refuses, the limit stays as it was.
        let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
    }
}

/// Takes an address, or says who has it.
fn bind(listen: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}")).map_err(|error| {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::AddrInUse) => {
                anyhow::anyhow!("{listen} is already in use by another program; choose another port with {setting}")
            }
            _ => error,
        }
    })
}

/// Connects to every backend, and says which cannot be reached.
async fn all_reachable(gateway: &Gateway) -> bool {
    let mut all = true;
    for (name, backend) in &gateway.backends {
        let reason = match timeout(CONNECT_WAIT, backend.connect()).await {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure.message,
            Err(_) => format!("no answer in {} seconds", CONNECT_WAIT.as_secs()),
        };
        say(format!("error: --strict: the backend `{name}` cannot be reached: {reason}"));
        all = false;
    }
    all
}

/// Connects to every backend in the background: a call need not be the first to find that one is down.
fn connect_all(gateway: &Gateway) {
    for (name, backend) in &gateway.backends {
        let (name, backend) = (name.clone(), backend.clone());
        tokio::spawn(async move {
            if let Err(failure) = backend.connect().await {
                tracing::warn!(
                    backend = name,
                    code = failure.code,
                    "the backend cannot be reached: {}",
                    failure.message
                );
            }
        });
    }
}

/// Says where the gateway is and how to try it.
fn announce(gateway: &Gateway, server: &server::Handle) {
    let actions: Vec<_> = gateway.catalog.entries().filter_map(|entry| entry.action.as_deref()).collect();
    say(format!("serving {} on {}", plural(actions.len(), "action"), curl::base(server.address())));
    if server.admin_address() != server.address() {
        say(format!("health, catalog and simulations on {}", curl::base(server.admin_address())));
    }
    if let Some(line) = curl::line(server.address(), actions, gateway.settings.access.is_some()) {
        say(format!("try it:\n  {line}"));
    }
}

/// Ctrl-C and SIGTERM.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Without a handler the system's own one ends the process.
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn as_many_files_as_the_system_allows_may_be_open() {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), ..limit }).expect("a lower limit");
        allow_many_files();
        assert_eq!(getrlimit(Resource::Nofile).current, limit.maximum);
    }
}
