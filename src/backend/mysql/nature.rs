//! What a statement may do to its connection, told from its words: enough to refuse what would end a transaction, and to
//! know when a connection must not serve another call. That a read cannot write is the database's own doing.

use crate::template::{
    Dialect,
    lexer::{Token, TokenKind, tokens},
};

/// What a statement may do to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    /// What it begins with.
    pub(super) verb: Verb,
    /// Whether it calls or sets what may leave something behind: variables, locks, settings.
    pub(super) opaque: bool,
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    /// Gives rows and changes nothing by itself.
    Query,
    /// Changes rows, within a transaction.
    Change,
    /// Calls a procedure, which may try anything.
    Call,
    /// Anything else: it would end a transaction, write outside of it, or change the session.
    Other,
}

const VERBS: [(&str, Verb); 13] = [
    ("select", Verb::Query),
    ("values", Verb::Query),
    ("table", Verb::Query),
    ("explain", Verb::Query),
    ("describe", Verb::Query),
    ("desc", Verb::Query),
    ("show", Verb::Query),
    ("insert", Verb::Change),
    ("update", Verb::Change),
    ("delete", Verb::Change),
    ("replace", Verb::Change),
    ("do", Verb::Change),
    ("call", Verb::Call),
];

impl Nature {
    pub(super) fn of(text: &str) -> Self {
        let all = tokens(text, Dialect::Mysql);
        let meant: Vec<Token> = all.into_iter().filter(|token| !token.is_blank()).collect();
        let first = meant.iter().find(|token| !matches!(token.kind, TokenKind::Open | TokenKind::Semicolon));
        let verb = match first {
            Some(first) if first.is_word(text, "with") => after_with(text, &meant),
            Some(first) => verb_of(text, *first),
            None => Verb::Other,
        };
        // SELECT … INTO writes files and variables.
        let into = verb == Verb::Query && meant.iter().any(|token| token.is_word(text, "into"));
        let opaque = verb >= Verb::Call || (0..meant.len()).any(|at| is_opaque(text, &meant, at));
        Self { verb: if into { Verb::Other } else { verb }, opaque }
    }
}

fn verb_of(text: &str, token: Token) -> Verb {
    VERBS.iter().find(|(verb, _)| token.is_word(text, verb)).map_or(Verb::Other, |(_, verb)| *verb)
}

/// The verb that follows common table expressions: the first one outside of their brackets.
fn after_with(text: &str, meant: &[Token]) -> Verb {
    let mut depth = 0_usize;
    for token in meant {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && verb_of(text, *token) != Verb::Other => return verb_of(text, *token),
            _ => {}
        }
    }
    Verb::Query
}

/// Whether the token sets a variable, or calls something that is not known to be harmless.
fn is_opaque(text: &str, meant: &[Token], at: usize) -> bool {
    let token = meant[at];
    match token.kind {
        TokenKind::Variable => !token.text(text).starts_with("@@"),
        // The check of templates refuses these.
        TokenKind::ExecutableComment | TokenKind::Unknown | TokenKind::Unterminated(_) => true,
        TokenKind::Word | TokenKind::QuotedIdentifier => {
            let Some(open) = meant.get(at + 1).filter(|next| next.kind == TokenKind::Open) else { return false };
            !names_columns(text, meant, at) && !is_harmless(text, token, *open, meant[..at].last())
        }
        _ => false,
    }
}

