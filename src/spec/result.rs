//! `result`: what an answer looks like and how large it may be.

use crate::yaml::{
    Node, Spanned,
    read::{ByteSize, keywords, record},
};

record! {
    /// The answer's shape, schema and limits.
    pub struct ResultSpec {
        /// `rows` (default), `row`, `value` or `affected`.
        shape: Option<Spanned<Shape>>,
        /// The JSON Schema (2020-12) of one row; of the value for `value` and `affected`.
        schema: Option<Node>,
        /// The most rows. Default: `1000`.
        max_rows: Option<Spanned<u64>>,
        /// The most bytes of the whole answer. Default: `limits.response_bytes` of the gateway.
        max_bytes: Option<Spanned<ByteSize>>,
        /// What happens over a limit: `error` (default) or `truncate`.
        on_overflow: Option<Spanned<Overflow>>,
        /// What no row means for `row` and `value`: `null` (default) or `error`, HTTP 404.
        not_found: Option<Spanned<NotFound>>,
        /// Whether callers may ask for one row a line (`Accept: application/x-ndjson`). Default: `false`.
        stream: Option<Spanned<bool>>,
    }
}

keywords! {
    /// How rows become the answer's `result`.
    pub enum Shape {
        /// An array of objects.
        Rows = "rows",
        /// The first row, or null.
        Row = "row",
        /// The first column of the first row, or null.
        Value = "value",
        /// The number of rows changed.
        Affected = "affected",
    }
}

keywords! {
    /// What happens to an answer that is over a limit.
    pub enum Overflow {
        /// The call fails.
        Error = "error",
        /// The rows that fit are answered, marked as truncated.
        Truncate = "truncate",
    }
}

keywords! {
    /// What no row means.
    pub enum NotFound {
        /// `result` is null.
        Null = "null",
        /// The call fails with `not_found`.
        Error = "error",
    }
}
