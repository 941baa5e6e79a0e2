//! A future that is dropped, at a deadline or because the caller left, leaves nothing behind.

use std::{sync::Arc, time::Duration};

use datadip::backend::{Backend, Request};
use tokio::time::timeout;

use super::{Fixture, tools::*};

/// Runs statements and drops them after a while, which may be before they have begun.
async fn drop_after(backend: &Arc<dyn Backend>, request: impl Fn() -> Request, millis: u64) {
    let (request, mut kept) = (request(), Kept::default());
    timeout(Duration::from_millis(millis), backend.run(&request, &mut kept)).await.expect_err("it never ends");
}

pub async fn a_dropped_read_gives_its_connection_up(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    drop_after(&backend, || read(statements(dialect, &[fixture.endless()])), 50).await;
    assert_eq!(things(&backend, dialect).await, first_things());
    let list = || read(statements(dialect, &["SELECT id FROM things", fixture.endless()]));
    drop_after(&backend, list, 50).await;
    assert_eq!(things(&backend, dialect).await, first_things());
    settled(&backend).await;
}

pub async fn a_thousand_dropped_reads_leave_the_pool_whole(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(4));
    let endless = statements(dialect, &[fixture.endless()]);
    for _ in 0..250 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let (backend, endless) = (backend.clone(), endless.clone());
                tokio::spawn(async move { drop_after(&backend, || read(endless.clone()), 5).await })
            })
            .collect();
        for call in calls {
            call.await.expect("does not panic");
        }
    }
    settled(&backend).await;
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let backend = backend.clone();
            tokio::spawn(async move { things(&backend, dialect).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("does not panic"), first_things());
    }
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    assert!(threads < 200, "the {threads} threads of dropped connections go on");
}

pub async fn a_dropped_write_leaves_no_trace_and_no_lock(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let raise = "UPDATE things SET amount = amount + 10";
    let request = || write(statements(dialect, &[raise, fixture.endless()]));
    for _ in 0..10 {
        drop_after(&backend, request, 20).await;
        assert_eq!(things(&backend, dialect).await, first_things());
    }
    let kept = run(&backend, write(statements(dialect, &[raise]))).await.expect("no lock is left");
    assert_eq!(kept.changed, Some(3));
}

pub async fn a_dropped_stream_of_rows_gives_its_connection_up(fixture: &dyn Fixture) {
    let (dialect, backend) = (fixture.driver().dialect, fixture.backend(1));
    let request = || read(statements(dialect, &[fixture.endless_rows()]));
    for _ in 0..10 {
        drop_after(&backend, request, 10).await;
        assert_eq!(things(&backend, dialect).await, first_things());
    }
    settled(&backend).await;
}
