//! The integration tests: one binary, one module a topic.

mod backends;
mod cli;
mod docs;
mod rules;
mod tidy;
