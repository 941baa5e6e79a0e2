//! HTTP (SPEC 8): requests become calls of [`crate::call`], and what comes of them becomes answers. The only user of
//! actix, whose router and extractors are not used: routes change while the server runs, and every failure has our form.
//!
//! What a call does is not known here, nor how an action is written.

mod access;
mod answer;
mod calls;
mod connection;
mod log;
mod metrics;
pub mod openapi;
mod operations;
mod problem;
mod profiler;
mod repeats;
mod request;
mod running;
mod stream;

use std::{
    convert::Infallible,
    fmt::Debug,
    io,
    net::{SocketAddr, TcpListener},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_http::{
    ConnectionType, HttpService, Method, Payload, Protocol, Request, RequestHead, Response, body::BoxBody,
    header::HeaderValue,
};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_service};
use futures_util::FutureExt;
use tokio::net::TcpStream;

use self::{
    connection::{Connection, PARTING},
    log::Line,
    operations::{Documents, Operation},
    problem::Problem,
    request::{RequestId, X_REQUEST_ID},
    running::Running,
};
use crate::{
    action::PATIENCE,
    call::Code,
    gateway::{Gateway, Live},
};

pub use running::Handle;

/// Which paths a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Actions and operations.
    Both,
    /// Actions: the operations have a listener of their own.
    Actions,
    /// Operations.
    Operations,
}

/// Idle connections are kept a little longer than the usual minute of proxies, so that theirs is the one that closes.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves on bound listeners until [`Handle::stop`]; the operations on `admin` where there is one. Must be called within a
/// tokio runtime, which only waits: the work is done on `server.workers` threads of their own.
///
/// # Errors
///
/// When a listener cannot be used.
pub fn serve(live: Arc<Live>, listener: TcpListener, admin: Option<TcpListener>) -> io::Result<Handle> {
    let gateway = live.snapshot();
    let settings = &gateway.settings.server;
    let running = Arc::new(Running::default());
    let shared = Arc::new(Shared { live, running: running.clone(), documents: Documents::default() });
    let mut handle = Handle::new(running, settings.shutdown_grace);
    let part = if admin.is_some() { Part::Actions } else { Part::Both };
    let workers = settings.workers.max(1);
    let listeners = [Some((part, listener, workers)), admin.map(|admin| (Part::Operations, admin, 1))];
    for (part, listener, workers) in listeners.into_iter().flatten() {
        let address = listener.local_addr()?;
        let shared = shared.clone();
        let server = Server::build()
            .workers(workers)
            .shutdown_timeout(running::whole_seconds(settings.shutdown_grace))
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let server =
            server.listen("datadip", listener, move || connections(shared.clone(), part, address, stopping.clone()))?;
        handle.add(address, server.run());
    }
    Ok(handle)
}

/// What a worker does with the connections that it gets.
fn connections(
    shared: Arc<Shared>,
    part: Part,
    address: SocketAddr,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = impl Debug, InitError = ()> {
    let http = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(request::ARRIVAL)
        .client_disconnect_timeout(PARTING)
        .local_addr(address)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .finish(fn_service(move |request| respond(shared.clone(), part, request)));
    let accepted = fn_service(async |stream: TcpStream| {
        prepare(&stream);
        let peer = stream.peer_addr().ok();
        Ok((Connection::new(stream), Protocol::Http1, peer))
    });
    accepted.and_then(http)
}

/// Answers leave at once, and the kernel closes a connection whose reader takes nothing for so long: nobody here is asked
/// again while there is no room for more, and a connection that holds the rest of an answer for good would be one too many.
fn prepare(stream: &TcpStream) {
    // A connection that is gone already needs neither.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(PATIENCE));
}

/// What all requests share.
struct Shared {
    live: Arc<Live>,
    running: Arc<Running>,
    documents: Documents,
}

/// One request and what it meets.
#[derive(Clone, Copy)]
struct Received<'a> {
    head: &'a RequestHead,
    id: &'a RequestId,
    gateway: &'a Arc<Gateway>,
    shared: &'a Shared,
}

async fn respond(shared: Arc<Shared>, part: Part, request: Request) -> Result<Response<BoxBody>, Infallible> {
    let started = Instant::now();
    let _entered = shared.running.enter();
    let (head, payload) = request.into_parts();
    let id = RequestId::of(head.headers());
    let gateway = shared.live.snapshot();
    let received = Received { head: &head, id: &id, gateway: &gateway, shared: &shared };
    let mut line = Line::new(id.as_str(), started);
    line.profile = Some(&gateway.profile);
    let handled = without_panic(handle(received, part, payload, &mut line)).await;
    let handled = handled.unwrap_or_else(|| Err(Problem::lost(line.writing)));
    let mut response = handled.unwrap_or_else(|problem| {
        line.problem(&problem);
        problem.response(id.as_str(), None)
    });
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id.header());
    if let Some(trace) = &line.trace {
        headers.insert(answer::SERVER_TIMING, answer::server_timing(trace, started.elapsed()));
        if trace.replayed {
            headers.insert(answer::IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
    }
    access::add_cors(&gateway.settings, head.headers(), headers);
    if shared.running.draining() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// A panic ends the request that met it and no other: nothing comes of it.
async fn without_panic<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// From a request to its answer: what for, who calls, and then the operation or the call itself.
async fn handle<'a>(
    received: Received<'a>,
    part: Part,
    payload: Payload,
    line: &mut Line<'a>,
) -> Result<Response<BoxBody>, Problem> {
    let Received { head, gateway, .. } = received;
    let settings = &gateway.settings;
    if head.method == Method::OPTIONS
        && let Some(preflight) = access::preflight(settings, head.headers())
    {
        line.silence();
        return Ok(preflight);
    }
    let path = request::decode_path(head.uri.path())?;
    let operation = Operation::of(&path).filter(|_| part != Part::Actions);
    let simulated = path.strip_prefix("/simulate/").filter(|_| part != Part::Actions);
    if let (Some(operation), true) = (operation, settings.access.is_some())
        && operation.is_open()
    {
        line.silence();
        return operations::answer(received, operation);
    }
    let caller = access::identify(settings, head)?;
    line.key = caller.name();
    if (operation.is_some() || simulated.is_some()) && !caller.is_admin() {
        return Err(Problem::forbidden("this needs an admin key"));
    }
    if let Some(operation) = operation {
        line.silence();
        return operations::answer(received, operation);
    }
    if let Some(name) = simulated {
        return calls::simulate(received, name, payload, line).await;
    }
    let entry = gateway.catalog.route(&path).filter(|_| part != Part::Operations);
    calls::answer(received, caller, entry.ok_or(Code::ActionNotFound)?, payload, line).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_gives_up_on_a_reader_who_takes_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let _client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        prepare(&stream);
        assert!(stream.nodelay().expect("an option of TCP"));
        let patience = socket2::SockRef::from(&stream).tcp_user_timeout().expect("an option of TCP");
        assert_eq!(patience, Some(PATIENCE));
    }

    #[tokio::test]
    async fn a_panic_ends_one_request() {
        assert_eq!(without_panic::<()>(async { panic!("a bug") }).await, None);
        assert_eq!(without_panic(async { 1 }).await, Some(1));
    }
}
