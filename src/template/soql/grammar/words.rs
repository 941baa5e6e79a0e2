//! The words of SOQL: functions, date formulas, clauses, and words that are no names.
//!
//! Sources: the SOQL reference, pages "Date Functions", "Aggregate Functions", "Date Formats and Date Literals" and "Reserved
//! Keywords" (<https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql.html>), and
//! Salesforce's own grammar, npm `@salesforce/soql-common`.

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Its name, as the reference writes it.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
}

/// Kinds of [`Function`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value of many records.
    Aggregate,
    /// A part of a date.
    Date,
    /// The same field, shown in another way.
    Shown,
    /// A date in the user's zone, inside of a date function.
    Zone,
    /// Whether a row is a subtotal.
    Grouping,
    /// `DISTANCE(field, GEOLOCATION(latitude, longitude), 'km')`.
    Distance,
    /// `GEOLOCATION(latitude, longitude)`.
    Geolocation,
    /// `FIELDS(ALL)`.
    Fields,
}

const fn function(name: &'static str, kind: Kind) -> Function {
    Function { name, kind }
}

const FUNCTIONS: &[Function] = &[
    function("AVG", Kind::Aggregate),
    function("COUNT", Kind::Aggregate),
    function("COUNT_DISTINCT", Kind::Aggregate),
    function("MIN", Kind::Aggregate),
    function("MAX", Kind::Aggregate),
    function("SUM", Kind::Aggregate),
    function("CALENDAR_MONTH", Kind::Date),
    function("CALENDAR_QUARTER", Kind::Date),
    function("CALENDAR_YEAR", Kind::Date),
    function("DAY_IN_MONTH", Kind::Date),
    function("DAY_IN_WEEK", Kind::Date),
    function("DAY_IN_YEAR", Kind::Date),
    function("DAY_ONLY", Kind::Date),
    function("FISCAL_MONTH", Kind::Date),
    function("FISCAL_QUARTER", Kind::Date),
    function("FISCAL_YEAR", Kind::Date),
    function("HOUR_IN_DAY", Kind::Date),
    function("WEEK_IN_MONTH", Kind::Date),
    function("WEEK_IN_YEAR", Kind::Date),
    function("toLabel", Kind::Shown),
    function("FORMAT", Kind::Shown),
    function("convertCurrency", Kind::Shown),
    function("convertTimezone", Kind::Zone),
    function("GROUPING", Kind::Grouping),
    function("DISTANCE", Kind::Distance),
    function("GEOLOCATION", Kind::Geolocation),
    function("FIELDS", Kind::Fields),
];

/// The function of this name, in any letters.
pub(super) fn function_of(name: &str) -> Option<Function> {
    FUNCTIONS.iter().copied().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// The names of all functions.
pub(super) fn function_names() -> impl Iterator<Item = &'static str> + Clone {
    FUNCTIONS.iter().map(|function| function.name)
}

/// Date formulas without a number.
const FORMULAS: &[&str] = &[
    "YESTERDAY",
    "TODAY",
    "TOMORROW",
    "LAST_WEEK",
    "THIS_WEEK",
    "NEXT_WEEK",
    "LAST_MONTH",
    "THIS_MONTH",
    "NEXT_MONTH",
    "LAST_90_DAYS",
    "NEXT_90_DAYS",
    "THIS_QUARTER",
    "LAST_QUARTER",
    "NEXT_QUARTER",
    "THIS_YEAR",
    "LAST_YEAR",
    "NEXT_YEAR",
    "THIS_FISCAL_QUARTER",
    "LAST_FISCAL_QUARTER",
    "NEXT_FISCAL_QUARTER",
    "THIS_FISCAL_YEAR",
    "LAST_FISCAL_YEAR",
    "NEXT_FISCAL_YEAR",
];

/// Date formulas with a number: `LAST_N_DAYS:30`.
const COUNTED_FORMULAS: &[&str] = &[
    "LAST_N_DAYS",
    "NEXT_N_DAYS",
    "N_DAYS_AGO",
    "LAST_N_WEEKS",
    "NEXT_N_WEEKS",
    "N_WEEKS_AGO",
    "LAST_N_MONTHS",
    "NEXT_N_MONTHS",
    "N_MONTHS_AGO",
    "LAST_N_QUARTERS",
    "NEXT_N_QUARTERS",
    "N_QUARTERS_AGO",
    "LAST_N_YEARS",
    "NEXT_N_YEARS",
    "N_YEARS_AGO",
    "LAST_N_FISCAL_QUARTERS",
    "NEXT_N_FISCAL_QUARTERS",
    "N_FISCAL_QUARTERS_AGO",
    "LAST_N_FISCAL_YEARS",
    "NEXT_N_FISCAL_YEARS",
    "N_FISCAL_YEARS_AGO",
];

/// Whether this is a date formula without a number.
pub(super) fn is_formula(word: &str) -> bool {
    one_of(word, FORMULAS)
}

/// Whether this is a date formula with a number.
pub(super) fn is_counted_formula(word: &str) -> bool {
    one_of(word, COUNTED_FORMULAS)
}

/// The names of all date formulas.
pub(super) fn formula_names() -> impl Iterator<Item = &'static str> + Clone {
    FORMULAS.iter().chain(COUNTED_FORMULAS).copied()
}

/// Words that no field, object or alias is called, so that they end what stands before them.
const RESERVED: &[&str] = &[
    "select", "from", "where", "and", "or", "not", "in", "like", "includes", "excludes", "limit", "having", "using",
    "with", "for", "by", "asc", "desc", "nulls", "null", "true", "false", "as", "first", "last", "rollup", "cube",
    "else", "update",
];

/// Whether no field is called so.
pub(super) fn is_reserved(word: &str) -> bool {
    one_of(word, RESERVED)
}

/// A part of a query after FROM, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clause {
    Where,
    With,
    GroupBy,
    Having,
    OrderBy,
    Limit,
    Offset,
    For,
    Update,
    AllRows,
}

impl Clause {
    /// The clause that begins with these two words.
    pub fn of(first: &str, second: &str) -> Option<Self> {
        let first = first.to_ascii_lowercase();
        let by = second.eq_ignore_ascii_case("by");
        Some(match first.as_str() {
            "where" => Self::Where,
            "with" => Self::With,
            "group" if by => Self::GroupBy,
            "having" => Self::Having,
            "order" if by => Self::OrderBy,
            "limit" => Self::Limit,
            "offset" => Self::Offset,
            "for" => Self::For,
            "update" => Self::Update,
            "all" if second.eq_ignore_ascii_case("rows") => Self::AllRows,
            _ => return None,
        })
    }

    /// Its words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Where => "WHERE",
            Self::With => "WITH",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
            Self::For => "FOR",
            Self::Update => "UPDATE",
            Self::AllRows => "ALL ROWS",
        }
    }
}

/// Whether a word is one of these, in any letters.
pub(super) fn one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}
