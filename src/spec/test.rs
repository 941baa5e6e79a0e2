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
    /// What the backend is taken to answer.
    pub struct GivenSpec {
        /// Its rows.
        rows: Spanned<Vec<Node>>,
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
    }
}
