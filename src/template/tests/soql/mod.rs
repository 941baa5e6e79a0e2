//! SOQL: what is refused at load, and what is written in a call.

mod hostile;

use super::*;

/// The finished text of a call.
#[track_caller]
fn written(template: &Template, values: &[Option<Value>]) -> Result<String, Refusal> {
    let (shape, binds) = template.decide(values).expect("bound");
    let statement = template.statement(&shape).expect("a text");
    Ok(statement.query(&binds)?.expect("a query of SOQL").text().to_owned())
}

/// The literal of a value of a type, bound after `X__c = `.
#[track_caller]
fn literal(ty: &str, value: Value) -> String {
    let template = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE X__c = {{ x }}", &[&format!("x~: {ty}")]);
    match written(&template, &[Some(value)]) {
        Ok(text) => text.strip_prefix("SELECT Id FROM A WHERE X__c = ").expect("the author's text").to_owned(),
        Err(Refusal::Value { param: Some(0), reason }) => reason,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().expect("a date"))
}

fn moment(text: &str) -> Value {
    Value::Timestamp(text.parse().expect("a datetime"))
}

fn clock(text: &str) -> Value {
    Value::Time(text.parse().expect("a time"))
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().expect("a decimal"))
}

fn words(items: &[&str]) -> Option<Value> {
    Some(Value::List(items.iter().map(|item| Value::Text((*item).into())).collect()))
}

#[test]
fn each_type_has_its_literal() {
    let plain = |text: &str| literal("string", Value::Text(text.into()));
    assert_eq!(plain("Ada"), "'Ada'");
    assert_eq!(plain(""), "''");
    assert_eq!(plain(r"O'Neil \ Söhne"), r"'O\'Neil \\ Söhne'");
    assert_eq!(
        plain("a\nb\rc\td\u{8}e\u{c}f\u{1}g\u{7f}\u{85}\"%_"),
        "'a\\nb\\rc\\td\\be\\u000Cf\\u0001g\\u007F\\u0085\\\"%_'"
    );
    assert_eq!(literal("integer", Value::Integer(-5)), "-5");
    assert_eq!(literal("integer", Value::Integer(i64::MIN)), "-9223372036854775808");
    assert_eq!(literal("decimal", decimal("1.10")), "1.10");
    assert_eq!(literal("decimal", decimal("-0.00000000000000000001")), "-0.00000000000000000001");
    assert_eq!(literal("decimal", decimal("1e20")), "100000000000000000000");
    assert_eq!(literal("float", Value::Float(0.1)), "0.1");
    assert_eq!(literal("float", Value::Float(1e21)), "1000000000000000000000");
    assert_eq!(literal("float", Value::Float(-1e-7)), "-0.0000001");
    assert_eq!(literal("boolean", Value::Boolean(true)), "TRUE");
    assert_eq!(literal("boolean", Value::Boolean(false)), "FALSE");
    assert_eq!(literal("date", day("2026-11-20")), "2026-11-20");
    assert_eq!(literal("time", clock("14:05")), "14:05:00.000Z");
    assert_eq!(literal("time", clock("14:05:30.5")), "14:05:30.500Z");
    assert_eq!(literal("timestamp", moment("2026-11-20T14:05:30")), "2026-11-20T14:05:30Z");
    assert_eq!(literal("timestamp", moment("2026-11-20T14:05:30.007")), "2026-11-20T14:05:30.007Z");
    let uuid = Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("a uuid"));
    assert_eq!(literal("uuid", uuid), "'67e55044-10b1-426f-9247-bb680e5fe0c8'");
    for ty in ["string", "integer", "decimal", "float", "boolean", "date", "time", "timestamp", "uuid"] {
        assert_eq!(literal(ty, Value::Null), "NULL");
    }
}

