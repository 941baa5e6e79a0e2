//! Threads of their own for what is asked of services: connections, logins and descriptions belong to all callers, and must not
//! end with the worker that began them.

use std::{io, sync::LazyLock};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::{JoinError, JoinHandle, JoinSet},
};

static RUNTIME: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().thread_name("service").enable_all().build());

/// Runs a task to its end, whether somebody waits for it or not.
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    handle().spawn(task)
}

/// Runs a task as long as somebody waits for it.
///
/// # Errors
///
/// When it panics.
pub async fn run<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Result<T, JoinError> {
    let mut tasks = JoinSet::new();
    tasks.spawn_on(task, &handle());
    tasks.join_next().await.expect("one task was spawned")
}

fn handle() -> Handle {
    // Where the system gives no threads, the caller's have to do.
    RUNTIME.as_ref().map_or_else(|_| Handle::current(), |runtime| runtime.handle().clone())
}
