//! Every error of an author, at its exact place.

use super::*;

/// The help of the first diagnostic.
#[track_caller]
fn help(template: &str, params: &[&str]) -> String {
    help_for(Dialect::Postgres, template, params)
}

#[track_caller]
fn help_for(dialect: Dialect, template: &str, params: &[&str]) -> String {
    let params: Vec<Param> = params.iter().map(|written| param(written)).collect();
    let mut out = Vec::new();
    Template::compile(&text_of(template).0, dialect, &params, &mut out);
    out.first().and_then(|found| found.help.clone()).unwrap_or_else(|| panic!("{template}: {}", messages(&out)))
}

#[test]
fn everything_else_of_jinja_is_an_error_at_its_place() {
    for (template, place) in [
        ("SELECT {% set x = 1 %} 1", "set x = 1"),
        ("SELECT {% set x %}a{% endset %} 1", "set x %}a{% endset"),
        ("SELECT {% macro m(a) %}a{% endmacro %} 1", "macro m(a) %}a{% endmacro"),
        ("SELECT {% include 'x' %} 1", "include 'x'"),
        ("{% extends 'x' %} SELECT 1", "extends 'x'"),
        ("{% import 'x' as y %} SELECT 1", "import 'x' as y"),
        ("{% from 'x' import y %} SELECT 1", "from 'x' import y"),
        ("{% block b %}SELECT 1{% endblock %}", "block b %}SELECT 1{% endblock"),
        ("SELECT {% call f() %}a{% endcall %} 1", "call f() %}a{% endcall"),
        ("SELECT {% filter upper %}a{% endfilter %}", "filter upper %}a{% endfilter"),
        ("SELECT {% with a = 1 %}1{% endwith %}", "with a = 1 %}1{% endwith"),
        ("SELECT {% autoescape true %}1{% endautoescape %}", "autoescape true %}1{% endautoescape"),
        ("SELECT {% do f() %}1", "do f()"),
        ("SELECT {{ a + 1 }}", "a + 1"),
        ("SELECT {{ (a * 2) | round }}", "a * 2"),
        ("SELECT {{ -a }}", "-a"),
        ("SELECT {{ a if a else b }}", "a if a else b"),
        ("SELECT {{ ',' if not loop.last }}", "',' if not loop.last"),
        ("SELECT {{ now() }}", "now()"),
        ("SELECT {{ b.upper() }}", "b.upper()"),
        ("SELECT {{ b[0] }}", "b[0]"),
        ("SELECT {{ b[1:2] }}", "b[1:2]"),
        ("SELECT {{ b.name }}", "b.name"),
        ("SELECT {{ [a] }}", "[a]"),
        ("SELECT {{ {'a': a} }}", "{'a': a}"),
        ("SELECT {{ a or b }}", "a or b"),
        ("SELECT {{ loop.first }}", "loop.first"),
        ("SELECT {{ loop }}", "loop"),
        ("SELECT 1{% if 1 < a < 3 %}{% endif %}", "1 < a < 3"),
        ("SELECT 1{% if a is divisibleby(3) %}{% endif %}", "3"),
        ("SELECT 1{% for x in l if x %}{% endfor %}", "x"),
        ("SELECT 1{% for x in l recursive %}{% endfor %}", "for x in l"),
        ("SELECT 1{% for x in l %}{% else %}, 2{% endfor %}", "for x in l"),
        ("SELECT 1{% for x, y in l %}{% endfor %}", "x, y"),
        ("SELECT 1{% for x in l %}{% break %}{% endfor %}", "break"),
        ("SELECT 1{% for x in l %}{% continue %}{% endfor %}", "continue"),
        ("SELECT 1{% for x in l %}, {{ loop.index0 }}{% endfor %}", "loop.index0"),
        ("SELECT {{ a | round(precision=2) }}", "2"),
    ] {
        let params = ["a: integer", "b: string", "l: integer[]"];
        check(template, &params, &format!("template-unsupported @ {place}"));
        assert!(!help_for(Dialect::Sqlite, template, &params).is_empty());
    }
}

#[test]
fn all_errors_are_reported_and_not_only_the_first() {
    check(
        "SELECT {{ fone }}, {{ a | lowr }}, {{ 1 }}, {{ a + 1 }}, {{ b }}",
        &["a: integer", "b?: integer", "phone: string"],
        "unknown-parameter @ fone\nunknown-filter @ lowr\nconstant-placeholder @ {{ 1 }}\n\
         template-unsupported @ a + 1\npossibly-undefined @ b",
    );
}

