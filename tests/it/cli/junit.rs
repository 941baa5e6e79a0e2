//! `datadip test --format junit`: well-formed, and in the form that CI services take.

use roxmltree::{Document, Node};

use super::{Printed, check_in, replace, starter, write};

/// What the schema of Jenkins' JUnit reports (junit-10.xsd of its xUnit plugin) allows of what is used here, and `file` and
/// `line`, which GitLab and others read: an element, its attributes (those with `!` must be there) and its children.
const SCHEMA: &[(&str, &[&str], &[&str])] = &[
    ("testsuites", &["name", "tests", "failures", "errors", "skipped", "time"], &["testsuite"]),
    ("testsuite", &["!name", "!tests", "file", "failures", "errors", "skipped", "time"], &["testcase"]),
    ("testcase", &["!name", "!classname", "file", "line", "time"], &["skipped", "error", "failure", "system-out"]),
    ("skipped", &["message"], &[]),
    ("error", &["message", "type"], &[]),
    ("failure", &["message", "type"], &[]),
    ("system-out", &[], &[]),
];

fn validate(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let rule = SCHEMA.iter().find(|(element, ..)| *element == name);
    let (_, attributes, children) = rule.unwrap_or_else(|| panic!("<{name}> is not allowed"));
    for attribute in node.attributes() {
        let known = attributes.iter().any(|known| known.trim_start_matches('!') == attribute.name());
        assert!(known, "<{name}> has no {}", attribute.name());
        if matches!(attribute.name(), "tests" | "failures" | "errors" | "skipped" | "line") {
            attribute.value().parse::<u32>().expect("a number");
        }
        if attribute.name() == "time" {
            assert!(attribute.value().parse::<f64>().is_ok_and(|time| time >= 0.0), "{}", attribute.value());
        }
    }
    for needed in attributes.iter().filter_map(|attribute| attribute.strip_prefix('!')) {
        assert!(node.has_attribute(needed), "<{name}> wants {needed}");
    }
    for child in node.children().filter(Node::is_element) {
        assert!(children.contains(&child.tag_name().name()), "<{}> in <{name}>", child.tag_name().name());
        validate(child);
    }
    for (count, element) in
        [("failures", "failure"), ("errors", "error"), ("skipped", "skipped"), ("tests", "testcase")]
    {
        if let Some(count) = node.attribute(count).filter(|_| name.starts_with("testsuite")) {
            let found = node.descendants().filter(|node| node.has_tag_name(element)).count();
            assert_eq!(count.parse(), Ok(found), "{element} of <{name}>");
        }
    }
}

/// The cases of a report, each with what it ended with.
fn cases(xml: &str) -> Vec<(String, String, String)> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    assert_eq!(document.root_element().tag_name().name(), "testsuites");
    validate(document.root_element());
    let case = |case: Node<'_, '_>| {
        let end = case.first_element_child();
        let told = end.map(|end| {
            format!("{}: {}", end.tag_name().name(), end.attribute("message").or(end.text()).unwrap_or_default())
        });
        let text = |name: &str| case.attribute(name).unwrap_or_default().to_owned();
        (text("classname"), text("name"), told.unwrap_or_default())
    };
    document.descendants().filter(|node| node.has_tag_name("testcase")).map(case).collect()
}

fn case(classname: &str, name: &str, end: &str) -> (String, String, String) {
    (classname.to_owned(), name.to_owned(), end.to_owned())
}

const ONE: &str =
    "description: One.\nbackend: demo\nsql: SELECT 'a' AS n\nresult: { shape: value, schema: { type: string } }\n";

#[test]
fn every_outcome_is_a_case_with_its_place() {
    let folder = starter();
    let tests =
        "tests:\n  - name: fails\n    variables: {}\n    given: { rows: [{ n: x }] }\n    expect: { result: y }\n";
    write(&folder, "actions/one.yaml", &format!("{ONE}{tests}"));
    write(&folder, "actions/broken.yaml", "backend: demo\nsql: SELECT <1>\ntimout: 1s\n");
    let Printed { out, error } = check_in(folder.path(), &["test", "--format", "junit"], 1);
    let live = "skipped: it needs its backend: run with --live";
    assert_eq!(
        cases(&out),
        [
            case("customer-orders", "finds both orders of a customer", live),
            case("customer-orders", "narrows by status", live),
            case("customer-orders", "treats an empty status as not sent", ""),
            case("customer-orders", "refuses an unknown status", ""),
            case("one", "fails", "failure: result: expected \"y\", got \"x\""),
            case("actions/broken.yaml", "can be loaded", "error: unknown key `timout`"),
        ]
    );
    assert!(error.contains("5 tests: 2 passed, 1 failed, 2 skipped\n"), "{error}");
    let document = Document::parse(&out).expect("XML");
    let failed = document.descendants().find(|node| node.attribute("name") == Some("fails")).expect("it is there");
    assert_eq!((failed.attribute("file"), failed.attribute("line")), (Some("actions/one.yaml"), Some("6")));
    let body = failed.first_element_child().and_then(|failure| failure.text());
    assert_eq!(body, Some("actions/one.yaml:6\nresult: expected \"y\", got \"x\""));
}

#[test]
fn whatever_stands_in_a_file_comes_back_from_the_report() {
    let folder = starter();
    let name = "<a href=\\\"x\\\"> & 'b' ]]> \\t\\n é 😀 \\u0001 \\e[31m \\uFFFE";
    let tests = format!(
        "tests:\n  - name: \"{name}\"\n    variables: {{}}\n    given: {{ rows: [{{ n: \"<x>\\u0002 & ]]>\" }}] }}\n    \
         expect: {{ result: \"&amp;\" }}\n"
    );
    write(&folder, "actions/one.yaml", &format!("{ONE}{tests}"));
    let out = check_in(folder.path(), &["test", "one", "--format", "junit"], 1).out;
    assert_eq!(
        cases(&out),
        [case(
            "one",
            "<a href=\"x\"> & 'b' ]]> \t\n é 😀 \\u{1} \\u{1b}[31m \\u{fffe}",
            "failure: result: expected \"&amp;\", got \"<x>\\u0002 & ]]>\"",
        )]
    );
}

#[test]
fn nothing_to_run_is_a_report_too() {
    let folder = starter();
    write(&folder, "actions/one.yaml", ONE);
    assert_eq!(cases(&check_in(folder.path(), &["test", "one", "--format", "junit"], 0).out), []);
}

#[test]
fn secrets_are_not_in_the_report() {
    let folder = starter();
    replace(&folder, super::ORDERS, "    max_length: 20\n", "    max_length: 20\n    sensitive: true\n");
    let tests = "tests:\n  - name: x\n    variables: { phone: \"+4711\" }\n    expect: { binds: [\"+4712\"] }\n";
    let text = std::fs::read_to_string(folder.path().join(super::ORDERS)).expect("the action");
    write(&folder, super::ORDERS, &format!("{}{tests}", text.split("tests:\n").next().expect("a head")));
    let out = check_in(folder.path(), &["test", "--format", "junit"], 1).out;
    assert!(out.contains("***") && !out.contains("471"), "{out}");
}
