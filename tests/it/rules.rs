//! Every rule has a page, and the page is right: its example triggers the rule and nothing else, what it says to write
//! instead is free of it.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use datadip::{
    diagnostic::{Level, RULES, Rule},
    format::format,
};
use serde_json::Value as Json;
use tempfile::TempDir;

/// The configuration that an example of an action stands beside: the demo's tables, and an org for what only Salesforce has.
const CONFIG: &str = r#"
backends:
  demo:
    kind: sqlite
    url: "sqlite:demo.db"
    init: demo.sql
  org:
    kind: salesforce
    login_url: https://example.my.salesforce.com
    auth: { flow: client_credentials, client_id: gateway, client_secret: "${SALESFORCE_SECRET:-none}" }
"#;

/// What it holds besides for an example of an action on Salesforce. Lint asks for no secrets.
const SALESFORCE: &str = "  salesforce:\n    kind: salesforce\n    login_url: https://example.my.salesforce.com\n    auth:\n      \
                          flow: client_credentials\n      client_id: '${CLIENT_ID}'\n      client_secret: '${CLIENT_SECRET}'\n";

/// The rules that only a live database can tell, and that SQLite can show.
const LIVE: [&str; 2] = ["schema-drift", "refused-statement"];

/// A file on a page: its name, and its text.
#[derive(Debug, PartialEq)]
struct Fence {
    file: &'static str,
    text: String,
}

/// A page in the form that all of them have.
#[derive(Debug)]
struct Page {
    example: Vec<Fence>,
    instead: Vec<Fence>,
}

/// Takes a page apart, or says where its form is not the common one.
fn page(rule: &Rule) -> Result<Page, String> {
    let rest =
        rule.page.strip_prefix(&format!("# {}\n\n", rule.name)).ok_or("begins with its name and an empty line")?;
    let (what, rest) = rest.split_once("\n\n## Why\n\n").ok_or("says what it does, then `## Why`")?;
    let (why, rest) = rest.split_once("\n\n## Example\n\n").ok_or("says why, then `## Example`")?;
    let (example, instead) = rest.split_once("\n\n## Instead\n\n").ok_or("has an example, then `## Instead`")?;
    for (name, text) in [("what it does", what), ("why", why)] {
        if text.trim().is_empty() || text.contains("\n#") || text.contains("```") {
            return Err(format!("{name} is one piece of prose"));
        }
    }
    if !rule.page.ends_with('\n') || rule.page.ends_with("\n\n") {
        return Err("ends with one line feed".into());
    }
    Ok(Page { example: fences(example)?, instead: fences(instead)? })
}

/// The fenced files of a section. One without any says in prose why it cannot be shown.
fn fences(section: &str) -> Result<Vec<Fence>, String> {
    let mut fences = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let file = match info {
            "yaml" => "actions/example.yaml",
            "yaml datadip.yaml" => "datadip.yaml",
            _ => return Err(format!("a fence is `yaml` or `yaml datadip.yaml`, not `{info}`")),
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        fences.push(Fence { file, text: text.join("\n") + "\n" });
    }
    if fences.is_empty() && section.trim().is_empty() {
        return Err("a section without a file says why there is none".into());
    }
    Ok(fences)
}

/// The rules that `datadip lint` finds in a deployment that holds the file.
fn found(rule: &Rule, fence: &Fence) -> BTreeSet<String> {
    let folder = TempDir::new().expect("a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.path().join("actions")).expect("a folder");
    fs::copy(root.join("examples/demo.sql"), folder.path().join("demo.sql")).expect("the demo's tables");
    let salesforce = if fence.text.contains("\nbackend: salesforce\n") { SALESFORCE } else { "" };
    fs::write(folder.path().join("datadip.yaml"), format!("{CONFIG}{salesforce}")).expect("a file");
    fs::write(folder.path().join(fence.file), &fence.text).expect("a file");
    let live = LIVE.contains(&rule.name).then_some("--live");
    let output = Command::new(assert_cmd::cargo::cargo_bin("datadip"))
        .args(["lint", "--format", "json"])
        .args(live)
        .current_dir(folder.path())
        .output()
        .expect("the binary runs");
    let answer: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let diagnostics = answer["diagnostics"].as_array().expect("a list");
    diagnostics.iter().map(|diagnostic| diagnostic["rule"].as_str().expect("a name").to_owned()).collect()
}

fn level(name: &str) -> Level {
    RULES.iter().find(|rule| rule.name == name).expect("a rule").level
}

fn expect_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_page_has_the_same_form() {
    let problems = RULES.iter().filter_map(|rule| Some(format!("{}: {}", rule.name, page(rule).err()?)));
    expect_none(&problems.collect::<Vec<_>>());
}

#[test]
fn every_file_in_the_folder_is_a_rules_page() {
    let names: BTreeSet<String> = RULES.iter().map(|rule| format!("{}.md", rule.name)).collect();
    assert_eq!(names.len(), RULES.len(), "no name is used twice");
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules")).expect("the pages");
    let files = files.map(|entry| entry.expect("a page").file_name().into_string().expect("a name"));
    let others: Vec<String> = files.filter(|file| !names.contains(file) && file != "README.md").collect();
    expect_none(&others);
}

#[test]
fn every_example_triggers_its_rule_alone_and_nothing_instead_does() {
    let mut problems = Vec::new();
    let mut shown = 0;
    for rule in RULES {
        let Ok(page) = page(rule) else { continue };
        for fence in &page.example {
            let mut found = found(rule, fence);
            shown += 1;
            // Notes tell what the examples of other rules leave out to be short.
            found.retain(|name| name == rule.name || level(name) != Level::Note);
            if found.iter().ne([rule.name]) {
                problems.push(format!("{}: the example triggers {found:?}\n{}", rule.name, fence.text));
            }
        }
        for fence in &page.instead {
            let found = found(rule, fence);
            if found.contains(rule.name) {
                problems.push(format!("{}: what stands instead triggers it too\n{}", rule.name, fence.text));
            }
        }
    }
    assert!(shown > 0, "pages have examples");
    expect_none(&problems);
}

#[test]
fn the_actions_of_all_examples_are_in_canonical_form() {
    let schema: Json = serde_json::from_str(&datadip::cli::action_schema()).expect("JSON");
    let pages = RULES.iter().filter_map(|rule| page(rule).ok());
    let fences = pages.flat_map(|page| page.example.into_iter().chain(page.instead));
    let actions = fences.filter(|fence| fence.file != "datadip.yaml");
    // What is no YAML is an example of just that.
    let problems = actions.filter(|fence| format(&fence.text, &schema).is_ok_and(|text| text != fence.text));
    expect_none(&problems.map(|fence| fence.text).collect::<Vec<_>>());
}

#[test]
fn a_rule_has_files_in_both_sections_or_in_neither() {
    let uneven = RULES.iter().filter_map(|rule| {
        let page = page(rule).ok()?;
        (page.example.is_empty() != page.instead.is_empty()).then(|| rule.name.to_owned())
    });
    expect_none(&uneven.collect::<Vec<_>>());
}

#[test]
fn every_rule_is_found_by_something() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("diagnostic/rules.rs") {
                code += &fs::read_to_string(path).expect("source is text");
            }
        }
    }
    let names: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let constants = RULES.iter().map(|rule| rule.name.replace('-', "_").to_uppercase());
    expect_none(&constants.filter(|name| !names.contains(name.as_str())).collect::<Vec<_>>());
}
