//! What calls bind, and the text that they run.

use super::*;

#[test]
fn a_static_template_has_one_shape_and_binds_in_order() {
    let template = compile("SELECT {{ b }}, {{ a }}, {{ b }}", &["a: integer", "b: string"]);
    assert_eq!(run(&template, &[int(1), text("x")]), ("SELECT ?, ?, ?".into(), "'x' 1 'x'".into()));
    assert_eq!(template.shapes().count(), 1);
    assert!(template.uses(0) && template.uses(1) && !template.uses(2));
}

#[test]
fn every_dialect_gets_its_own_placeholders() {
    for (dialect, expected) in [
        (Dialect::Sqlite, "SELECT ? , ? , ?"),
        (Dialect::Mysql, "SELECT ? , ? , ?"),
        (Dialect::Snowflake, "SELECT ? , ? , ?"),
        (Dialect::Postgres, "SELECT $1 , $2 , $3"),
    ] {
        let template = compile_for(dialect, "SELECT {{ a }} , {{ a }} , {{ a }}", &["a: integer"]);
        assert_eq!(run(&template, &[int(1)]).0, expected);
    }
}

#[test]
fn a_timestamp_is_bound_with_the_zone_of_its_parameter() {
    let zone = |name| TimeZone::get(name).expect("a zone");
    let params = [("a?: timestamp", "Europe/Berlin"), ("b: timestamp", "Asia/Tokyo"), ("c: timestamp[]", "Asia/Tokyo")]
        .map(|(written, name)| Param { zone: zone(name), ..param(written) });
    let sql = "SELECT {{ a | default(b) }}, {{ c }}, {{ c | spread }}, {{ c | length }}";
    let text = text_of(sql).0;
    let template = Template::compile(&text, Dialect::Postgres, &params, &mut Vec::new()).expect("a template");
    let now = Value::Timestamp("2026-11-20T09:00".parse().expect("a time"));
    let (_, binds) = template.decide(&[None, Some(now.clone()), Some(Value::List([now].into()))]).expect("binds");
    let zones: Vec<_> = binds.iter().map(|bind| bind.zone.as_ref().and_then(|zone| zone.iana_name())).collect();
    assert_eq!(zones, [Some("Europe/Berlin"), Some("Asia/Tokyo"), Some("Asia/Tokyo"), None]);
}

#[test]
fn branches_follow_the_values() {
    let template = compile(
        "SELECT 1 {% if a is defined and a != 'x' %}AND {{ a }}{% elif b %}OR {{ b }}{% else %}LIMIT 1{% endif %}",
        &["a?: string", "b?: integer"],
    );
    assert_eq!(run(&template, &[text("y"), None]), ("SELECT 1 AND ?".into(), "'y'".into()));
    assert_eq!(run(&template, &[text("x"), int(2)]), ("SELECT 1 OR ?".into(), "2".into()));
    assert_eq!(run(&template, &[None, int(0)]), ("SELECT 1 LIMIT 1".into(), String::new()));
    assert_eq!(template.shapes().count(), 3);
}

#[test]
fn conditions_mean_what_they_mean_in_minijinja() {
    let params = ["t?~: string", "n?~: integer", "b?: boolean", "d: decimal", "l?: integer[]", "f: float"];
    let decimal = |text: &str| Some(Value::Decimal(text.parse().expect("a decimal")));
    let values =
        [text("abc"), int(5), Some(Value::Boolean(false)), decimal("1.10"), ints(&[1, 2]), Some(Value::Float(0.1))];
    let absent = [None, None, None, decimal("0.00"), ints(&[]), Some(Value::Float(0.0))];
    for (condition, with, without) in [
        ("t", true, false),
        ("n", true, false),
        ("b", false, false),
        ("d", true, false),
        ("l", true, false),
        ("f", true, false),
        ("t is defined", true, false),
        ("t is undefined", false, true),
        ("t is not defined", false, true),
        ("not t is defined", false, true),
        ("t is none", false, false),
        ("t == none", false, false),
        ("t == 'abc'", true, false),
        ("t != 'abc'", false, true),
        ("t == t", true, true),
        ("n < 6", true, false),
        ("n > 4 and n <= 5 and not n >= 6", true, false),
        ("n == 5.0", true, false),
        ("d == 1.1", true, false),
        ("d > 1", true, false),
        ("f == 0.1", true, false),
        ("b == false", true, false),
        ("n in [1, 5]", true, false),
        ("n not in (1, 2)", true, true),
        ("n in l", false, false),
        ("2 in l", true, false),
        ("'b' in t", true, false),
        ("n == -5 or t == 'abc'", true, false),
        ("l is defined and l | length == 2", true, false),
        ("t is defined and t | upper == 'ABC'", true, false),
        ("t | default('abc') == 'abc'", true, true),
        ("false or true", true, true),
    ] {
        let template = compile(&format!("SELECT {{% if {condition} %}}1{{% else %}}2{{% endif %}}"), &params);
        assert_eq!(run(&template, &values).0 == "SELECT 1", with, "{condition}");
        assert_eq!(run(&template, &absent).0 == "SELECT 1", without, "{condition} of nothing");
    }
}