#[test]
fn what_soql_cannot_carry_is_refused_and_never_altered() {
    let plain = |text: String| literal("string", Value::Text(text.into()));
    assert_eq!(plain("a\0b".into()), "expected a text without NUL characters");
    assert_eq!(plain("é".repeat(4_001)), "expected at most 4000 characters");
    assert_eq!(plain("'".repeat(4_000)).len(), 8_002);
    assert_eq!(literal("time", clock("14:05:30.0005")), "expected a fraction of a second of at most 3 digits");
    assert_eq!(
        literal("timestamp", moment("2026-11-20T14:05:30.000001")),
        "expected a fraction of a second of at most 3 digits"
    );
    for ty_and_value in
        [("date", day("1699-12-31")), ("date", day("4001-01-01")), ("timestamp", moment("9999-12-31T00:00"))]
    {
        let (ty, value) = ty_and_value;
        assert_eq!(literal(ty, value), "expected a year from 1700 to 4000");
    }
    assert_eq!(literal("date", day("1700-01-01")), "1700-01-01");
    assert_eq!(literal("date", day("4000-12-31")), "4000-12-31");
}

#[test]
fn lists_are_written_without_blanks_and_never_padded() {
    let template = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE B IN ({{ l | spread }})", &["l: string[]"]);
    let list = |items: &[&str]| written(&template, &[words(items)]).expect("written");
    assert_eq!(list(&["a"]), "SELECT Id FROM A WHERE B IN ('a')");
    assert_eq!(list(&["a", "b", "c'"]), r"SELECT Id FROM A WHERE B IN ('a','b','c\'')");
    assert_eq!(list(&["a"; 5]), "SELECT Id FROM A WHERE B IN ('a','a','a','a','a')");
    assert_eq!(template.decide(&[words(&[])]), Err(Refusal::EmptyList { param: 0 }));
}

#[test]
fn patterns_keep_the_escapes_of_their_filters() {
    for (filter, expected) in
        [("contains", r"'%50\%\_\\\'x%'"), ("starts_with", r"'50\%\_\\\'x%'"), ("ends_with", r"'%50\%\_\\\'x'")]
    {
        let template = compile_for(
            Dialect::Soql,
            &format!("SELECT Id FROM A WHERE N LIKE {{{{ x | {filter} }}}}"),
            &["x: string"],
        );
        let found = written(&template, &[text(r"50%_\'x")]).expect("written");
        assert_eq!(found, format!("SELECT Id FROM A WHERE N LIKE {expected}"));
    }
    // Without a filter the value's own wildcards are wildcards, and a backslash is a backslash.
    let plain = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE N like {{ x }}", &["x~: string"]);
    assert_eq!(written(&plain, &[text(r"50%\_")]).expect("written"), r"SELECT Id FROM A WHERE N like '50%\\_'");
    assert_eq!(
        written(&plain, &[Some(Value::Null)]),
        Err(Refusal::Value { param: Some(0), reason: "expected a value, got null".into() })
    );
}

#[test]
fn counts_are_whole_numbers_without_sign() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE CreatedDate = LAST_N_DAYS:{{ n }} AND B > {{ n }} LIMIT {{ n }} OFFSET {{ n }}",
        &["n: integer"],
    );
    assert_eq!(
        written(&template, &[int(30)]).expect("written"),
        "SELECT Id FROM A WHERE CreatedDate = LAST_N_DAYS:30 AND B > 30 LIMIT 30 OFFSET 30"
    );
    let negative = Refusal::Value { param: Some(0), reason: "expected a number that is not negative".into() };
    assert_eq!(written(&template, &[int(-1)]), Err(negative));
    let many = Refusal::Value { param: Some(0), reason: "expected at most 2000".into() };
    assert_eq!(written(&template, &[int(2_001)]), Err(many));
    assert!(written(&template, &[int(2_000)]).is_ok());
}

#[test]
fn a_query_that_is_too_long_names_the_parameter_that_makes_it_so() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE B = {{ a }} AND C IN ({{ l | spread }})",
        &["a: string", "l: string[]"],
    );
    let long = "x".repeat(3_000);
    let found = written(&template, &[text(&long), words(&[long.as_str(); 40])]);
    let Err(Refusal::Value { param: Some(1), reason }) = found else { panic!("{found:?}") };
    assert_eq!(reason, "expected fewer or shorter values: a query has at most 100000 characters");
    let repeated = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE {% for x in l %}{% for y in l %}B = {{ a }}{% if not loop.last %} OR {% endif %}{% endfor %}\
         {% if not loop.last %} OR {% endif %}{% endfor %}",
        &["a: string", "l: string[]"],
    );
    let found = written(&repeated, &[text(&"x".repeat(4_000)), words(&["y"; 100])]);
    assert!(matches!(found, Err(Refusal::Value { param: Some(0), .. })));
}

