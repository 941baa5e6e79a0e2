//! `tests`: calls of the action and what must come of them (SPEC 9.3).

use crate::yaml::{
    Node, Spanned, Text,
    read::{Entries, record},
};

record! {
    /// One test of the action.
    pub struct TestSpec {
        /// What it shows, in a few words.
        name: Spanned<String>,
        /// The variables as a caller would send them.
        variables: Entries<Node>,
        /// Recorded rows of the backend, so that the test runs without it.
        given: Option<GivenSpec>,
        /// What must come of it.
        expect: ExpectSpec,
    }
}

record! {
    /// What the backend is taken to answer: rows, the number of rows changed, or both.
    pub struct GivenSpec {
        /// Its rows.
        rows: Option<Spanned<Vec<Node>>>,
        /// How many rows a write changed. Default: as many as `rows` has.
        changed: Option<u64>,
    }
}

record! {
    /// What must come of a test.
    pub struct ExpectSpec {
        /// `success` or `error`.
        status: Option<Spanned<String>>,
        /// The error's code.
        code: Option<Spanned<String>>,
        /// How many rows.
        row_count: Option<Spanned<u64>>,
        /// The result; an object matches when its named members match.
        result: Option<Node>,
        /// The SQL text, white space folded, in the backend's placeholder style.
        sql: Option<Text>,
        /// The SOQL text, white space folded.
        soql: Option<Text>,
        /// The bound values after coercion, decimals as text.
        binds: Option<Node>,
        /// The record that a write on Salesforce would send: only what is named is compared, and `fields` as a whole.
        record: Option<RecordExpectSpec>,
    }
}

record! {
    /// The record that must be written, as a dry run shows it.
    pub struct RecordExpectSpec {
        /// What is done: `create`, `update` or `upsert`.
        operation: Option<Spanned<String>>,
        /// The API name of the object.
        object: Option<Spanned<String>>,
        /// The record's id; for an `upsert` a map of the external id field to its value, for a `create` null.
        id: Option<Node>,
        /// All fields with their values.
        fields: Option<Node>,
    }
}

impl ExpectSpec {
    /// Whether it says nothing, so that nothing could show whether the test passes.
    pub fn is_empty(&self) -> bool {
        !self.is_of_statements() && !self.is_of_answer()
    }

    /// Whether it says something of the statements or of the record.
    pub fn is_of_statements(&self) -> bool {
        self.sql.is_some() || self.soql.is_some() || self.binds.is_some() || self.record.is_some()
    }

    /// Whether it says something of what the call answers.
    pub fn is_of_answer(&self) -> bool {
        self.status.is_some() || self.code.is_some() || self.row_count.is_some() || self.result.is_some()
    }
}
