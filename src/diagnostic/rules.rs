//! Every rule there is, one line each: its constant, its name and its level. The page of a rule is
//! `docs/rules/<name>.md`, part of the binary for `datadip explain`; the examples on it are its test.

use super::{Level, Rule};

macro_rules! rules {
    ($( $level:ident $constant:ident $name:literal; )*) => {
        $(
            #[doc = concat!("`", $name, "`: see `docs/rules/", $name, ".md`.")]
            pub static $constant: Rule = Rule {
                name: $name,
                level: Level::$level,
                page: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules/", $name, ".md")),
            };
        )*
        /// All rules, in the order of this list.
        pub static RULES: &[&Rule] = &[$(&$constant),*];
    };
}

rules! {
    Error YAML_SYNTAX "yaml-syntax";
    Error UNKNOWN_KEY "unknown-key";
    Error DUPLICATE_KEY "duplicate-key";
    Error MISSING_KEY "missing-key";
    Error WRONG_TYPE "wrong-type";
    Error BAD_VALUE "bad-value";
    Error BAD_PARAMETER_NAME "bad-parameter-name";
    Error MISUSED_KEY "misused-key";
    Error BAD_CHOICE "bad-choice";
    Error EMPTY_RANGE "empty-range";
    Error INVALID_PATTERN "invalid-pattern";
    Error UNKNOWN_ZONE "unknown-zone";
    Error MISMATCHED_VALUE "mismatched-value";
    Error JSON_SYNTAX "json-syntax";
    Error UNKNOWN_SCHEMA_KEYWORD "unknown-schema-keyword";
    Error UNKNOWN_FORMAT "unknown-format";
    Error INVALID_SCHEMA "invalid-schema";
    Error SCHEMA_REFERENCE "schema-reference";
    Error RESULT_CONFLICT "result-conflict";
    Warning UNUSED_RESULT_KEY "unused-result-key";
    Warning AMBIGUOUS_SCALAR "ambiguous-scalar";
    Error NOT_SUPPORTED_YET "not-supported-yet";

    Error UNREADABLE_FILE "unreadable-file";
    Error BAD_NAME "bad-name";
    Error DUPLICATE_NAME "duplicate-name";
    Error BAD_ADDRESS "bad-address";
    Error UNRESOLVED_REFERENCE "unresolved-reference";
    Error LOOPBACK_ONLY "loopback-only";
    Warning MY_DOMAIN "my-domain";
    Warning PASSWORD_FLOW "password-flow";

    Error UNKNOWN_BACKEND "unknown-backend";
    Error STATEMENT_KEY "statement-key";
    Error RECORD_KEY "record-key";
    Error RECORD_FIELD "record-field";
    Error TIMEOUT_TOO_LONG "timeout-too-long";
    Error NO_COST_ESTIMATE "no-cost-estimate";
    Error CACHED_WRITE "cached-write";
    Error BAD_ROUTE "bad-route";
    Error UNSAFE_GET "unsafe-get";
    Error ROUTE_CONFLICT "route-conflict";
    Error UNKNOWN_ACCESS_KEY "unknown-access-key";
    Error BAD_OWN_ERROR "bad-own-error";
    Error BAD_TEST "bad-test";
    Warning EMPTY_EXPECT "empty-expect";

    Error TEMPLATE_SYNTAX "template-syntax";
    Error TEMPLATE_TOO_LARGE "template-too-large";
    Error TEMPLATE_UNSUPPORTED "template-unsupported";
    Error UNKNOWN_PARAMETER "unknown-parameter";
    Error UNKNOWN_FILTER "unknown-filter";
    Error POSSIBLY_UNDEFINED "possibly-undefined";
    Error TYPE_MISMATCH "type-mismatch";
    Error CONSTANT_PLACEHOLDER "constant-placeholder";
    Error CHOICE_MISUSED "choice-misused";
    Error LIST_NEEDS_SPREAD "list-needs-spread";
    Error LIKE_ESCAPE "like-escape";
    Error TOO_MANY_SHAPES "too-many-shapes";

    Error UNTERMINATED_SQL "unterminated-sql";
    Error UNBALANCED_BRACKETS "unbalanced-brackets";
    Error UNREADABLE_SQL "unreadable-sql";
    Error SEVERAL_STATEMENTS "several-statements";
    Error SOQL_GRAMMAR "soql-grammar";
    Error QUOTED_PLACEHOLDER "quoted-placeholder";
    Error GLUED_PLACEHOLDER "glued-placeholder";
    Error PLACEHOLDER_AS_NAME "placeholder-as-name";
    Error HAND_WRITTEN_PLACEHOLDER "hand-written-placeholder";

    Error UNKNOWN_STATEMENT "unknown-statement";
    Error DATA_DEFINITION "data-definition";
    Error CONTROL_STATEMENT "control-statement";
    Error WRITE_IN_READ "write-in-read";
    Error MISSING_WHERE "missing-where";
    Error MISSING_COLUMN "missing-column";
    Error DUPLICATE_COLUMN "duplicate-column";
    Error AFFECTED_WITHOUT_WRITE "affected-without-write";
    Warning SQL_UNCHECKED "sql-unchecked";
    Warning SELECT_STAR "select-star";
    Warning COLUMN_NOT_IN_SCHEMA "column-not-in-schema";
    Warning UNESCAPED_LIKE "unescaped-like";
    Warning SORT_BY_BIND "sort-by-bind";
    Warning MISSING_LIMIT "missing-limit";
    Warning UNUSED_PARAMETER "unused-parameter";
    Warning TRUTHY_GUARD "truthy-guard";
    Warning MISSING_DESCRIPTION "missing-description";
    Warning MISSING_RESULT_SCHEMA "missing-result-schema";
    Warning UNKNOWN_RULE "unknown-rule";
    Warning UNUSED_ALLOW "unused-allow";
    Note MISSING_TEST "missing-test";
    Note UNSAFE_REPEAT "unsafe-repeat";

    Error UNREACHABLE_BACKEND "unreachable-backend";
    Error UNEXAMINED_ACTION "unexamined-action";
    Error SCHEMA_DRIFT "schema-drift";
    Error REFUSED_STATEMENT "refused-statement";
    Error UNTYPED_PLACEHOLDER "untyped-placeholder";
    Error UNRENDERABLE_COLUMN "unrenderable-column";
    Error COST_EXCEEDED "cost-exceeded";
    Warning COST_UNKNOWN "cost-unknown";
}

/// The rules that only a live backend can tell.
pub static LIVE_RULES: &[&Rule] = &[
    &UNREACHABLE_BACKEND,
    &UNEXAMINED_ACTION,
    &SCHEMA_DRIFT,
    &REFUSED_STATEMENT,
    &UNTYPED_PLACEHOLDER,
    &UNRENDERABLE_COLUMN,
    &COST_EXCEEDED,
    &COST_UNKNOWN,
];