#[test]
fn binds_that_are_not_the_statement_s_make_no_query() {
    let template =
        compile_for(Dialect::Soql, "SELECT Id FROM A WHERE B = {{ a }} AND C > {{ n }}", &["a: string", "n: integer"]);
    let (shape, binds) = template.decide(&[text("x"), int(1)]).expect("bound");
    let statement = template.statement(&shape).expect("a text");
    let refused =
        |binds: Vec<Bind>| assert!(matches!(statement.query(&binds), Err(Refusal::Shape { .. })), "{binds:?}");
    refused(vec![]);
    refused(vec![binds[0].clone()]);
    refused(vec![binds[1].clone(), binds[0].clone()]);
    refused(vec![binds[0].clone(), binds[1].clone(), binds[1].clone()]);
    assert!(statement.query(&binds).is_ok());
}

#[test]
fn sql_has_no_query() {
    let template = compile("SELECT {{ a }}", &["a: string"]);
    let (shape, binds) = template.decide(&[text("x")]).expect("bound");
    assert_eq!(template.statement(&shape).expect("a text").query(&binds), Ok(None));
}

#[test]
fn a_masked_query_shows_the_other_literals() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE B = {{ a }} AND C > {{ n }} AND D = {{ a }}",
        &["a: string", "n: integer"],
    );
    let (shape, binds) = template.decide(&[text("s3cret"), int(7)]).expect("bound");
    let query = template.statement(&shape).expect("a text").query(&binds).expect("written").expect("a query");
    assert_eq!(query.masked(|bind| bind != 1), "SELECT Id FROM A WHERE B = '***' AND C > 7 AND D = '***'");
    assert_eq!(query.masked(|_| false), query.text());
}

#[test]
fn a_choice_writes_names_directions_and_clauses() {
    let params =
        ["sort: choice new=CreatedDate DESC, old=CreatedDate", "field: choice mail=Email, phone=Phone", "x: string"];
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id, {{ field }} FROM Contact WHERE {{ field }} = {{ x }} ORDER BY {{ sort }} NULLS LAST LIMIT 5",
        &params,
    );
    assert_eq!(
        written(&template, &[text("new"), text("mail"), text("a@b.c")]).expect("written"),
        "SELECT Id, Email FROM Contact WHERE Email = 'a@b.c' ORDER BY CreatedDate DESC NULLS LAST LIMIT 5"
    );
    assert_eq!(template.shapes().count(), 4);
}

#[test]
fn branches_and_loops_are_those_of_sql() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM Case WHERE IsClosed = {{ closed }}{% if since is defined %} AND CreatedDate >= {{ since }}{% endif %}\
         {% if words %} AND ({% for w in words %}{% if not loop.first %} OR {% endif %}Subject LIKE {{ w | contains }}{% endfor %})\
         {% endif %}",
        &["closed: boolean", "since?: timestamp", "words?: string[]"],
    );
    let closed = Some(Value::Boolean(false));
    assert_eq!(
        written(&template, &[closed.clone(), Some(moment("2026-11-20T09:00")), words(&["a", "50%"])]).expect("written"),
        r"SELECT Id FROM Case WHERE IsClosed = FALSE AND CreatedDate >= 2026-11-20T09:00:00Z AND (Subject LIKE '%a%' OR Subject LIKE '%50\%%')"
    );
    assert_eq!(
        written(&template, &[closed, None, None]).expect("written"),
        "SELECT Id FROM Case WHERE IsClosed = FALSE"
    );
}

