//! Where the log goes: standard error, as people or programs read it.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use super::deployment::colours;
use crate::settings::{LogFormat, LogLevel, Telemetry};

/// Begins to log. Of other crates only what somebody should look at is logged, unless more is asked for than usual.
pub fn start(telemetry: &Telemetry) {
    let level = match telemetry.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = if level == LevelFilter::INFO { LevelFilter::WARN } else { level };
    let filter = Targets::new().with_target("datadip", level).with_default(others);
    let terminal = stderr().is_terminal();
    let pretty = match telemetry.log {
        Some(format) => format == LogFormat::Pretty,
        None => terminal,
    };
    // A log that cannot be written is no reason to stop serving.
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).log_internal_errors(false);
    let layer = if pretty {
        lines.with_target(false).with_ansi(colours(terminal)).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    registry().with(layer.with_filter(filter)).init();
}
