//! A running server: what it counts of its calls, and how it stops.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_server::{Server, ServerHandle};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

/// How often a stopping server looks whether its calls are done.
const LOOK: Duration = Duration::from_millis(10);
/// What is left of the grace for closing connections, at least.
const CLOSING: Duration = Duration::from_secs(2);

/// The requests that a server is at work on.
#[derive(Debug, Default)]
pub struct Running {
    count: AtomicUsize,
    draining: AtomicBool,
}

impl Running {
    /// Counts a request until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Entered {
        self.count.fetch_add(1, Ordering::Relaxed);
        Entered(self.clone())
    }

    /// Whether the server is stopping.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// One request at work.
#[derive(Debug)]
pub struct Entered(Arc<Running>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A server that serves. Dropping it stops it at once.
#[derive(Debug)]
pub struct Handle {
    running: Arc<Running>,
    grace: Duration,
    addresses: Vec<SocketAddr>,
    servers: Vec<(ServerHandle, JoinHandle<io::Result<()>>)>,
}

impl Handle {
    pub(super) fn new(running: Arc<Running>, grace: Duration) -> Self {
        Self { running, grace, addresses: Vec::new(), servers: Vec::new() }
    }

    pub(super) fn add(&mut self, address: SocketAddr, server: Server) {
        self.addresses.push(address);
        self.servers.push((server.handle(), tokio::spawn(server)));
    }

    /// Where actions are served.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where the operations are served: the same unless they have a listener of their own.
    pub fn admin_address(&self) -> SocketAddr {
        *self.addresses.last().expect("a server has a listener")
    }

    /// Stops within `shutdown_grace`. From the first moment `/readyz` says `draining` and connections close with their
    /// answer; calls that run are finished, and while there are any, callers who have not noticed yet are still served.
    pub async fn stop(mut self) {
        self.running.draining.store(true, Ordering::Relaxed);
        let end = Instant::now() + self.grace;
        // Under a load that never ends there is no quiet moment: then half of the grace is for running calls alone.
        self.quiet(end - self.grace / 2).await;
        for (server, _) in &self.servers {
            // The command is sent when the future is made; the future only waits.
            drop(server.pause());
        }
        // A call whose caller has left has no connection that the server itself would wait for.
        self.quiet(end).await;
        let end = end.max(Instant::now() + CLOSING);
        for (server, _) in &self.servers {
            drop(server.stop(true));
        }
        for (_, task) in &mut self.servers {
            let _ = timeout_at(end, task).await;
        }
    }

    /// Waits until nothing runs.
    async fn quiet(&self, until: Instant) {
        while self.running.count.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            sleep(LOOK).await;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for (_, task) in &self.servers {
            task.abort();
        }
    }
}

/// actix counts its own grace in whole seconds.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
