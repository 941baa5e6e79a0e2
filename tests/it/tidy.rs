//! What the source promises about itself: who imports whom, and which names stay in which file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each module may import, from what knows nothing to what knows everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("value", &[]),
    ("yaml", &["diagnostic", "value"]),
    ("template", &["diagnostic", "value", "yaml"]),
    ("spec", &["diagnostic", "value", "yaml", "template"]),
    ("format", &["diagnostic", "yaml", "spec"]),
    ("limit", &["yaml"]),
    ("backend", &["diagnostic", "value", "yaml", "template", "limit"]),
    ("profile", &["backend"]),
    ("action", &["diagnostic", "value", "yaml", "template", "spec", "backend"]),
    ("lint", &["diagnostic", "value", "yaml", "template", "spec", "backend", "action"]),
    ("export", &["value", "spec", "action"]),
    ("catalog", &["diagnostic", "value", "template", "action", "limit", "profile"]),
    ("settings", &["diagnostic", "value", "yaml", "spec", "backend", "action", "limit"]),
    (
        "project",
        &["diagnostic", "value", "yaml", "template", "spec", "backend", "action", "lint", "catalog", "settings"],
    ),
    ("call", &["value", "template", "spec", "backend", "action", "limit", "catalog"]),
    ("gateway", &["diagnostic", "backend", "action", "limit", "profile", "catalog", "settings", "project", "call"]),
    (
        "live",
        &[
            "diagnostic",
            "yaml",
            "template",
            "spec",
            "backend",
            "action",
            "lint",
            "catalog",
            "settings",
            "project",
            "gateway",
        ],
    ),
    ("reload", &["diagnostic", "backend", "action", "limit", "catalog", "settings", "project", "gateway"]),
    (
        "server",
        &[
            "diagnostic",
            "value",
            "template",
            "backend",
            "action",
            "limit",
            "profile",
            "catalog",
            "settings",
            "call",
            "gateway",
            "reload",
        ],
    ),
    (
        "cli",
        &[
            "diagnostic",
            "value",
            "yaml",
            "template",
            "spec",
            "format",
            "backend",
            "action",
            "lint",
            "export",
            "limit",
            "catalog",
            "settings",
            "project",
            "call",
            "gateway",
            "live",
            "reload",
            "server",
        ],
    ),
];

/// Names that stay in one place: the name, and the files or folders below `src/` that may have it.
const PLACES: &[(&str, &[&str])] = &[
    ("actix", &["server/"]),
    ("minijinja", &["template/"]),
    ("AssertSqlSafe", &["template/statement.rs"]),
    ("env::", &["settings.rs", "settings/", "cli/", "main.rs"]),
    ("anyhow", &["cli/", "main.rs"]),
];

/// A source file: its path below `src/`, its code without comments, and the same without its tests.
struct File {
    path: String,
    text: String,
    code: String,
    shipped: String,
}

impl File {
    /// The module of the crate that it belongs to.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().expect("a path has a first segment")
    }
}

fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path: PathBuf = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source is text");
                let code = without_comments(&text);
                let path = path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
                let tests_alone = path.ends_with("/tests.rs") || path.contains("/tests/");
                let shipped = if tests_alone { String::new() } else { without_tests(&code) };
                files.push(File { path, text, code, shipped });
            }
        }
    }
    assert!(files.len() > 20, "the sources were found");
    files
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| line.split(" // ").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// Code up to its tests. A module of tests in a file of its own ends nothing.
fn without_tests(code: &str) -> String {
    let mut pieces = code.split("#[cfg(test)]");
    let mut shipped = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let Some((line, rest)) = piece.trim_start().split_once('\n').filter(|(line, _)| line.ends_with(';')) else {
            break;
        };
        assert!(line.starts_with("mod ") || line.starts_with("use "), "only for tests: {line}");
        shipped += rest;
    }
    shipped
}