#[test]
fn null_is_defined_and_in_no_order() {
    let params = ["n~: integer"];
    for (condition, expected) in [
        ("n", false),
        ("n is defined", true),
        ("n is none", true),
        ("n == none", true),
        ("n < 1", false),
        ("n >= 1", false),
        ("n != 1", true),
    ] {
        let template = compile(&format!("SELECT {{% if {condition} %}}1{{% else %}}2{{% endif %}}"), &params);
        assert_eq!(run(&template, &[Some(Value::Null)]).0 == "SELECT 1", expected, "{condition}");
    }
}

#[test]
fn filters_compute_what_is_bound() {
    let params = ["t~: string", "n: integer", "d: decimal", "f: float", "o?: integer", "day: date", "at: time"];
    let values = [
        text(" A%_\\é "),
        int(-7),
        Some(Value::Decimal("-2.345".parse().expect("a decimal"))),
        Some(Value::Float(2.675)),
        None,
        Some(Value::Date(jiff::civil::Date::constant(2026, 11, 20))),
        Some(Value::Time(jiff::civil::Time::constant(14, 5, 30, 500_000_000))),
    ];
    for (expr, expected) in [
        ("t | upper", "' A%_\\É '"),
        ("t | lower", "' a%_\\é '"),
        ("t | trim", "'A%_\\é'"),
        ("t | length", "7"),
        ("t | replace('%', '!')", "' A!_\\é '"),
        ("t | replace('A', '') | trim | length", "4"),
        ("n | abs", "7"),
        ("n | round", "-7"),
        ("d | round(2)", "-2.35"),
        ("d | round", "-2"),
        ("d | round(5)", "-2.345"),
        ("d | abs", "2.345"),
        ("f | round(1)", "Float(2.7)"),
        ("o | default(3)", "3"),
        ("o | default(n)", "-7"),
        ("'a' ~ n ~ '-' ~ d ~ day", "'a-7--2.3452026-11-20'"),
        ("'T' ~ at", "'T14:05:30.500000'"),
        ("n == -7", "true"),
        ("not n", "false"),
    ] {
        let template = compile(&format!("SELECT {{{{ {expr} }}}}"), &params);
        assert_eq!(run(&template, &values), ("SELECT ?".into(), expected.into()), "{expr}");
    }
    let mut nothing = values;
    nothing[0] = Some(Value::Null);
    for expr in ["t", "t | upper", "t | length", "t ~ 'x'", "'x' ~ t", "t | replace('a', 'b')", "t | default('x')"] {
        let template = compile(&format!("SELECT {{{{ {expr} }}}}"), &params);
        assert_eq!(run(&template, &nothing).1, "null", "{expr}");
    }
}

#[test]
fn filters_for_like_escape_wildcards_and_add_theirs() {
    for (filter, expected) in
        [("contains", r"'%50\%\_\\''x%'"), ("starts_with", r"'50\%\_\\''x%'"), ("ends_with", r"'%50\%\_\\''x'")]
    {
        let template = compile(&format!(r"SELECT 1 WHERE 'a' LIKE {{{{ t | {filter} }}}} ESCAPE '\'"), &["t: string"]);
        assert_eq!(run(&template, &[text(r"50%_\''x")]).1, expected);
    }
}

#[test]
fn the_type_of_a_placeholder_is_the_same_whether_a_default_was_used() {
    let template = compile("SELECT {{ d | default(1) }}, {{ f | default(1.5) }}", &["d?: decimal", "f?: float"]);
    let (_, binds) = template.decide(&[None, None]).expect("bound");
    assert_eq!(binds[0].value, Value::Decimal(1.into()));
    assert_eq!(binds[0].ty, ParamType::one(Scalar::Decimal));
    assert_eq!(binds[1].value, Value::Float(1.5));
}

#[test]
fn a_bind_names_its_parameter_where_it_is_exactly_one() {
    let template = compile(
        "SELECT {{ a ~ '!' }}, {{ a ~ b }}, {{ b | default(a) }}{% for x in l %}, {{ x }}, {{ loop.index }}{% endfor %}",
        &["a: string", "b: string", "l: integer[]"],
    );
    let (_, binds) = template.decide(&[text("a"), text("b"), ints(&[5])]).expect("bound");
    let params: Vec<Option<usize>> = binds.iter().map(|bind| bind.param).collect();
    assert_eq!(params, [Some(0), None, None, Some(2), None]);
}

