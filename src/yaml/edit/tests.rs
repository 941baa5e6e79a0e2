//! Changes of files in every style.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::yaml::write::tests::values;

/// Walks to a value: by names, and by numbers where they are numbers.
fn find<'a>(editor: &Editor<'a>, document: &'a Document, path: &str) -> Slot<'a> {
    path.split('/').filter(|step| !step.is_empty()).fold(editor.root(document), |slot, step| {
        let children = editor.children(slot);
        let by_name = children.iter().find(|(name, _)| *name == Some(step));
        by_name.or_else(|| children.get(step.parse::<usize>().ok()?)).unwrap_or_else(|| panic!("no {step} in {path}")).1
    })
}

/// The document with another value at a path; `None` takes the child out of its list or map.
fn with(mut document: Json, path: &str, value: Option<Json>) -> Json {
    let pointer = format!("/{path}");
    match value {
        Some(value) => *document.pointer_mut(&pointer).expect("it is there") = value,
        None => {
            let (parent, name) = pointer.rsplit_once('/').expect("a parent");
            match document.pointer_mut(parent).expect("it is there") {
                Json::Array(items) => drop(items.remove(name.parse().expect("a number"))),
                Json::Object(members) => drop(members.shift_remove(name)),
                other => panic!("{other}"),
            }
        }
    }
    document
}

fn replaced(source: &str, path: &str, value: Json) -> Option<String> {
    let document = parse(source).0.expect("YAML");
    let mut editor = Editor::new(source);
    editor.replace(find(&editor, &document, path), &value);
    apply(source, &editor.into_edits(), &with(document.root.to_json(), path, Some(value)))
}

/// Replaces a value and compares the new text.
fn replace(source: &str, path: &str, value: Json, expected: &str) {
    assert_eq!(replaced(source, path, value).as_deref(), Some(expected), "{source}");
}

/// Takes children of a value out and adds others.
fn resize(source: &str, path: &str, gone: &[usize], new: &[(Option<&str>, Json)], expected: &str) {
    let document = parse(source).0.expect("YAML");
    let mut editor = Editor::new(source);
    let new: Vec<Child> =
        new.iter().map(|(name, value)| Child { name: name.map(str::to_owned), value: value.clone() }).collect();
    editor.resize(find(&editor, &document, path), gone, &new);
    let wanted = parse(expected).0.expect("YAML").root.to_json();
    assert_eq!(apply(source, &editor.into_edits(), &wanted).as_deref(), Some(expected), "{source}");
}

#[test]
fn a_scalar_keeps_its_quotes_its_comment_and_its_neighbours() {
    replace("a: 1 # one\nb:  2\n", "a", json!(10), "a: 10 # one\nb:  2\n");
    replace("a: 'x' # one\n", "a", json!("it's"), "a: 'it''s' # one\n");
    replace("a: \"x\"\n", "a", json!("z"), "a: \"z\"\n");
    replace("a: 2026-11-20\n", "a", json!("2026-11-21"), "a: 2026-11-21\n");
    replace("a: x\n", "a", json!("yes"), "a: \"yes\"\n");
    replace("a: 'x'\n", "a", json!("a\nb"), "a: \"a\\nb\"\n");
    replace("a: 1\n", "a", json!("2026-11-20"), "a: \"2026-11-20\"\n");
    replace("{\"a\":1,\"b\":x}\n", "b", json!("a, b"), "{\"a\":1,\"b\": \"a, b\"}\n");
    replace("- 1\n- x: { y: [1, 2] }\n", "1/x/y/0", json!(null), "- 1\n- x: { y: [null, 2] }\n");
    replace("a:\nb: 1\n", "a", json!(5), "a: 5\nb: 1\n");
    replace("a: # why\nb: 1\n", "b", json!("x"), "a: # why\nb: x\n");
}

#[test]
fn a_block_stays_one_where_it_can() {
    replace("a: |\n  x\n  y\n# end\nb: 1\n", "a", json!("z\n\n w\n"), "a: |\n  z\n\n   w\n# end\nb: 1\n");
    replace("a: |\n  x\n", "a", json!("z \nw"), "a: \"z \\nw\"\n");
    replace("a:\n- |-\n  \u{a0}\nb: 1\n", "b", json!(2), "a:\n- |-\n  \u{a0}\nb: 2\n");
    replace("a: |\n  x\n", "a", json!("z\nw"), "a: |-\n  z\n  w\n");
    replace("a: |\n  x\nb: 1\n", "a", json!(" z\n"), "a: \" z\\n\"\nb: 1\n");
    replace("a: >-\n  x\n  y\nb: 1\n", "a", json!("z w"), "a: z w\nb: 1\n");
    replace("a: |\n  x\nb: 1\n", "a", json!(7), "a: 7\nb: 1\n");
    replace("a: 1\r\nb: |\r\n  x\r\n  y\r\n", "b", json!("z\nw\n"), "a: 1\r\nb: |\r\n  z\r\n  w\r\n");
}