#[test]
fn an_error_of_syntax_is_shown_where_reading_stopped() {
    check("SELECT {{ a }", &["a: integer"], "template-syntax @ }");
    check("SELECT {{ a b }}", &["a: integer"], "template-syntax @ b");
    check("SELECT {% fi a %}1", &["a: integer"], "template-syntax @ fi");
    check("SELECT {{ 'a }}", &["a: integer"], "template-syntax @ ");
    check("SELECT {# a", &["a: integer"], "template-syntax @ ");
}

#[test]
fn a_block_that_is_never_closed_is_shown_where_it_begins() {
    for (template, place) in [
        ("SELECT {% if a %}1", "{% if a %}"),
        ("SELECT {% if a %}1{% endif %}{%- if b == 2 %}3", "{%- if b == 2 %}"),
        ("SELECT {% for x in l %}{{ x }}{% if a %}1{% endif %}", "{% for x in l %}"),
    ] {
        check(template, &["a: integer", "b: integer", "l: integer[]"], &format!("template-syntax @ {place}"));
    }
    assert_eq!(help("SELECT {% if a %}1", &["a: integer"]), "write `{% endif %}` where it ends");
    check("SELECT {% if a", &["a: integer"], "template-syntax @ a");
}

#[test]
fn slips_of_other_languages_get_a_hint() {
    for (template, hint) in [
        ("SELECT {% if a == 1 %}1{% elseif a == 2 %}2{% endif %}", "`elif`"),
        ("SELECT {% if a = 1 %}1{% endif %}", "`==`"),
        ("SELECT {{ a }", "`}}`"),
        ("SELECT 1 {% endif %}", "no `if` or `for`"),
    ] {
        let found = help(template, &["a: integer"]);
        assert!(found.contains(hint), "{template}: {found}");
    }
}

#[test]
fn sql_that_is_jinja_s_syntax_gets_its_own_hint() {
    for template in ["SELECT '{{1,2},{3,4}}'", "SELECT ARRAY{{1,2},{3,4}}", "SELECT '{{a,b},{c,d}}'"] {
        assert!(help(template, &[]).contains("ARRAY[["), "{template}");
    }
    for template in ["SELECT 1 WHERE a LIKE '{%' AND b = 1", "SELECT 1 WHERE a LIKE '{#%'", "SELECT 'a{{'"] {
        assert!(help(template, &[]).contains("{% raw %}"), "{template}");
    }
}

#[test]
fn unknown_names_get_a_suggestion() {
    check("SELECT {{ custmer }}", &["customer: integer"], "unknown-parameter @ custmer");
    assert_eq!(help("SELECT {{ custmer }}", &["customer: integer"]), "did you mean `customer`?");
    check("SELECT {{ a | uper }}", &["a: string"], "unknown-filter @ uper");
    assert_eq!(help("SELECT {{ a | uper }}", &["a: string"]), "did you mean `upper`?");
    assert!(help("SELECT {{ a | safe }}", &["a: string"]).contains("bound"));
    check("SELECT 1{% if a is defind %}{% endif %}", &["a: string"], "unknown-filter @ defind");
    assert_eq!(help("SELECT 1{% if a is null %}{% endif %}", &["a: string"]), "write `is none`");
}

#[test]
fn comparing_different_classes_of_types_is_an_error() {
    let params = [
        "s: string",
        "i: integer",
        "d: decimal",
        "b: boolean",
        "day: date",
        "u: uuid",
        "j: json",
        "l: integer[]",
        "f: float",
        "c: choice up=ASC, down=DESC",
    ];
    for (condition, expected) in [
        ("i == '5'", "type-mismatch @ i == '5'"),
        ("s == 5", "type-mismatch @ s == 5"),
        ("s < i", "type-mismatch @ s < i"),
        ("b == 1", "type-mismatch @ b == 1"),
        ("b < true", "type-mismatch @ b < true"),
        ("u < u", "type-mismatch @ u < u"),
        ("day == '2026-01-01'", "type-mismatch @ day == '2026-01-01'"),
        ("j == 'x'", "type-mismatch @ j == 'x'"),
        ("l == 1", "type-mismatch @ l == 1"),
        ("s in l", "type-mismatch @ s in l"),
        ("i in s", "type-mismatch @ i in s"),
        ("i in [1, 'a']", "type-mismatch @ 'a'"),
        ("i not in ['a']", "type-mismatch @ 'a'"),
        ("i < none", "type-mismatch @ i < none"),
        ("i | upper == 'A'", "type-mismatch @ i"),
        ("s | abs == 1", "type-mismatch @ s"),
        ("i | length == 1", "type-mismatch @ i"),
        ("s | replace(1, 'a') == 'b'", "type-mismatch @ 1"),
        ("s | upper(1) == 'b'", "type-mismatch @ upper(1)"),
        ("(s ~ 'a') is defined", "type-mismatch @ s ~ 'a'"),
        ("i | default('a') == 1", "type-mismatch @ 'a'"),
        ("c == 5", "type-mismatch @ c == 5"),
        ("c == 'upp'", "choice-misused @ 'upp'"),
        ("c < 'up'", "choice-misused @ c"),
        ("c", "choice-misused @ c"),
        ("c | upper == 'UP'", "choice-misused @ c"),
        ("'a' in c", "choice-misused @ c"),
        ("f == 1e999", "type-mismatch @ 1e999"),
        ("i == 99999999999999999999", "type-mismatch @ 99999999999999999999"),
    ] {
        check(&format!("SELECT 1{{% if {condition} %}}, 2{{% endif %}}"), &params, expected);
    }
    for condition in
        ["i == d", "i == 1.5", "c == 'up'", "c in ['up']", "c is defined", "s == none", "l | length > 1", "c == s"]
    {
        compile(&format!("SELECT 1{{% if {condition} %}}, 2{{% endif %}}"), &params);
    }
    assert_eq!(help("SELECT 1{% if i == '5' %}{% endif %}", &params), "write `5` without quotes");
    assert_eq!(help("SELECT 1{% if s == 5 %}{% endif %}", &params), "write `'5'`");
}

