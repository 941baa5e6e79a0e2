//! The `options` of a write as an author writes them.

use crate::yaml::{
    Node,
    read::{Entries, Needed, keywords, record},
};

record! {
    /// Options of a write on Salesforce: one record, instead of a statement.
    pub struct RecordSpec {
        /// `create`, `update` (by `id`) or `upsert` (by `external_id`).
        operation: Needed<Operation>,
        /// The API name of the object, such as `Case` or `Callback__c`.
        object: Needed<String>,
        /// The record's id, for an `update`: a constant or one `{{ … }}`.
        id: Option<Node>,
        /// For an `upsert`: a map of one external id field to its value, a constant or one `{{ … }}`.
        external_id: Option<Entries<Node>>,
        /// A map of field to value, a constant or one `{{ … }}`.
        fields: Needed<Entries<Node>>,
    }
}

keywords! {
    /// What is done with a record.
    pub enum Operation {
        /// A new record is made.
        Create = "create",
        /// Fields of a record that is there are changed.
        Update = "update",
        /// Fields of a record are changed, and it is made where it is not there.
        Upsert = "upsert",
    }
}
