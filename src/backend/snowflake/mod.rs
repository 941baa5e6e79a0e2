//! Snowflake, over its SQL API.

pub mod access;
pub mod account;
pub mod bind;
pub mod failure;
pub mod options;
pub mod render;
pub mod settings;
