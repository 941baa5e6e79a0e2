//! One conformance suite for every backend: what SPEC 6 promises, told through `&dyn Backend`. A backend brings a
//! [`Fixture`] and runs all of it with `conformance!`, or says that it is skipped where its server is missing; what only it
//! promises stands beside its fixture.

pub mod calls;
mod deadlines;
mod mysql;
mod mysql_types;
mod postgres;
mod postgres_types;
mod reads;
mod sqlite;
pub mod tools;
mod values;
mod writes;

use std::{sync::Arc, time::Duration};

use datadip::{
    backend::{Backend, Driver},
    value::{Scalar, Value},
};
use serde_json::Value as Json;

pub use calls::action;

/// A backend with the tables of the suite:
///
/// - `things(id, name, amount)` with the rows `(1, one, 1)`, `(2, two, 2)`, `(3, three, 3)`; `id` is the key, `name` is
///   unique and not null, `amount` a whole number that a check keeps from being negative;
/// - `parts(id, thing)`, empty; `thing` refers to `things(id)`.
pub trait Fixture: Send + Sync {
    /// Its kind.
    fn driver(&self) -> &'static Driver;

    /// A backend whose `pool` has these settings.
    fn pooled(&self, pool: &str) -> Arc<dyn Backend>;

    /// A backend with at most `max` connections for reads, for which a call waits as long as a busy machine may take to free
    /// one.
    fn backend(&self, max: usize) -> Arc<dyn Backend> {
        self.pooled(&format!("max: {max}, acquire_timeout: 15s"))
    }

    /// A query that never ends and gives no row.
    fn endless(&self) -> &'static str;

    /// A query of a column `n` that never ends and gives rows all the time.
    fn endless_rows(&self) -> &'static str;

    /// A query of the numbers from 1 up to some below a limit, in a column `n`, with a column of 200 letters.
    fn numbers(&self, below: u64) -> String {
        format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {below}) SELECT n, '{}' AS filling \
             FROM n",
            "x".repeat(200)
        )
    }

    /// How many of the last rows a server may keep in its buffer until there are more of them.
    fn kept_back(&self) -> usize {
        500
    }

    /// What looks like a query and would write.
    fn query_that_writes(&self) -> &'static str;

    /// Statements of reads that try to write, or to make way for a later one. None of them may leave a trace.
    fn tricks(&self) -> Vec<Vec<&'static str>>;

    /// Values to bind, and what they come back as.
    fn samples(&self) -> Vec<(Scalar, Value, Json)> {
        values::samples()
    }
}

/// Longer than anything in the suite should take.
const LONG: Duration = Duration::from_secs(300);

macro_rules! conformance {
    ($fixture:expr) => {
        crate::backends::conformance! { $fixture;
            values: every_type_comes_back_as_it_was_bound null_of_every_type_comes_back;
            reads:
                rows_come_with_their_columns a_read_without_rows_ends several_statements_are_one_read
                a_read_cannot_write_whatever_it_calls a_sink_that_has_enough_ends_an_endless_read
                a_sink_that_stops_leaves_the_connection_whole fifty_calls_at_once_all_get_their_own_answer
                a_call_that_gets_no_connection_in_time_is_refused a_missing_table_or_column_is_drift;
            writes:
                a_write_is_committed_and_counted a_statement_without_rows_tells_its_columns
                a_write_whose_sink_stops_leaves_no_trace a_dry_write_leaves_no_trace
                several_statements_are_one_transaction a_broken_constraint_is_named
                a_write_cannot_end_its_own_transaction fifty_writes_at_once_are_all_counted;
            deadlines:
                a_dropped_read_gives_its_connection_up a_thousand_dropped_reads_leave_the_pool_whole
                a_dropped_write_leaves_no_trace_and_no_lock a_dropped_stream_of_rows_gives_its_connection_up;
            calls:
                a_call_answers_what_it_found a_dry_run_masks_what_is_sensitive bad_parameters_reach_no_backend
                a_write_whose_result_breaks_the_schema_leaves_no_trace a_write_that_finds_nothing_is_rolled_back
                a_simulated_write_is_rolled_back a_call_past_its_deadline_answers_timeout
                a_write_under_a_key_runs_once a_cached_answer_is_served_again
                own_codes_stand_for_the_databases drift_is_told_without_names limits_refuse_before_anything_runs
                a_stream_of_200000_rows_takes_little_memory a_slow_reader_is_waited_for
                a_stream_that_fails_midway_ends_with_an_error_line a_stream_that_fails_at_once_sends_nothing
                a_reader_that_leaves_ends_the_stream;
        }
    };
    ($fixture:expr; $($topic:ident: $($test:ident)+;)+) => {
        $( mod $topic {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let Some(fixture) = $fixture else { return };
                    tokio::time::timeout(crate::backends::LONG, crate::backends::$topic::$test(&fixture))
                        .await
                        .expect("ends in time");
                }
            )+
        } )+
    };
}
use conformance;