/// The modules that code names after `crate::`, alone or in a group.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(identifier(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    found.insert(identifier(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn expect_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn imports_are_found_alone_in_groups_and_in_macros() {
    let code = "use crate::value::Value; use crate::{\n    action::{Action, Params},\n    yaml,\n}; $crate::spec::X";
    assert_eq!(imports(code).into_iter().collect::<Vec<_>>(), ["action", "spec", "value", "yaml"]);
}

#[test]
fn nothing_imports_upward() {
    let mut problems = Vec::new();
    for file in sources() {
        let module = file.module();
        if matches!(module, "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            problems.push(format!("src/{}: the module `{module}` has no row in the table of layers", file.path));
            continue;
        };
        for import in imports(&file.code) {
            // A macro by `#[macro_export]` has no module in its path.
            let is_module = LAYERS.iter().any(|(name, _)| *name == import);
            if is_module && import != module && !allowed.contains(&import.as_str()) {
                problems.push(format!("src/{}: `{module}` may not import `{import}`", file.path));
            }
        }
    }
    expect_none(&problems);
}

#[test]
fn no_row_of_the_table_of_layers_points_upward() {
    for (at, (module, allowed)) in LAYERS.iter().enumerate() {
        for import in *allowed {
            assert!(LAYERS[..at].iter().any(|(name, _)| name == import), "`{module}` imports `{import}`");
        }
    }
}

#[test]
fn names_stay_where_they_belong() {
    let mut problems = Vec::new();
    for file in sources() {
        for (name, places) in PLACES {
            let at_home = places.iter().any(|place| file.path.starts_with(place));
            if !at_home && file.shipped.contains(name) {
                problems.push(format!("src/{}: `{name}` belongs to {}", file.path, places.join(", ")));
            }
        }
    }
    expect_none(&problems);
}

/// The files that ship a piece of code, each as often as it has it.
fn places_of(code: &str) -> Vec<String> {
    let files = sources().into_iter();
    let mut places: Vec<String> =
        files.flat_map(|file| file.shipped.matches(code).map(|_| file.path.clone()).collect::<Vec<_>>()).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_text_becomes_a_statement_in_one_place_and_a_query_in_another() {
    // Private fields keep all others from making one: these are the places that could.
    assert_eq!(places_of("Self { sql: safe("), ["template/statement.rs"], "a shape's text becomes a statement");
    assert_eq!(
        places_of("Statement::new("),
        ["template/explore.rs", "template/mod.rs"],
        "at load, and for longer lists"
    );
    assert_eq!(places_of("AssertSqlSafe("), ["template/statement.rs"], "a text becomes SQL");
    assert_eq!(places_of("Query { text"), ["template/soql/mod.rs"], "a text with values becomes SOQL");
    assert_eq!(places_of("literal(&bind"), ["template/soql/mod.rs"], "a value becomes text");
}

#[test]
fn every_rule_is_in_the_list_that_explain_knows() {
    assert_eq!(places_of(": Rule = Rule {"), ["diagnostic/rules.rs"]);
}

#[test]
fn only_tests_are_left_out_of_what_ships() {
    let code = "mod a;\n#[cfg(test)]\nmod tests;\nmod b;\n#[cfg(test)]\nmod tests {\n mod c; }";
    assert_eq!(without_tests(code), "mod a;\nmod b;\n");
}

#[test]
fn modules_say_what_they_own_and_leave_nothing_open() {
    let mut problems = Vec::new();
    for file in sources() {
        if !file.shipped.is_empty() && !file.text.starts_with("//!") {
            problems.push(format!("src/{}: begins without `//!`", file.path));
        }
        for mark in ["TODO", "FIXME", "todo!(", "unimplemented!("] {
            if file.text.contains(mark) {
                problems.push(format!("src/{}: has `{mark}`", file.path));
            }
        }
        if file.shipped.contains(".unwrap()") {
            problems.push(format!("src/{}: has `.unwrap()` outside of tests", file.path));
        }
    }
    expect_none(&problems);
}
