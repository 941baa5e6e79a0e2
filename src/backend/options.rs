//! The `options` of an action: what a statement asks of its kind of backend.

use std::sync::Arc;

use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::{
        Node, Spanned,
        read::{FromNode, keywords, record},
    },
};

keywords! {
    /// How much of other transactions a transaction may see.
    pub enum Isolation {
        /// Each statement sees what was committed before it began.
        ReadCommitted = "read committed",
        /// All statements see the same state.
        RepeatableRead = "repeatable read",
        /// As if transactions ran one after the other.
        Serializable = "serializable",
    }
}

record! {
    /// Options of an action on a database.
    pub struct DatabaseOptions {
        /// The isolation level of its transaction. Default: the database's own.
        isolation: Option<Spanned<Isolation>>,
    }
}

/// What a statement asks of its backend; each driver has its own default for what is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The isolation level of its transaction.
    pub isolation: Option<Isolation>,
    /// The warehouse that it runs on.
    pub warehouse: Option<Arc<str>>,
    /// The role that it runs with.
    pub role: Option<Arc<str>>,
    /// A word for the history of what ran.
    pub query_tag: Option<Arc<str>>,
}

impl Options {
    /// Reads the options of an action on a database with all levels of isolation.
    pub fn database(node: &Node, out: &mut Vec<Diagnostic>) -> Self {
        let options = DatabaseOptions::from_node(node, out);
        let isolation = options.and_then(|options| options.isolation).map(|isolation| isolation.value);
        Self { isolation, ..Self::default() }
    }

    /// Reads the options of an action on a database whose transactions are serializable and nothing else.
    pub fn serializable(node: &Node, out: &mut Vec<Diagnostic>) -> Self {
        let isolation = DatabaseOptions::from_node(node, out).and_then(|options| options.isolation);
        if let Some(other) = isolation.as_ref().filter(|isolation| isolation.value != Isolation::Serializable) {
            let message = "transactions are always `serializable` on this kind of backend";
            out.push(BAD_VALUE.at(other.span, message).help("remove `isolation`"));
        }
        Self { isolation: isolation.map(|isolation| isolation.value), ..Self::default() }
    }
}
