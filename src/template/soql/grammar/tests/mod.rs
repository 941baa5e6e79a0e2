//! The grammar from outside: a text in, an outline or faults out. `?` stands for a value that is bound.

mod correct;
mod wrong;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    template::soql::outline::{Field, FieldKind},
    value::{ParamType, Scalar},
};

/// Reads a query; its placeholders are texts.
fn read(text: &str) -> Result<Outline, Vec<SyntaxError>> {
    read_typed(text, &[])
}

/// Reads a query whose placeholders are of these types; the rest are texts.
fn read_typed(text: &str, types: &[Scalar]) -> Result<Outline, Vec<SyntaxError>> {
    let places = lexer::tokens(text, Dialect::Soql).into_iter().filter(|token| token.text(text) == "?");
    let types = types.iter().copied().chain(std::iter::repeat(Scalar::String));
    let sites = places.zip(types).enumerate().map(|(site, (token, scalar))| PlaceholderSite {
        range: token.start..token.end,
        site,
        spread: false,
        like: false,
        ty: ParamType::one(scalar),
    });
    parse(text, &sites.collect::<Vec<_>>())
}

/// The members of a record, as a tree in words: `Id, Owner{Name}, Contacts[Id], expr0`.
fn members(query: &Select) -> String {
    let field = |field: &Field| match &field.kind {
        FieldKind::Path(path) => path.join("."),
        FieldKind::Value { name, alias } => format!("{name}{}", if *alias { "!" } else { "" }),
        FieldKind::Typeof(path) => format!("{}{{}}", path.join(".")),
        FieldKind::Child(child) => format!("{}[{}]", child.from.text, members(child)),
        FieldKind::Fields => "*".into(),
        FieldKind::Count => "#".into(),
    };
    query.fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

#[test]
fn members_are_called_as_salesforce_calls_them() {
    let check = |text: &str, expected: &str| assert_eq!(members(&read(text).expect(text).query), expected, "{text}");
    check("SELECT Id, Account.Owner.Name, toLabel(Type) FROM Contact", "Id, Account.Owner.Name, Type");
    check("SELECT c.Id, a.Name, o.Name FROM Contact c, c.Account a, a.Owner o", "Id, Account.Name, Account.Owner.Name");
    check("SELECT Account.Id, account.Name FROM Account", "Id, Name");
    check(
        "SELECT Name, MAX(Amount), MIN(Amount) least, SUM(Amount) FROM O GROUP BY Name",
        "Name, expr0, least!, expr1",
    );
    check(
        "SELECT Account.Name, Owner.Name boss, CALENDAR_YEAR(D), COUNT(Id) FROM C GROUP BY Account.Name, Owner.Name, CALENDAR_YEAR(D)",
        "Name, boss!, expr0, expr1",
    );
    check("SELECT FORMAT(MIN(D)), toLabel(S) l FROM C GROUP BY S", "expr0, l!");
    check("SELECT Id, DISTANCE(L, GEOLOCATION(1, 2), 'km') FROM S", "Id, expr0");
    check("SELECT COUNT() FROM A", "#");
    check("SELECT FIELDS(STANDARD), Id FROM A", "*, Id");
    check("SELECT TYPEOF What WHEN Account THEN Phone END, Id FROM Event", "What{}, Id");
    check(
        "SELECT Name, (SELECT Contact.LastName, Account.Name, (SELECT Id FROM Cases) FROM Account.Contacts) FROM Account",
        "Name, Contacts[LastName, Account.Name, Cases[Id]]",
    );
    assert!(read("SELECT COUNT() FROM A").expect("a count").counts());
    let outline = read("SELECT Id, account.Name, Account.Type FROM C LIMIT 1").expect("a query");
    assert_eq!(outline.query.members(), Some(vec!["Id", "account"]));
    assert!(outline.query.limited && !outline.query.grouped);
    assert_eq!(read("SELECT FIELDS(STANDARD) FROM A").expect("a query").query.members(), None);
}

#[test]
fn every_path_belongs_to_an_object() {
    let text = "SELECT Id, a.Name, (SELECT Owner.Name FROM Cases WHERE Status = ?), \
                TYPEOF What WHEN User THEN Email ELSE Phone END \
                FROM Contact c, c.Account a WHERE a.Type IN ('x', ?) AND Id IN (SELECT ContactId FROM Lead WHERE Rating LIKE ?) \
                AND ? <= Nothing__c";
    let faults = read(text).expect_err("a value first");
    assert_eq!(&text[faults[0].range.clone()], "?");
    let text = text.replace(" AND ? <= Nothing__c", " ORDER BY a.Rating");
    let outline = read(&text).expect("a query");
    let paths: Vec<String> = outline
        .paths
        .iter()
        .map(|path| {
            format!(
                "{}:{}",
                [vec![path.base.object.clone()], path.base.children.clone()].concat().join(">"),
                path.path.join(".")
            )
        })
        .collect();
    let expected = "Contact:Id Contact:Account.Name Contact>Cases:Owner.Name Contact>Cases:Status Contact:What User:Email Name:Phone \
                    Contact:Account.Type Contact:Id Lead:ContactId Lead:Rating Contact:Account.Rating";
    assert_eq!(paths.join(" "), expected);
    let compared: Vec<Option<&str>> =
        outline.compared.iter().map(|path| path.map(|path| paths[path].as_str())).collect();
    assert_eq!(compared, [Some("Contact>Cases:Status"), Some("Contact:Account.Type"), Some("Lead:Rating")]);
    let outline =
        read("SELECT Id FROM A WHERE HOUR_IN_DAY(B) IN (?) AND DAY_ONLY(B) = ? AND B IN (?)").expect("a query");
    assert_eq!(outline.compared, [None, None, Some(3)]);
    let outline = read(&text).expect("a query");
    for path in &outline.paths {
        assert!(text[path.range.clone()].ends_with(path.path.last().expect("a name")));
    }
    // The name of a selected value is no field.
    let outline = read("SELECT Type t, COUNT(Id) n FROM A GROUP BY Type HAVING COUNT(Id) > 1 ORDER BY n, t, Type")
        .expect("a query");
    let names: Vec<String> = outline.paths.iter().map(|path| path.path.join(".")).collect();
    assert_eq!(names, ["Type", "Id", "Type", "Id", "Type"]);
}

/// Pieces of queries, and of what is none.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "Id",
    "Account",
    "Owner.Name",
    ".",
    ",",
    "(",
    ")",
    "=",
    "!=",
    "<",
    ">=",
    "LIKE",
    "IN",
    "INCLUDES",
    "'a'",
    "'2020-01-01'",
    "'\\q'",
    "'\\_é'",
    "\"x\"",
    "?",
    "5",
    "-5",
    "1e5",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "2020-99-99T99:99:99Z",
    "10:00",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FOR VIEW",
    "UPDATE",
    "ALL ROWS",
    "COUNT()",
    "COUNT(",
    "MAX(",
    "FIELDS(ALL)",
    "TYPEOF",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "(SELECT",
    "DISTANCE(",
    "GEOLOCATION(1,2)",
    "USING SCOPE",
    "WITH",
    "DATA CATEGORY",
    "ROLLUP(",
    "NULLS",
    "DESC",
    "TODAY",
    "LAST_N_DAYS:",
    "TRUE",
    "NULL",
    "USD5",
    "*",
    "/* x */",
    "-- x\n",
    ";",
    "é",
    "\0",
    "{",
    "|",
    "&",
    "+",
    "IS",
    "BETWEEN",
    "EXISTS(",
    "INSERT",
    "JOIN",
    "AS",
    "CASE",
    "DATE",
    "CreatedDate",
    ":x",
    "''",
    "\\",
    "`",
];

