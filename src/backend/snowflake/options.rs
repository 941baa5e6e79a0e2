//! The `options` of an action on Snowflake, in place of what the backend's block says (SPEC 7.3).

use super::settings::query_tag;
use crate::{
    backend::Options,
    diagnostic::Diagnostic,
    yaml::{
        Node, Spanned,
        read::{FromNode, record},
    },
};

record! {
    /// Options of an action on Snowflake.
    pub struct SnowflakeOptions {
        /// The warehouse that it runs on, written as `SHOW WAREHOUSES` prints it. Default: the backend's.
        warehouse: Option<Spanned<String>>,
        /// The role that it runs with, written as `SHOW ROLES` prints it. Default: the backend's.
        role: Option<Spanned<String>>,
        /// A word for Snowflake's query history, at most 1000 characters. Default: the backend's.
        query_tag: Option<Spanned<String>>,
    }
}

/// Reads the options of an action.
pub fn read(node: &Node, out: &mut Vec<Diagnostic>) -> Options {
    let Some(options) = SnowflakeOptions::from_node(node, out) else { return Options::default() };
    let mut text = |given: Option<&Spanned<String>>| given.map(|given| super::settings::name(given, out).into());
    let (warehouse, role) = (text(options.warehouse.as_ref()), text(options.role.as_ref()));
    let query_tag = options.query_tag.as_ref().map(|given| query_tag(given, out).into());
    Options { warehouse, role, query_tag, ..Options::default() }
}