#[test]
fn what_is_bound_must_be_one_value_from_the_caller() {
    let params = ["a: string", "b: boolean", "l: string[]", "c: choice up=ASC", "f: float"];
    check("SELECT {{ 1 }}", &params, "constant-placeholder @ {{ 1 }}");
    check("SELECT {{ 'a' ~ 'b' }}", &params, "constant-placeholder @ {{ 'a' ~ 'b' }}");
    check("SELECT {{ none }}", &params, "constant-placeholder @ {{ none }}");
    check("SELECT {{ l }}", &params, "list-needs-spread @ {{ l }}");
    check_for(Dialect::Mysql, "SELECT {{ l }}", &params, "list-needs-spread @ {{ l }}");
    check("SELECT {{ a | spread }}", &params, "type-mismatch @ {{ a | spread }}");
    check("SELECT {{ l | spread | length }}", &params, "template-unsupported @ spread");
    check("SELECT {{ c ~ 'x' }}", &params, "choice-misused @ c");
    check("SELECT {{ a | default(c) }}", &params, "choice-misused @ c");
    check("SELECT {{ f ~ 'x' }}", &params, "type-mismatch @ f");
    check("SELECT {{ 'x' ~ b }}", &params, "type-mismatch @ b");
    check("SELECT 1{% for x in a %}, {{ x }}{% endfor %}", &params, "type-mismatch @ a");
}

#[test]
fn a_parameter_that_can_be_undefined_is_reported_on_the_paths_where_it_can() {
    let params = ["a?: string", "b?: string", "l?: integer[]", "n: string"];
    for (template, expected) in [
        ("SELECT {{ a }}", "possibly-undefined @ a"),
        ("SELECT {{ a }}, {{ a }}", "possibly-undefined @ a\npossibly-undefined @ a"),
        ("SELECT {{ a | upper }}", "possibly-undefined @ a"),
        ("SELECT {{ 'x' ~ a }}", "possibly-undefined @ a"),
        ("SELECT {{ a | default(b) }}", "possibly-undefined @ b"),
        ("SELECT {{ a | upper | default('x') }}", "possibly-undefined @ a"),
        ("SELECT {{ n | replace('a', a) }}", "possibly-undefined @ a"),
        ("SELECT 1 WHERE 1 IN ({{ l | spread }})", "possibly-undefined @ l"),
        ("SELECT 1{% for x in l %}, {{ x }}{% endfor %}", "possibly-undefined @ l"),
        ("SELECT 1{% if a | length > 3 %}, 2{% endif %}", "possibly-undefined @ a"),
        ("SELECT 1{% if a is defined or b is defined %}, {{ a }}{% endif %}", "possibly-undefined @ a"),
        ("SELECT 1{% if b is defined %}, {{ a }}{% endif %}", "possibly-undefined @ a"),
        ("SELECT 1{% if a is defined %}{% else %}, {{ a }}{% endif %}", "possibly-undefined @ a"),
        ("SELECT 1{% if a != 'x' %}, {{ a }}{% endif %}", "possibly-undefined @ a"),
    ] {
        check(template, &params, expected);
    }
    for template in [
        "SELECT {{ a | default('x') }}",
        "SELECT {{ a | default(b) | default('x') }}",
        "SELECT 1{% if a is defined %}, {{ a }}{% endif %}",
        "SELECT 1{% if a %}, {{ a }}{% endif %}",
        "SELECT 1{% if a == 'x' %}, {{ a }}{% endif %}",
        "SELECT 1{% if a is undefined %}{% else %}, {{ a | upper }}{% endif %}",
        "SELECT 1{% if not (a is undefined or b is undefined) %}, {{ a ~ b }}{% endif %}",
        "SELECT 1{% if a is defined and a | length > 3 %}, 2{% endif %}",
        "SELECT 1{% if l %}{% for x in l %}, {{ x }}{% endfor %}{% endif %}",
        "SELECT {{ a is defined }}, {{ a == 'x' }}",
    ] {
        compile(template, &params);
    }
    assert!(help("SELECT {{ a }}", &params).contains("{% if a is defined %}"));
    assert!(help("SELECT 1 WHERE 1 IN ({{ l | spread }})", &params).contains("{% if l %}"));
}