#[test]
fn what_has_no_literal_is_an_error_at_load() {
    let check = |template: &str, expected: &str| {
        check_for(
            Dialect::Soql,
            template,
            &["s: string", "n: integer", "d: decimal", "j: json", "l: string[]", "b: boolean"],
            expected,
        );
    };
    check("SELECT Id FROM A WHERE B = {{ j }}", "type-mismatch @ {{ j }}");
    check("SELECT Id FROM A WHERE B IN ({{ l }})", "list-needs-spread @ {{ l }}");
    check("SELECT Id FROM A WHERE B = {{ 1 }}", "constant-placeholder @ {{ 1 }}");
    check("SELECT Id FROM A WHERE B LIKE {{ n }}", "type-mismatch @ {{ n }}");
    check("SELECT Id FROM A WHERE B INCLUDES ('a', {{ n }})", "type-mismatch @ {{ n }}");
    check("SELECT Id FROM A WHERE B EXCLUDES ({{ s | contains }})", "like-escape @ {{ s | contains }}");
    check("SELECT Id FROM A WHERE DISTANCE(B, GEOLOCATION({{ d }}, {{ n }}), 'km') < {{ n }}", "");
    check("SELECT Id FROM A LIMIT {{ s }}", "type-mismatch @ {{ s }}");
    check("SELECT Id FROM A LIMIT 5 OFFSET {{ d }}", "type-mismatch @ {{ d }}");
    check("SELECT Id FROM A WHERE B = LAST_N_DAYS:{{ d }}", "type-mismatch @ {{ d }}");
    check("SELECT Id FROM A WHERE B = {{ s | contains }}", "like-escape @ {{ s | contains }}");
    check("SELECT Id FROM A WHERE B IN ({{ s | ends_with }})", "like-escape @ {{ s | ends_with }}");
    check("SELECT Id FROM A WHERE B LIKE {{ s | contains | upper }}", "like-escape @ {{ s | contains | upper }}");
    check("SELECT Id FROM A WHERE B LIKE {{ (s | starts_with) ~ s }}", "like-escape @ {{ (s | starts_with) ~ s }}");
    check("SELECT Id FROM A WHERE B = {{ s }}{% if j is defined %} AND C = {{ b }}{% endif %}", "");
    check("SELECT Id FROM A WHERE B LIKE {{ (s ~ '!') | lower | contains }}", "");
}

#[test]
fn faults_of_the_grammar_are_told_at_their_places_in_the_file() {
    let one = |template: &str, place: &str| {
        check_for(Dialect::Soql, template, &["x: string", "o?: string"], &format!("soql-grammar @ {place}"));
    };
    one("SELECT Id FROM A;", ";");
    one("SELECT Id FROM A WHERE B = \"c\"", "\"c\"");
    one(r"SELECT Id FROM A WHERE B = '\c'", r"\c");
    one("SELECT Id FROM A\nWHERE B = 1e5", "1e5");
    one("SELECT Id FROM A /* it's */\nWHERE B = {{ x }}", "/* it's */");
    // In every shape, and once.
    one("SELECT Id FROM A {% if o is defined %} WHERE B = {{ o }} {% endif %} LIMT 5", "LIMT");
    one("SELECT Id FROM A WHERE C = {{ x }} {% if o is defined %} OR B == {{ o }} {% endif %}", "==");
    // What the checks on tokens found is not told a second time, and does not hide the rest.
    let found = "hand-written-placeholder @ :b\nsoql-grammar @ ==";
    check_for(Dialect::Soql, "SELECT Id FROM A WHERE B = :b AND C == {{ x }}", &["x: string"], found);
    check_for(Dialect::Soql, "SELECT {{ x }} FROM A", &["x: string"], "placeholder-as-name @ {{ x }}");
}

#[test]
fn a_statement_knows_what_its_query_asks_for() {
    let template = compile_for(Dialect::Soql, "SELECT Id, Owner.Name FROM A WHERE B = {{ x }}", &["x: string"]);
    let (_, statement) = template.shapes().next().expect("a shape");
    let outline = statement.outline().expect("an outline");
    assert_eq!(outline.query.members(), Some(vec!["Id", "Owner"]));
    let compared = outline.compared[0].map(|path| &outline.paths[path].path);
    assert_eq!(compared, Some(&vec!["B".to_owned()]));
}
