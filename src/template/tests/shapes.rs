//! Which texts are known at load, and where their pieces stand in the file.

use super::*;

/// The number of shapes of a template.
#[track_caller]
fn count(template: &str, params: &[&str], expected: usize) {
    assert_eq!(compile(template, params).shapes().count(), expected, "{template}");
}

#[test]
fn only_what_values_can_reach_is_a_shape() {
    count("SELECT 1{% if a %}, 2{% endif %}{% if a %}, 3{% endif %}", &["a: boolean"], 2);
    count("SELECT 1{% if n > 5 %}, 2{% if n < 3 %}, 3{% endif %}{% endif %}", &["n: integer"], 2);
    count("SELECT 1{% if n > 5 %}, 2{% elif n < 3 %}, 3{% elif n == 4 %}, 4{% endif %}", &["n: integer"], 4);
    count("SELECT 1{% if d > 1.5 %}, 2{% if d < 1.6 %}, 3{% endif %}{% endif %}", &["d: decimal"], 3);
    count("SELECT 1{% if s in ['a', 'b'] %}, 2{% if s == 'b' %}, 3{% endif %}{% endif %}", &["s: string"], 3);
    count("SELECT 1{% if s | length > 8 %}, 2{% endif %}", &["s: string"], 2);
    count("SELECT 1{% if a < b %}, 2{% elif a == b %}, 3{% endif %}", &["a: date", "b: date"], 3);
    count("SELECT 1{% if s is none %}, 2{% endif %}", &["s~: string"], 2);
    count("SELECT 1{% if s is none %}, 2{% endif %}", &["s: string"], 1);
    count("SELECT 1{% if s is defined %}, 2{% endif %}", &["s: string"], 1);
}

#[test]
fn a_text_may_meet_several_conditions() {
    let each = |conditions: &[&str]| -> String {
        let branch = |condition: &&str| format!("{{% if {condition} %}}, 2{{% endif %}}");
        format!("SELECT 1{}", conditions.iter().map(branch).collect::<String>())
    };
    count(&each(&["'b' in s", "'c' in s", "'de' in s"]), &["s: string"], 8);
    count(&each(&["'b' in s", "s | length > 8"]), &["s: string"], 4);
    count(&each(&["s | upper == 'AB'", "s == 'AB'"]), &["s: string"], 3);
    count(&each(&["s | trim == 'ab'", "s == 'ab'"]), &["s: string"], 3);
}

#[test]
fn lists_are_tried_with_up_to_three_elements() {
    count("SELECT 1{% for x in l %}, {{ x }}{% endfor %}", &["l: integer[]"], 3);
    count("SELECT 1 WHERE 1 IN ({{ l | spread }})", &["l: integer[]"], 3);
    count("SELECT 1{% if l %} WHERE 1 IN ({{ l | spread }}){% endif %}", &["l: integer[]"], 4);
    count("SELECT 1{% for x in l %}{% if x > 0 %}, {{ x }}{% endif %}{% endfor %}", &["l: integer[]"], 2 + 4 + 8);
    count(
        "SELECT 1{% for x in l %}{% if x == n %}, {{ x }}{% endif %}{% endfor %}",
        &["l: integer[]", "n: integer"],
        14,
    );
    count("SELECT 1{% for x in l %}{% if not loop.last %}, {{ x }}{% endif %}{% endfor %}", &["l: integer[]"], 3);
}

#[test]
fn parameters_multiply_only_where_they_decide_together() {
    let names: Vec<String> = (0..60).map(|n| format!("p{n}?: string")).collect();
    let params: Vec<&str> = names.iter().map(String::as_str).collect();
    let chain: String = (1..60).map(|n| format!("{{% elif p{n} is defined %}}, {{{{ p{n} }}}}")).collect();
    count(&format!("SELECT 1{{% if p0 is defined %}}, {{{{ p0 }}}}{chain}{{% endif %}}"), &params, 61);
    let bound: String = (0..60).map(|n| format!(", {{{{ p{n} | default('x') }}}}")).collect();
    count(&format!("SELECT 1{bound}"), &params, 1);
}

#[test]
fn a_text_leads_back_to_the_file() {
    let (text, source) = text_of("SELECT a{% if b is defined %}, {{ b }}{% endif %}\nFROM t ORDER BY {{ c }} LIMIT 1");
    let params = [param("b?: integer"), param("c: choice up=at ASC")];
    let mut out = Vec::new();
    let template = Template::compile(&text, Dialect::Sqlite, &params, &mut out).expect("a template");
    let shape = template.shape_texts().find(|shape| !shape.placeholders.is_empty()).expect("a shape with the branch");
    assert_eq!(shape.text, "SELECT a, ?\nFROM t ORDER BY at ASC LIMIT 1");
    let place = |piece: &str| {
        let start = shape.text.find(piece).expect("a piece of the text");
        &source.text[shape.span_of(start..start + piece.len()).range()]
    };
    assert_eq!(place("SELECT"), "SELECT");
    assert_eq!(place("FROM"), "FROM");
    assert_eq!(place("?"), "{{ b }}");
    assert_eq!(place("LIMIT 1"), "LIMIT 1");
    assert_eq!(place("a, "), "a{% if b is defined %}, ");
    let choice = shape.text.find("at ASC").expect("the choice");
    assert_eq!(shape.span_of(choice..choice + 2), params[1].choices[0].1.span_of(0..2));
    assert_eq!(template.shape_texts().count(), template.shapes().count());
}