#[test]
fn lists_and_maps_are_written_on_one_line_or_on_several() {
    replace("a: {}\nb: 1\n", "a", json!({ "x": [1, "two"] }), "a: { x: [1, two] }\nb: 1\n");
    let long = "x".repeat(90);
    replace("a: {} # c\n", "a", json!({ "x": "z" }), "a: { x: z } # c\n");
    replace("a: {} # c\n# d\n", "a", json!({ "x": [long, 1] }), &format!("a: # c\n  x: [{long}, 1]\n# d\n"));
    replace(
        "- a: {}\n  b: 1\n",
        "0/a",
        json!({ "m": 1, "rows": [{ "x": long, "z": 1 }] }),
        &format!("- a:\n    m: 1\n    rows:\n      - x: {long}\n        z: 1\n  b: 1\n"),
    );
    replace("[a, { b: [] }]\n", "1/b", json!([long.clone(), 1]), &format!("[a, {{ b: [{long}, 1] }}]\n"));
    replace("a:\n  - 1\n  - 2\nb: 1\n", "a", json!([]), "a: []\nb: 1\n");
    replace("- - 1\n  - 2\n- 3\n", "0", json!({}), "- {}\n- 3\n");
    replace("- |\n  a\n- 3\n", "0", json!({ "x": long, "z": 1 }), &format!("- x: {long}\n  z: 1\n- 3\n"));
}

#[test]
fn children_come_and_go() {
    resize("a: [1, 2, 3]\n", "a", &[1, 2], &[], "a: [1]\n");
    resize("a: [1, 2]\n", "a", &[], &[(None, json!({ "x": 1 }))], "a: [1, 2, { x: 1 }]\n");
    resize("a: [\n  1,\n  2 # two\n]\n", "a", &[], &[(None, json!(3))], "a: [\n  1,\n  2,\n  3 # two\n]\n");
    resize("- 1 # one\n- 2 # two\n# end\n", "", &[1], &[], "- 1 # one\n# end\n");
    resize(
        "a:\n- x: 1 # one\n  y: 2\nb: 1\n",
        "a",
        &[],
        &[(None, json!({ "x": 2 }))],
        "a:\n- x: 1 # one\n  y: 2\n- x: 2\nb: 1\n",
    );
    resize(
        "a:\n  - { x: 1 } # one\n",
        "a",
        &[],
        &[(None, json!({ "x": 2 }))],
        "a:\n  - { x: 1 } # one\n  - { x: 2 }\n",
    );
    resize("a:\n- { x: 1 }\n- [2] # gone\n", "a", &[1], &[(None, json!(3))], "a:\n- { x: 1 }\n- 3\n");
    resize("- x: 1 # gone\n  y: 2\n  z: 3\n", "0", &[0, 2], &[(Some("w"), json!("a"))], "- y: 2\n  w: a\n");
    resize("{ x: 1, y: 2, z: 3 }\n", "", &[0], &[(Some("w x"), json!([]))], "{ y: 2, z: 3, w x: [] }\n");
    resize("a: |\n  x\n\nb: 1\n", "", &[0], &[], "b: 1\n");
    resize("- |-\n  \u{a0}\n", "", &[], &[(None, json!(1))], "- |-\n  \u{a0}\n- 1\n");
    resize("a: 1\r\nb: |\r\n  x\r\n", "", &[], &[(Some("c"), json!(1))], "a: 1\r\nb: |\r\n  x\r\nc: 1\r\n");
}

#[test]
fn what_would_change_something_else_is_refused() {
    assert_eq!(replaced("a: &x 1\nb: *x\n", "a", json!(2)), None);
    assert_eq!(replaced("a: &x 1\nb: *x\n", "b", json!(2)), None);
    assert_eq!(replaced("a: &x { y: 1 }\nb: *x\n", "b/y", json!(2)), None);
    // Comments inside of what is replaced would be lost.
    assert_eq!(replaced("a:\n  # why\n  - 1\n  - 2\n", "a", json!(2)), None);
    let edits =
        [Edit { place: 0..1, text: "a".into(), gone: false }, Edit { place: 0..1, text: "a".into(), gone: false }];
    assert_eq!(apply("a: 1\n", &edits, &json!({ "a": 1 })), None);
}

