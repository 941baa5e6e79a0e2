//! datadip: a folder of YAML files becomes HTTP routes for look-ups in the middle of a customer's call.
//!
//! The modules in reading order, from what knows nothing to what knows everything. Nothing imports upward;
//! `tests/it/tidy.rs` holds the table.

pub mod action;
pub mod backend;
pub mod call;
pub mod catalog;
pub mod diagnostic;
pub mod gateway;
pub mod limit;
pub mod project;
pub mod settings;
pub mod spec;
pub mod template;
pub mod value;
pub mod yaml;