/// Whether a bracket after a name lists columns: `INSERT INTO t (…)`, `AS t (…)`, `WITH t (…) AS (…)`.
fn names_columns(text: &str, meant: &[Token], at: usize) -> bool {
    let mut start = at;
    while start >= 2 && meant[start - 1].text(text) == "." {
        start -= 2;
    }
    let before = start.checked_sub(1).map(|before| meant[before]);
    if before.is_some_and(|before| ["into", "insert", "replace", "as"].iter().any(|word| before.is_word(text, word))) {
        return true;
    }
    let mut depth = 0_usize;
    let close = meant[at + 1..].iter().position(|token| {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let Some([as_, open, ..]) = close.and_then(|close| meant.get(at + 2 + close..)) else { return false };
    as_.is_word(text, "as") && open.kind == TokenKind::Open
}

/// Whether what is called here leaves nothing behind. A stored function is called by its name alone too, unless a function
/// of that name is built in; some of those are only meant where the bracket follows at once.
fn is_harmless(text: &str, name: Token, open: Token, before: Option<&Token>) -> bool {
    let qualified = before.is_some_and(|before| before.text(text) == ".");
    if name.kind != TokenKind::Word || qualified {
        return false;
    }
    let word = name.text(text).to_ascii_lowercase();
    KEYWORDS.binary_search(&word.as_str()).is_ok()
        || (name.end == open.start && FUNCTIONS.binary_search(&word.as_str()).is_ok())
}

/// Words that may stand before a bracket and are no functions, in alphabetical order. All of them are reserved.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "bigint",
    "binary",
    "both",
    "by",
    "case",
    "char",
    "check",
    "cross",
    "decimal",
    "desc",
    "distinct",
    "div",
    "double",
    "else",
    "except",
    "exists",
    "float",
    "for",
    "force",
    "from",
    "group",
    "having",
    "if",
    "ignore",
    "in",
    "index",
    "inner",
    "insert",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "lateral",
    "left",
    "like",
    "limit",
    "mediumint",
    "mod",
    "not",
    "null",
    "numeric",
    "of",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "precision",
    "real",
    "regexp",
    "replace",
    "returning",
    "right",
    "rlike",
    "row",
    "select",
    "set",
    "smallint",
    "some",
    "straight_join",
    "then",
    "tinyint",
    "union",
    "unique",
    "unsigned",
    "update",
    "use",
    "using",
    "values",
    "varbinary",
    "varchar",
    "varying",
    "when",
    "where",
    "while",
    "window",
    "with",
    "xor",
];

/// Built-in functions without an effect outside of their value, in alphabetical order. Absent: user locks, SLEEP and
/// BENCHMARK, LOAD_FILE, LAST_INSERT_ID, sequences, and whatever waits for replicas.
const FUNCTIONS: &[&str] = &[
    "abs",
    "acos",
    "adddate",
    "addtime",
    "aes_decrypt",
    "aes_encrypt",
    "any_value",
    "ascii",
    "asin",
    "atan",
    "atan2",
    "avg",
    "bin",
    "bin_to_uuid",
    "bit",
    "bit_and",
    "bit_count",
    "bit_length",
    "bit_or",
    "bit_xor",
    "blob",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "charset",
    "chr",
    "coalesce",
    "coercibility",
    "collation",
    "compress",
    "concat",
    "concat_ws",
    "connection_id",
    "conv",
    "convert",
    "convert_tz",
    "cos",
    "cot",
    "count",
    "crc32",
    "cume_dist",
    "curdate",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "curtime",
    "database",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "datetime",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "decode_oracle",
    "default",
    "degrees",
    "dense_rank",
    "elt",
    "enum",
    "exp",
    "export_set",
    "extract",
    "extractvalue",
    "field",
    "find_in_set",
    "first_value",
    "floor",
    "format",
    "format_bytes",
    "found_rows",
    "from_base64",
    "from_days",
    "from_unixtime",
    "geometrycollection",
    "get_format",
    "greatest",
    "group_concat",
    "grouping",
    "hex",
    "hour",
    "ifnull",
    "inet6_aton",
    "inet6_ntoa",
    "inet_aton",
    "inet_ntoa",
    "instr",
    "is_ipv4",
    "is_ipv6",
    "is_uuid",
    "isnull",
    "json_array",
    "json_array_append",
    "json_array_insert",
    "json_array_intersect",
    "json_arrayagg",
    "json_compact",
    "json_contains",
    "json_contains_path",
    "json_depth",
    "json_detailed",
    "json_equals",
    "json_exists",
    "json_extract",
    "json_insert",
    "json_keys",
    "json_length",
    "json_loose",
    "json_merge",
    "json_merge_patch",
    "json_merge_preserve",
    "json_normalize",
    "json_object",
    "json_object_filter_keys",
    "json_object_to_array",
    "json_objectagg",
    "json_overlaps",
    "json_pretty",
    "json_query",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_schema_valid",
    "json_schema_validation_report",
    "json_search",
    "json_set",
    "json_storage_free",
    "json_storage_size",
    "json_table",
    "json_type",
    "json_unquote",
    "json_valid",
    "json_value",
    "lag",
    "last_day",
    "last_value",
    "lcase",
    "lead",
    "least",
    "length",
    "lengthb",
    "linestring",
    "ln",
    "localtime",
    "localtimestamp",
    "locate",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "make_set",
    "makedate",
    "maketime",
    "match",
    "max",
    "md5",
    "median",
    "microsecond",
    "mid",
    "min",
    "minute",
    "month",
    "monthname",
    "multilinestring",
    "multipoint",
    "multipolygon",
    "name_const",
    "natural_sort_key",
    "nchar",
    "now",
    "nth_value",
    "ntile",
    "nullif",
    "nvarchar",
    "nvl",
    "nvl2",
    "oct",
    "octet_length",
    "ord",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "period_add",
    "period_diff",
    "pi",
    "point",
    "polygon",
    "position",
    "pow",
    "power",
    "quarter",
    "quote",
    "radians",
    "rand",
    "rank",
    "regexp_instr",
    "regexp_like",
    "regexp_replace",
    "regexp_substr",
    "repeat",
    "reverse",
    "round",
    "row_count",
    "row_number",
    "rpad",
    "rtrim",
    "schema",
    "sec_to_time",
    "second",
    "session_user",
    "sformat",
    "sha",
    "sha1",
    "sha2",
    "sign",
    "signed",
    "sin",
    "soundex",
    "space",
    "sqrt",
    "st_area",
    "st_asbinary",
    "st_asgeojson",
    "st_astext",
    "st_aswkb",
    "st_aswkt",
    "st_buffer",
    "st_centroid",
    "st_contains",
    "st_convexhull",
    "st_crosses",
    "st_difference",
    "st_dimension",
    "st_disjoint",
    "st_distance",
    "st_distance_sphere",
    "st_endpoint",
    "st_envelope",
    "st_equals",
    "st_exteriorring",
    "st_geohash",
    "st_geomfromgeojson",
    "st_geomfromtext",
    "st_geomfromwkb",
    "st_intersection",
    "st_intersects",
    "st_isclosed",
    "st_isempty",
    "st_issimple",
    "st_isvalid",
    "st_latfromgeohash",
    "st_latitude",
    "st_length",
    "st_linefromtext",
    "st_longfromgeohash",
    "st_longitude",
    "st_makeenvelope",
    "st_numpoints",
    "st_overlaps",
    "st_pointfromgeohash",
    "st_pointfromtext",
    "st_pointn",
    "st_polyfromtext",
    "st_simplify",
    "st_srid",
    "st_startpoint",
    "st_symdifference",
    "st_touches",
    "st_transform",
    "st_union",
    "st_validate",
    "st_within",
    "st_x",
    "st_y",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "str_to_date",
    "strcmp",
    "subdate",
    "substr",
    "substring",
    "substring_index",
    "subtime",
    "sum",
    "sysdate",
    "system_user",
    "tan",
    "text",
    "time",
    "time_format",
    "time_to_sec",
    "timediff",
    "timestamp",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "to_char",
    "to_days",
    "to_seconds",
    "trim",
    "truncate",
    "ucase",
    "uncompress",
    "uncompressed_length",
    "unhex",
    "unix_timestamp",
    "updatexml",
    "upper",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "uuid_to_bin",
    "var_pop",
    "var_samp",
    "variance",
    "version",
    "week",
    "weekday",
    "weekofyear",
    "weight_string",
    "year",
    "yearweek",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, verb: Verb, opaque: bool) {
        assert_eq!(Nature::of(sql), Nature { verb, opaque }, "{sql}");
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(KEYWORDS.is_sorted() && FUNCTIONS.is_sorted());
        assert!(KEYWORDS.iter().all(|word| !FUNCTIONS.contains(word)));
    }

    #[test]
    fn plain_statements_leave_nothing_behind() {
        for sql in [
            "SELECT id, COUNT(*) FROM t WHERE a IN (1, 2) AND (b = ? OR c = 2) GROUP BY id",
            "(SELECT 1) UNION (SELECT 2)",
            "-- why\n/* COMMIT */ SELECT 1",
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n), m (a, b) AS (SELECT 1, 2) SELECT n FROM n",
            "SELECT CAST(a AS CHAR(10)), @@version FROM t USE INDEX (i) JOIN u USING (id)",
            "SELECT SUM(a) OVER (PARTITION BY b) FROM (SELECT 1) AS t(a)",
            "SELECT a FROM t WHERE a = (SELECT MAX(b) FROM u) OR EXISTS (SELECT 1) FOR UPDATE",
            "SHOW TABLES",
        ] {
            check(sql, Verb::Query, false);
        }
        for sql in [
            "INSERT INTO t (a, b) VALUES (1, ?) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            "INSERT t (a) SELECT NOW()",
            "REPLACE INTO db.`t` (a) VALUES (1)",
            "UPDATE t SET a = COALESCE(b, 1) WHERE c LIKE CONCAT(?, '%')",
            "DELETE FROM t WHERE id = ?",
            "WITH n AS (SELECT 1 AS a) DELETE FROM t WHERE id IN (SELECT a FROM n)",
        ] {
            check(sql, Verb::Change, false);
        }
    }

    #[test]
    fn calls_of_anything_else_are_opaque() {
        for sql in [
            "SELECT evil()",
            "SELECT `count`(1)",
            "SELECT db.count(1)",
            "SELECT COUNT (1)",
            "SELECT @a := 1",
            "SELECT GET_LOCK('a', 1)",
            "SELECT LAST_INSERT_ID(7)",
            "SELECT * FROM t WHERE evil ( 1 )",
            "WITH n AS (SELECT evil()) SELECT * FROM n",
        ] {
            check(sql, Verb::Query, true);
        }
        check("INSERT INTO t (a) VALUES (evil())", Verb::Change, true);
        check("CALL p()", Verb::Call, true);
    }

    #[test]
    fn what_ends_a_transaction_or_writes_outside_of_it_is_neither_query_nor_change() {
        for sql in [
            "COMMIT",
            "/* why */ COMMIT",
            "BEGIN",
            "START TRANSACTION",
            "SET autocommit = 0",
            "CREATE TABLE t (a INT)",
            "TRUNCATE t",
            "LOCK TABLES t WRITE",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "XA START 'a'",
            "ANALYZE TABLE t",
            "HANDLER t OPEN",
            "USE other",
            "LOAD DATA INFILE 'a' INTO TABLE t",
            "SELECT a INTO OUTFILE '/tmp/a' FROM t",
            "SELECT a FROM t INTO @a",
            "-- nothing",
            "",
        ] {
            assert_eq!(Nature::of(sql).verb, Verb::Other, "{sql}");
        }
    }
}