proptest! {
    #[test]
    fn no_text_makes_the_grammar_panic(text in any::<String>()) {
        within(&text);
    }

    #[test]
    fn no_pieces_make_the_grammar_panic(pieces in vec(select(PIECES), 0..40), begun in any::<bool>()) {
        let begin = if begun { "SELECT Id FROM Account WHERE " } else { "" };
        within(&format!("{begin}{}", pieces.join(" ")));
        within(&format!("{begin}{}", pieces.concat()));
    }

    #[test]
    fn what_the_grammar_writes_it_reads(text in query(0)) {
        prop_assert!(read(&text).is_ok(), "{text}: {:?}", read(&text));
        within(&text);
    }
}

/// Reads a text, and makes sure that what is said of it lies in it.
fn within(text: &str) {
    let inside = |range: &Range<usize>| assert!(text.get(range.clone()).is_some(), "{range:?}: {text}");
    match read(text) {
        Ok(outline) => {
            outline.paths.iter().for_each(|path| inside(&path.range));
            outline.query.fields.iter().for_each(|field| inside(&field.range));
            inside(&outline.query.from.range);
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "{text}");
            faults.iter().for_each(|fault| inside(&fault.range));
        }
    }
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    select(words).prop_map(str::to_owned)
}

fn field() -> impl Strategy<Value = String> + Clone {
    pick(&["Id", "Name", "Owner.Name", "Account.Parent.Owner.Name", "X__c", "Y__r.Z__c", "Group", "Type"])
}

