//! Diagnostics for programs: the members and names of SPEC 9.2.

use serde_json::{Value as Json, json};

use super::{Level, Place, Report};

/// The whole answer of `lint --format json`; `files` counts all files that were read.
pub fn render(reports: &[Report], files: usize) -> Json {
    let count = |level| reports.iter().map(|report| report.count(level)).sum::<usize>();
    json!({
        "diagnostics": reports.iter().flat_map(list).collect::<Vec<_>>(),
        "files": files,
        "errors": count(Level::Error),
        "warnings": count(Level::Warning),
        "notes": count(Level::Note),
    })
}

/// One file's diagnostics, as they also stand in `/catalog`.
pub fn list(report: &Report) -> Vec<Json> {
    report
        .diagnostics
        .iter()
        .map(|d| {
            let Place { line, column, end_line, end_column } = report.source.place(d.span);
            json!({
                "rule": d.rule.name, "level": d.level.as_str(), "message": d.message, "help": d.help,
                "file": report.source.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            })
        })
        .collect()
}