/// A value in a style that `dice` chooses, its lines from a column on; each scalar with a comment where lines can have one.
fn styled(value: &Json, column: usize, dice: &mut impl Iterator<Item = u8>) -> Vec<String> {
    let indent = " ".repeat(column);
    let mut roll = |sides: u8| dice.next().unwrap_or_default() % sides;
    let first = |lines: Vec<String>, start: String| {
        let mut lines = lines.into_iter();
        let head = lines.next().unwrap_or_default();
        std::iter::once(start + head.trim_start()).chain(lines).collect::<Vec<String>>()
    };
    match value {
        Json::Array(items) if !items.is_empty() && roll(3) > 0 => items
            .iter()
            .flat_map(|item| {
                let lines = styled(item, column + 2, dice);
                first(lines, format!("{indent}- "))
            })
            .collect(),
        Json::Object(members) if !members.is_empty() && roll(3) > 0 => members
            .iter()
            .flat_map(|(name, value)| {
                let key = format!("{indent}{}:", write::text(name));
                let lines = styled(value, column + 2, dice);
                let block =
                    matches!(value, Json::Array(_) | Json::Object(_)) && !lines[0].trim_start().starts_with(['[', '{']);
                if block { [vec![key], lines].concat() } else { first(lines, key + " ") }
            })
            .collect(),
        Json::String(text) => match roll(4) {
            0 if !text.contains(write::is_hidden) => vec![format!("{indent}'{}' # a", text.replace('\'', "''"))],
            1 => vec![format!("{indent}{} # b", Json::from(write::text(text)).as_str().expect("text"))],
            2 => match literal(text, column) {
                Some(block) => block.split('\n').map(str::to_owned).collect(),
                None => vec![indent + &write::text(text)],
            },
            _ => vec![indent + &write::text(text)],
        },
        value => vec![format!("{indent}{} # c", write::flow(value))],
    }
}

/// The paths of all values in a value but the whole.
fn paths(value: &Json, path: &str, found: &mut Vec<String>) {
    let mut child = |name: String, value: &Json| {
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        found.push(path.clone());
        paths(value, &path, found);
    };
    match value {
        Json::Array(items) => items.iter().enumerate().for_each(|(at, value)| child(at.to_string(), value)),
        Json::Object(members) => members.iter().for_each(|(name, value)| child(name.clone(), value)),
        _ => {}
    }
}

/// Values whose names are harmless in the paths of this test.
fn documents() -> impl Strategy<Value = Json> {
    fn renamed(value: Json) -> Json {
        match value {
            Json::Array(items) => items.into_iter().map(renamed).collect(),
            Json::Object(members) => {
                let named = |(at, value): (usize, Json)| (format!("k{at}"), renamed(value));
                Json::Object(members.into_iter().map(|(_, value)| value).enumerate().map(named).collect())
            }
            value => value,
        }
    }
    prop::collection::vec(values(), 2..5).prop_map(|values| {
        Json::Object(values.into_iter().map(renamed).enumerate().map(|(at, value)| (format!("k{at}"), value)).collect())
    })
}

proptest! {
    #[test]
    fn any_value_takes_the_place_of_any_other_in_every_style(
        document in documents(),
        value in values(),
        dice in prop::collection::vec(any::<u8>(), 60),
        pick in any::<prop::sample::Index>(),
    ) {
        let source = styled(&document, 0, &mut dice.into_iter()).join("\n") + "\n";
        let (parsed, found) = parse(&source);
        prop_assert!(found.is_empty(), "{source}\n{found:?}");
        prop_assert_eq!(&parsed.expect("YAML").root.to_json(), &document, "{}", source);
        let mut all = Vec::new();
        paths(&document, "", &mut all);
        let path = pick.get(&all);
        let new = replaced(&source, path, value.clone());
        // A block of lines with comments in it is not replaced as a whole: they would be lost.
        let old = document.pointer(&format!("/{path}")).expect("it is there");
        let loses = matches!(old, Json::Array(_) | Json::Object(_)) && source.contains('#');
        prop_assert!(new.is_some() || loses, "{path} of\n{source}\nto {value}");
    }

    #[test]
    fn any_child_goes_and_another_comes_in_every_style(
        document in documents(),
        value in values(),
        dice in prop::collection::vec(any::<u8>(), 60),
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let source = styled(&document, 0, &mut dice.into_iter()).join("\n") + "\n";
        let parsed = parse(&source).0.expect("YAML");
        let mut all = vec![String::new()];
        paths(&document, "", &mut all);
        let several = |path: &&String| match document.pointer(&slashed(path)).expect("it is there") {
            Json::Array(items) => items.len() > 1,
            Json::Object(members) => members.len() > 1,
            _ => false,
        };
        let all: Vec<&String> = all.iter().filter(several).collect();
        let path = *pick.get(&all);
        let mut editor = Editor::new(&source);
        let slot = find(&editor, &parsed, path);
        let children = editor.children(slot);
        let gone = at.index(children.len());
        let name = children[0].0.map(|_| "new".to_owned());
        let mut wanted = document.clone();
        match wanted.pointer_mut(&slashed(path)).expect("it is there") {
            Json::Array(items) => {
                items.remove(gone);
                items.push(value.clone());
            }
            Json::Object(members) => {
                members.shift_remove(children[gone].0.expect("a name"));
                members.insert("new".into(), value.clone());
            }
            other => panic!("{other}"),
        }
        editor.resize(slot, &[gone], &[Child { name, value }]);
        let new = apply(&source, &editor.into_edits(), &wanted);
        prop_assert!(new.is_some(), "{gone} of {path} of\n{source}\nfor {wanted}");
    }
}

fn slashed(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("/{path}") }
}