#[test]
fn spread_is_padded_to_a_power_of_two_only_directly_inside_of_in() {
    let cases = [
        ("a IN ({{ l | spread }})", "a IN (?, ?, ?, ?)", "1 2 3 3"),
        ("a in  (\n {{ l | spread }} )", "a in ( ?, ?, ?, ? )", "1 2 3 3"),
        ("a NOT IN ({# all #}{{ l | spread }})", "a NOT IN (?, ?, ?, ?)", "1 2 3 3"),
        ("a IN (0, {{ l | spread }})", "a IN (0, ?, ?, ?)", "1 2 3"),
        ("a IN ({{ l | spread }}, 0)", "a IN (?, ?, ?, 0)", "1 2 3"),
        ("max({{ l | spread }})", "max(?, ?, ?)", "1 2 3"),
        ("mein({{ l | spread }})", "mein(?, ?, ?)", "1 2 3"),
    ];
    for (template, expected, binds) in cases {
        let template = compile(&format!("SELECT {template}"), &["l: integer[]"]);
        let found = run(&template, &[ints(&[1, 2, 3])]);
        assert_eq!(found, (format!("SELECT {expected}"), binds.into()));
    }
    let template = compile("SELECT a IN ({{ l | spread }})", &["l: integer[]"]);
    let (_, binds) = template.decide(&[ints(&[1, 2, 3])]).expect("bound");
    assert_eq!(binds.iter().filter(|bind| bind.padding).count(), 1);
}

#[test]
fn a_longer_list_is_checked_on_its_first_use_and_kept() {
    let template = compile("SELECT 1 WHERE 1 IN ({{ l | spread }})", &["l: integer[]"]);
    let values = [ints(&(0..100).collect::<Vec<_>>())];
    let (shape, binds) = template.decide(&values).expect("bound");
    assert_eq!(binds.len(), 128);
    let first = template.statement(&shape).expect("a text");
    assert_eq!(first.types().len(), 128);
    assert!(Arc::ptr_eq(&first, &template.statement(&shape).expect("a text")));
    assert_eq!(template.shapes().count(), 3);
}

#[test]
fn a_list_that_makes_too_large_a_statement_is_the_caller_s() {
    let check = |template: &str, params: &[&str], values: &[Option<Value>], param| {
        let template = compile(template, params);
        let (shape, _) = template.decide(values).expect("a shape");
        let expected = Refusal::Value { param, reason: "expected fewer elements".into() };
        assert_eq!(template.statement(&shape).expect_err("too large"), expected);
    };
    let items = ints(&[1; 16_385]);
    let column = "a_column_with_quite_a_long_name";
    let long = format!("SELECT 1{{% for x in ids %}} OR {column} = {{{{ x }}}}{{% endfor %}}");
    check(&long, &["n: integer", "ids: integer[]"], &[int(1), items.clone()], Some(1));
    // SQLite takes 32,766 placeholders, and the length is rounded up to 32,768.
    let spread = "SELECT 1 WHERE 1 IN ({{ ids | spread }})";
    check(spread, &["ids: integer[]", "n: integer"], &[items, int(1)], Some(0));
    let two = "SELECT 1 WHERE 1 IN ({{ ids | spread }}) OR 1 IN ({{ more | spread }})";
    let half = ints(&[1; 16_384]);
    check(two, &["ids: integer[]", "more: integer[]"], &[half.clone(), half], None);
}

#[test]
fn an_empty_list_is_refused_unless_it_is_guarded() {
    let spread = compile("SELECT 1 WHERE 1 IN ({{ l | spread }})", &["l~: integer[]"]);
    assert_eq!(spread.decide(&[ints(&[])]), Err(Refusal::EmptyList { param: 0 }));
    assert_eq!(spread.decide(&[Some(Value::Null)]), Err(Refusal::EmptyList { param: 0 }));
    let looped = compile("SELECT 1{% for x in l %}, {{ x }}{% endfor %}", &["l: integer[]"]);
    assert_eq!(looped.decide(&[ints(&[])]), Err(Refusal::EmptyList { param: 0 }));
    let guarded = compile("SELECT 1{% if l %} WHERE 1 IN ({{ l | spread }}){% endif %}", &["l?: integer[]"]);
    assert_eq!(run(&guarded, &[ints(&[])]).0, "SELECT 1");
    assert_eq!(run(&guarded, &[None]).0, "SELECT 1");
    assert_eq!(run(&guarded, &[ints(&[4])]), ("SELECT 1 WHERE 1 IN (?)".into(), "4".into()));
}

