//! Bodies, forms and tests' variables, with serde_json as the judge of what is JSON.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(text: &str) -> Input<'_> {
    Input::Text(text.into())
}

fn number(digits: &str) -> Input<'_> {
    Input::Number(digits.into())
}

type Members<'a> = Vec<(Cow<'a, str>, Input<'a>)>;

/// The variables and the key of a body.
#[track_caller]
fn body(source: &str) -> (Members<'_>, Option<Cow<'_, str>>) {
    let (variables, key) = Variables::from_body(source).expect("a body");
    (variables.0, key)
}

#[track_caller]
fn refused(source: &str) -> String {
    Variables::from_body(source).expect_err("no body").0
}

#[test]
fn a_flat_object_keeps_order_forms_and_digits() {
    let (variables, key) = body(
        "\u{FEFF} {\"b\": 1.10, \"a\":\"x\\u00e9\\n\",\"c\":null,\"d\":[1e3,[true]],\r\n\t\"e\":{ \"f\" : 12345678901234567890.0 }, \"\":-0}\n",
    );
    assert_eq!(
        variables,
        [
            ("b".into(), number("1.10")),
            ("a".into(), text("xé\n")),
            ("c".into(), Input::Null),
            ("d".into(), Input::List(vec![number("1e3"), Input::List(vec![Input::Boolean(true)])])),
            ("e".into(), Input::Object("{ \"f\" : 12345678901234567890.0 }".into())),
            ("".into(), number("-0")),
        ]
    );
    assert_eq!(key, None);
}

