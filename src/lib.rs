//! datadip: a folder of YAML files becomes HTTP routes for look-ups in the middle of a customer's call.
//!
//! ```text
//! actions/*.yaml ─> yaml ─> spec::ActionSpec ─> action::Action ─┐   (pure: no I/O, no clock, no environment)
//! schemas/*.json ─> action::Schemas ────────────────────────────┴─> catalog::Catalog ─┐
//! datadip.yaml ─> yaml ─> settings::Settings ─> backend::Backend ─────────────────────┴─> gateway::Gateway
//!
//! a request ─> server ─> gateway (one snapshot) ─> call: limits > decode > decide > run > encode ─> answer
//! the shell ─> cli ──────────────────────────────> call
//! a change  ─> reload ─> project, compared with what serves ─> gateway, swapped whole
//! ```
//!
//! Everything wrong in an author's text is found before it serves, by functions that do no I/O; everything that happens in
//! a call is one readable function that knows nothing of HTTP. There are two families of errors, which never mix:
//! [`diagnostic::Diagnostic`] for authors (collected, with a place in a file) and [`call::CallError`] for callers (with a
//! code). Every command loads through [`project`], so that lint and serve cannot disagree.
//!
//! The modules in reading order, from what knows nothing to what knows everything. Nothing imports upward;
//! `tests/it/tidy.rs` holds the table.

pub mod diagnostic;
pub mod value;
pub mod yaml;

pub mod template;

pub mod spec;

pub mod format;

pub mod limit;

pub mod backend;

pub mod profile;

pub mod action;

pub mod lint;

pub mod export;

pub mod catalog;

pub mod settings;

pub mod project;

pub mod call;

pub mod gateway;

pub mod live;

pub mod reload;

pub mod server;

pub mod cli;