#[test]
fn loops_know_their_first_and_last_round_and_may_nest() {
    let template = compile(
        "SELECT {% for a in l %}{% if not loop.first %}, {% endif %}{{ a }}{% if loop.last %} -- end\n{% endif %}{% endfor %}",
        &["l: integer[]"],
    );
    assert_eq!(run(&template, &[ints(&[7, 8])]), ("SELECT ?, ? -- end".into(), "7 8".into()));
    let nested = compile(
        "SELECT 0{% for a in l %}{% for b in m %}, ({{ a }} = {{ b }} AND {{ loop.index }} = 1){% endfor %}{% endfor %}",
        &["l: integer[]", "m: integer[]"],
    );
    assert_eq!(run(&nested, &[ints(&[1]), ints(&[2, 3])]).1, "1 2 1 1 3 2");
}

#[test]
fn an_element_hides_a_parameter_of_its_name() {
    let template = compile("SELECT 0{% for a in l %}, {{ a }}{% endfor %}, {{ a }}", &["a: string", "l: integer[]"]);
    assert_eq!(run(&template, &[text("p"), ints(&[1])]).1, "1 'p'");
}

#[test]
fn a_list_is_one_array_on_postgres() {
    let template = compile_for(Dialect::Postgres, "SELECT 1 WHERE 1 = ANY({{ l }})", &["l: integer[]"]);
    let (shape, binds) = template.decide(&[ints(&[])]).expect("bound");
    assert_eq!(template.statement(&shape).expect("a text").text(), "SELECT 1 WHERE 1 = ANY($1)");
    assert_eq!(binds[0].ty, ParamType { scalar: Scalar::Integer, list: true });
}

#[test]
fn a_choice_writes_the_author_s_text() {
    let params = ["sort: choice new=at DESC, old=at", "n: integer"];
    let template = compile("SELECT 1 ORDER BY {{ sort }}{% if sort == 'old' %} LIMIT {{ n }}{% endif %}", &params);
    assert_eq!(run(&template, &[text("new"), int(1)]).0, "SELECT 1 ORDER BY at DESC");
    assert_eq!(run(&template, &[text("old"), int(1)]), ("SELECT 1 ORDER BY at LIMIT ?".into(), "1".into()));
    assert_eq!(template.shapes().count(), 2);
    assert!(matches!(template.decide(&[text("at; DROP TABLE t"), int(1)]), Err(Refusal::Value { .. })));
}

#[test]
fn raw_text_and_trimming_keep_the_author_s_characters() {
    let template = compile("SELECT {% raw %}'{%'{% endraw %}\n  {#- gone -#}  , {{- a -}} , 1", &["a: integer"]);
    let (shape, _) = template.decide(&[int(1)]).expect("bound");
    assert_eq!(template.statement(&shape).expect("a text").text(), "SELECT '{%',?, 1");
}

#[test]
fn values_that_a_result_cannot_hold_are_refused() {
    let abs = compile("SELECT {{ n | abs }}", &["n: integer"]);
    assert!(matches!(abs.decide(&[int(i64::MIN)]), Err(Refusal::Value { param: Some(0), .. })));
    let round = compile("SELECT {{ f | round(38) }}", &["f: float"]);
    assert!(matches!(round.decide(&[Some(Value::Float(f64::MAX))]), Err(Refusal::Value { .. })));
    let replace = compile("SELECT {{ a | replace('a', b) }}", &["a: string", "b: string"]);
    let long = "a".repeat(64 * 1024);
    assert!(matches!(replace.decide(&[text(&long), text(&long)]), Err(Refusal::Value { param: None, .. })));
    let joined = compile(&format!("SELECT {{{{ {} }}}}", vec!["a"; 99].join(" ~ ")), &["a: string"]);
    assert!(matches!(joined.decide(&[text(&long)]), Err(Refusal::Value { .. })));
    let nested = compile(
        "SELECT 0{% for a in l %}{% for b in l %}{% for c in l %}, {{ c }}{% endfor %}{% endfor %}{% endfor %}",
        &["l: integer[]"],
    );
    assert!(matches!(nested.decide(&[ints(&[0; 100])]), Err(Refusal::Value { .. })));
}

#[test]
fn a_shape_of_another_template_has_no_text() {
    let other = compile("SELECT 1{% if a %}, 2{% endif %}{% if a %}, 2{% endif %}", &["a: boolean"]);
    let (shape, _) = other.decide(&[Some(Value::Boolean(true))]).expect("bound");
    let template = compile("SELECT {{ a }}", &["a: integer"]);
    assert!(matches!(template.statement(&shape), Err(Refusal::Shape { .. })));
}