#[test]
fn plain_text_is_borrowed_from_the_body() {
    let (variables, _) = body(r#"{"name":"Ada","n":1}"#);
    assert!(matches!(&variables[0], (Cow::Borrowed("name"), Input::Text(Cow::Borrowed("Ada")))));
    assert!(matches!(&variables[1].1, Input::Number(Cow::Borrowed("1"))));
}

#[test]
fn variables_are_unwrapped_when_nothing_but_a_key_stands_beside_them() {
    let inner = vec![("a".into(), number("1"))];
    assert_eq!(body(r#"{"variables":{"a":1}}"#), (inner.clone(), None));
    assert_eq!(body(r#"{"idempotency_key":"k","variables":{"a":1}}"#), (inner.clone(), Some("k".into())));
    assert_eq!(body(r#"{"variables":{"a":1,"idempotency_key":"k"}}"#), (inner.clone(), Some("k".into())));
    assert_eq!(
        body(r#"{"variables":{"a":1,"idempotency_key":7},"idempotency_key":"7"}"#),
        (inner.clone(), Some("7".into()))
    );
    assert_eq!(body(r#"{"a":1,"idempotency_key":"k"}"#), (inner, Some("k".into())));
    assert_eq!(body(r#"{"variables":{}}"#), (vec![], None));
    for flat in
        [r#"{"variables":{"a":1},"b":2}"#, r#"{"variables":[1]}"#, r#"{"variables":"{}"}"#, r#"{"variables":null}"#]
    {
        assert!(body(flat).0.iter().any(|(name, _)| name == "variables"), "{flat}");
    }
    let nested = r#"{"variables":{"variables":{"a":1}}}"#;
    assert_eq!(body(nested).0[0].0, "variables", "unwrapped once");
}

#[test]
fn a_key_that_means_nothing_is_none_and_one_that_is_no_text_is_refused() {
    for none in [r#"{"idempotency_key":null}"#, r#"{"idempotency_key":" \t"}"#, "{}", "", " \n", "\u{FEFF}"] {
        assert_eq!(body(none), (vec![], None), "{none:?}");
    }
    assert_eq!(refused(r#"{"idempotency_key":[1]}"#), "`idempotency_key`: expected text");
    let two = refused(r#"{"idempotency_key":"a","variables":{"idempotency_key":"b"}}"#);
    assert_eq!(two, "`idempotency_key` is sent twice, with different values");
}

#[test]
fn a_body_that_is_no_object_is_refused_with_what_it_is_and_where() {
    for (source, expected) in [
        ("[1]", "expected a JSON object, got an array"),
        ("\"a\"", "expected a JSON object, got a string"),
        (" -1", "expected a JSON object, got a number"),
        ("true", "expected a JSON object, got a boolean"),
        ("null", "expected a JSON object, got null"),
        ("a=1", "expected a JSON object, got other text"),
        ("{\"a\":1", "expected `,` or `}`, got the end at line 1, column 7"),
        ("{\"é\":1\n \"b\":2}", "expected `,` or `}`, got `\"` at line 2, column 2"),
        ("{\"a\":1,}", "expected a key in double quotes, got `}` at line 1, column 8"),
        ("{'a':1}", "expected a key in double quotes, got `'` at line 1, column 2"),
        ("{\"a\" 1}", "expected `:`, got `1` at line 1, column 6"),
        ("{\"a\":01}", "expected `,` or `}`, got `1` at line 1, column 7"),
        ("{\"a\":1.}", "a number that is not JSON at line 1, column 6"),
        ("{\"a\":-}", "a number that is not JSON at line 1, column 6"),
        ("{\"a\":[1 2]}", "expected `,` or `]`, got `2` at line 1, column 9"),
        ("{\"a\":tru}", "expected a value, got `t` at line 1, column 6"),
        ("{\"a\":NaN}", "expected a value, got `N` at line 1, column 6"),
        ("{\"a\":\"x\ny\"}", "a control character inside a string at line 1, column 8"),
        ("{\"a\":\"\\x\"}", "a string with an escape that is not JSON at line 1, column 6"),
        ("{\"a\":\"\\ud800\"}", "a string with an escape that is not JSON at line 1, column 6"),
        ("{\"a\":\"x\\", "a string without its closing quote at line 1, column 6"),
        ("{} {}", "expected the end, got `{` at line 1, column 4"),
        ("{\"a\":1,\"\\u0061\":2}", "the key `a` is here a second time at line 1, column 8"),
        ("{\"a\":[{\"b\":1,\"b\":2}]}", "the key `b` is here a second time at line 1, column 14"),
    ] {
        assert_eq!(refused(source), expected, "{source:?}");
    }
}

#[test]
fn fifty_levels_are_read_and_the_next_is_refused() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(Variables::from_json(&nested(50)).is_ok());
    assert_eq!(refused(&nested(51)), "nested deeper than 50 at line 1, column 55");
    assert!(refused(&"{\"a\":".repeat(100_000)).starts_with("nested deeper"));
}

#[test]
fn a_repeated_key_is_found_among_many() {
    let many: Vec<String> = (0..5_000).map(|at| format!("\"k{at}\":{at}")).collect();
    let source = format!("{{{}}}", many.join(","));
    assert_eq!(body(&source).0.len(), 5_000);
    for repeated in ["k0", "k15", "k16", "k4999"] {
        let source = format!("{{{},\"{repeated}\":0}}", many.join(","));
        assert!(refused(&source).starts_with(&format!("the key `{repeated}` is here a second time")));
    }
}

#[test]
fn repeated_fields_of_a_form_become_a_list() {
    let pairs = [("id", "1"), ("name", "Ada"), ("id", "2"), ("id", "3,4")];
    let variables = Variables::from_pairs(pairs.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(
        variables.0,
        [("id".into(), Input::List(vec![text("1"), text("2"), text("3,4")])), ("name".into(), text("Ada"))]
    );
}

#[test]
fn a_test_sends_what_yaml_means_with_the_digits_as_written() {
    let source =
        "a: 1.10\nb: '1'\nc: yes\nd: true\ne:\nf: 00123\ng: [1, a, [null]]\nh: { i: 1.0 }\nj: 2026-11-20\nk: 1e3\n";
    let (document, mut out) = crate::yaml::parse(source);
    let root = document.expect("YAML").root;
    let nodes: Entries<Node> = crate::yaml::read::FromNode::from_node(&root, &mut out).expect("a map");
    assert_eq!(
        Variables::from_nodes(&nodes).0.into_iter().map(|(_, input)| input).collect::<Vec<_>>(),
        [
            number("1.10"),
            text("1"),
            text("yes"),
            Input::Boolean(true),
            Input::Null,
            text("00123"),
            Input::List(vec![number("1"), text("a"), Input::List(vec![Input::Null])]),
            Input::Object("{\"i\":1.0}".into()),
            text("2026-11-20"),
            number("1e3"),
        ]
    );
}

#[test]
fn inputs_are_shown_as_they_came_even_when_they_imitate_a_number_of_serde_json() {
    let source = r#"{"a":[1.0,"x",{"b" : 1}],"c":{"$serde_json::private::Number":"x"}}"#;
    let variables = Variables::from_json(source).expect("JSON");
    assert_eq!(variables.0[0].1.to_json(), json!([json!(1.0), "x", { "b": 1 }]));
    assert_eq!(variables.0[1].1.to_json(), json!(r#"{"$serde_json::private::Number":"x"}"#));
}

/// JSON as it may be sent, keys repeated and all.
#[derive(Clone, Debug)]
enum Tree {
    Scalar(Json),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Its text; how deep it nests; and whether a key is repeated.
    fn write(&self, blank: &str, out: &mut String) -> (usize, bool) {
        let between = |at: usize| if at == 0 { String::new() } else { format!("{blank},{blank}") };
        let (mut depth, mut repeats) = (0, false);
        let mut note = |(inner, repeated): (usize, bool)| {
            depth = depth.max(inner);
            repeats |= repeated;
        };
        match self {
            Self::Scalar(value) => {
                *out += &value.to_string();
                return (0, false);
            }
            Self::List(items) => {
                *out += "[";
                for (at, item) in items.iter().enumerate() {
                    *out += &between(at);
                    note(item.write(blank, out));
                }
                *out += "]";
            }
            Self::Map(members) => {
                *out += "{";
                for (at, (key, value)) in members.iter().enumerate() {
                    *out += &format!("{}{}{blank}:", between(at), Json::from(key.as_str()));
                    note(value.write(blank, out));
                    note((0, members[..at].iter().any(|(other, _)| other == key)));
                }
                *out += "}";
            }
        }
        (depth + 1, repeats)
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    let key = || prop_oneof!["[a-z]", any::<String>()];
    let grown = scalar.prop_map(Tree::Scalar).prop_recursive(8, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
            prop::collection::vec((key(), inner), 0..5).prop_map(Tree::Map),
        ]
    });
    // A tall trunk now and then, so that both sides of the limit are met.
    let trunk = prop_oneof![3 => Just(0_usize), 1 => 40..56_usize];
    (key(), grown, trunk).prop_map(|(key, tree, trunk)| {
        let tree = (0..trunk).fold(tree, |tree, _| Tree::List(vec![tree]));
        Tree::Map(vec![(key, tree)])
    })
}

fn content(variables: &Variables<'_>) -> Json {
    Json::Object(variables.0.iter().map(|(name, input)| (name.to_string(), input.to_json())).collect())
}

proptest! {
    #[test]
    fn objects_with_unique_keys_and_at_most_fifty_levels_are_accepted_and_no_others(
        tree in tree(), blank in "[ \t\r\n]{0,2}",
    ) {
        let mut source = String::new();
        let (depth, repeats) = tree.write(&blank, &mut source);
        match Variables::from_json(&source) {
            Ok(variables) => {
                prop_assert!(depth <= 50 && !repeats);
                prop_assert_eq!(content(&variables), serde_json::from_str::<Json>(&source).expect("JSON"));
            }
            Err(error) => {
                prop_assert!(depth > 50 || repeats, "{}", error.0);
                prop_assert!(error.0.contains("nested deeper") || error.0.contains("second time"), "{}", error.0);
            }
        }
    }

    #[test]
    fn damaged_json_is_accepted_exactly_when_serde_json_accepts_it(
        tree in tree(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\",:.eE0-9tfn\\\\u \u{1}é-]{0,2}"), 1..3),
    ) {
        let mut source = String::new();
        tree.write("", &mut source);
        let mut characters: Vec<char> = source.chars().collect();
        for (at, text) in edits {
            let at = at.index(characters.len());
            characters.splice(at..=at, text.chars());
            if characters.is_empty() {
                break;
            }
        }
        let source: String = characters.into_iter().collect();
        let oracle = serde_json::from_str::<Json>(&source).ok().filter(Json::is_object);
        match (Variables::from_json(&source), oracle) {
            (Ok(variables), Some(expected)) => prop_assert_eq!(content(&variables), expected),
            (Ok(_), None) => prop_assert!(false, "accepted {source:?}"),
            (Err(error), Some(_)) => {
                prop_assert!(error.0.contains("nested deeper") || error.0.contains("second time"), "{} {source:?}", error.0);
            }
            (Err(_), None) => {}
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:.eE0-9tfn\\\\u é-]{0,60}") {
        let lossy = String::from_utf8_lossy(&bytes);
        let _ = Variables::from_body(&lossy);
        let _ = Variables::from_body(&format!("{{\"a\":{lossy}"));
        let _ = Variables::from_body(&format!("{{{text}"));
    }
}