#[test]
fn patterns_need_escape_where_the_dialect_has_no_escape_character() {
    let params = ["a: string"];
    let like = "SELECT 1 WHERE 'x' LIKE {{ a | contains }}";
    check(like, &params, "like-escape @ {{ a | contains }}");
    check_for(Dialect::Snowflake, like, &params, "like-escape @ {{ a | contains }}");
    check(&format!("{like} ESCAPE '\\\\'"), &params, "like-escape @ '\\\\'");
    compile(&format!("{like} ESCAPE '\\'"), &params);
    compile("SELECT 1 WHERE 'x' LIKE lower({{ a | contains }})\n escape '\\'", &params);
    compile_for(Dialect::Snowflake, &format!("{like} ESCAPE '\\\\'"), &params);
    compile_for(Dialect::Postgres, like, &params);
    compile_for(Dialect::Mysql, like, &params);
    assert!(help_for(Dialect::Sqlite, like, &params).contains(r"ESCAPE '\'"));
}

#[test]
fn too_many_shapes_say_which_conditions_multiply() {
    let names: Vec<String> = (0..11).map(|n| format!("p{n}?: string")).collect();
    let params: Vec<&str> = names.iter().map(String::as_str).collect();
    let body: String = (0..11).map(|n| format!("{{% if p{n} is defined %}}, {{{{ p{n} }}}}{{% endif %}}")).collect();
    let mut out = Vec::new();
    let declared: Vec<Param> = params.iter().map(|written| param(written)).collect();
    Template::compile(&text_of(&format!("SELECT 1{body}")).0, Dialect::Sqlite, &declared, &mut out);
    assert_eq!(out.len(), 1, "{}", messages(&out));
    assert_eq!(out[0].rule.name, "too-many-shapes");
    assert!(out[0].message.contains("`p0 is defined` (2) × `p1 is defined` (2)"), "{}", out[0].message);
}

#[test]
fn what_could_overflow_a_stack_is_refused() {
    let params = ["a: string", "b: boolean"];
    let large = |template: &str| {
        let mut out = Vec::new();
        let declared: Vec<Param> = params.iter().map(|written| param(written)).collect();
        Template::compile(&text_of(template).0, Dialect::Sqlite, &declared, &mut out);
        assert!(!out.is_empty(), "{}", &template[..40]);
        assert!(
            out.iter().all(|found| ["template-too-large", "template-syntax"].contains(&found.rule.name)),
            "{out:?}"
        );
    };
    for terms in [101, 499, 2_000] {
        large(&format!("SELECT {{{{ {} }}}}", vec!["a"; terms].join(" ~ ")));
    }
    large(&format!("SELECT {{% if {} %}}{{% endif %}}", vec!["b"; 400].join(" and ")));
    large(&format!("SELECT {{% if {} b %}}{{% endif %}}", "not ".repeat(5_000)));
    large(&format!("SELECT {{{{ {} 1 }}}}", "- ".repeat(10_000)));
    large(&format!("SELECT {{{{ a{} }}}}", " | upper".repeat(3_000)));
    large(&format!("SELECT {{{{ a{} }}}}", "[0]".repeat(9_000)));
    large(&format!("SELECT {{{{ {}a }}}}", "(".repeat(20_000)));
    large(&format!("SELECT {{% if b %}}{}{{% endif %}}", "{% elif b %}".repeat(2_500)));
    large(&format!("SELECT {}", "{% if b %}".repeat(3_000)));
    large(&format!("SELECT '{}'", "x".repeat(MAX_TEMPLATE_BYTES)));
}

#[test]
fn an_unreadable_parameter_is_not_reported_a_second_time() {
    let mut declared = param("a: string");
    declared.ty = None;
    let mut out = Vec::new();
    let found = Template::compile(&text_of("SELECT {{ a | abs }}").0, Dialect::Sqlite, &[declared], &mut out);
    assert!(found.is_none() && out.is_empty(), "{}", messages(&out));
}