fn value() -> impl Strategy<Value = String> + Clone {
    pick(&[
        "'a'",
        "''",
        "'it\\'s \\u00e9'",
        "5",
        "-5",
        "+.5",
        "1.25",
        "TRUE",
        "null",
        "TODAY",
        "LAST_N_DAYS:3",
        "2020-01-01",
        "2020-01-01T00:00:00Z",
        "10:00:00.000Z",
        "EUR5.5",
        "?",
    ])
}

fn condition() -> impl Strategy<Value = String> + Clone {
    let left = prop_oneof![3 => field(), 1 => field().prop_map(|field| format!("CALENDAR_YEAR({field})"))];
    let operator = pick(&["=", "!=", "<>", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        4 => (left, operator, value()).prop_map(|(left, operator, value)| format!("{left} {operator} {value}")),
        1 => (field(), pick(&["'a%'", "'\\_\\%'", "?"])).prop_map(|(field, value)| format!("{field} LIKE {value}")),
        1 => (field(), pick(&["IN", "not in"]), vec(value(), 1..4)).prop_map(|(field, word, values)| format!("{field} {word} ({})", values.join(","))),
        1 => (field(), pick(&["INCLUDES", "EXCLUDES"])).prop_map(|(field, word)| format!("{field} {word} ('a;b',?)")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (vec(inner.clone(), 1..3), pick(&["AND", "or"])).prop_map(|(parts, word)| {
                let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
                parts.join(&format!(" {word} "))
            }),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

/// A query, so many levels below the outermost one.
fn query(level: u32) -> BoxedStrategy<String> {
    let plain = vec(field(), 1..4).prop_map(|fields| fields.join(", "));
    let items = if level < 3 {
        prop_oneof![
            4 => plain,
            1 => query(level + 1).prop_map(|child| format!("Id, ({child})")),
        ]
        .boxed()
    } else {
        plain.boxed()
    };
    let filter = prop_oneof![Just(String::new()), condition().prop_map(|condition| format!(" WHERE {condition}"))];
    let order = pick(&["", " ORDER BY Name", " ORDER BY Owner.Name DESC NULLS LAST, Id"]);
    let limit = pick(&["", " LIMIT 5", " LIMIT ? OFFSET 10"]);
    (items, filter, order, limit)
        .prop_map(|(items, filter, order, limit)| format!("SELECT {items} FROM Things__r{filter}{order}{limit}"))
        .boxed()
}
