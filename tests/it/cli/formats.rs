//! What `datadip lint` found, in the formats that services and terminals read.

use std::{fs, path::Path};

use datadip::diagnostic::RULES;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::{ORDERS, Printed, check, check_in, datadip, printed, replace, starter, write};

/// A deployment with findings of every level, one of them in a file whose name must be escaped.
fn findings() -> TempDir {
    let folder = starter();
    replace(&folder, ORDERS, "    max_length: 20\n", "    pattern: '[+0-9]+'\n    default: 00123\n");
    write(&folder, "actions/größe, 5%.yaml", "backend: demo\nsql: SELECT 1 AS é, {{ x }}\n");
    write(
        &folder,
        "actions/plain.yaml",
        "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: value }\n",
    );
    folder
}

/// The only run of a SARIF log, checked against the standard's own schema.
fn sarif(folder: &Path, arguments: &[&str], code: i32) -> Json {
    let arguments = [&["lint", "--format", "sarif"], arguments].concat();
    let log: Json = serde_json::from_str(&check_in(folder, &arguments, code).out).expect("JSON alone");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/sarif-2.1.0.json");
    // The standard's pattern for languages has a bracket too many, which its authors' engine lets pass and ours does not.
    let schema = fs::read_to_string(schema).expect("the schema").replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let errors: Vec<String> =
        schema.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    runs[0].clone()
}

#[test]
fn sarif_fits_its_schema_and_has_every_finding_at_its_place() {
    let folder = findings();
    let run = sarif(folder.path(), &[], 1);
    let found = check_in(folder.path(), &["lint", "--format", "json"], 1).out;
    let found: Json = serde_json::from_str(&found).expect("JSON");
    let (results, found) =
        (run["results"].as_array().expect("results"), found["diagnostics"].as_array().expect("a list"));
    assert_eq!(results.len(), found.len());
    for (result, found) in results.iter().zip(found) {
        assert_eq!((&result["ruleId"], &result["level"]), (&found["rule"], &found["level"]));
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().expect("a number") as usize];
        assert_eq!(rule["id"], found["rule"]);
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with(found["message"].as_str().expect("text")))
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("an address");
        let path = percent_encoding::percent_decode_str(uri).decode_utf8().expect("UTF-8");
        assert_eq!(path, found["file"].as_str().expect("a path"));
        for (of_sarif, of_json) in
            [("startLine", "line"), ("startColumn", "column"), ("endLine", "end_line"), ("endColumn", "end_column")]
        {
            assert_eq!(place["region"][of_sarif], found[of_json], "{of_sarif}");
        }
    }
    for level in ["error", "warning", "note"] {
        assert!(results.iter().any(|result| result["level"] == level), "{level}");
    }
    assert_eq!(run["invocations"][0]["exitCode"], 1);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
}

#[test]
fn sarif_of_a_run_that_found_nothing_has_its_rules_and_no_results() {
    let folder = starter();
    let run = sarif(folder.path(), &[], 0);
    assert_eq!((&run["results"], &run["invocations"][0]["executionSuccessful"]), (&Json::Array(vec![]), &true.into()));
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), RULES.len());
    for rule in rules {
        for member in ["shortDescription", "fullDescription"] {
            let text = rule[member]["text"].as_str().expect("text");
            // What GitHub takes at most.
            assert!(text.ends_with('.') && text.len() <= 1024, "{}: {text:?}", rule["id"]);
        }
        assert!(rule["help"]["markdown"].as_str().is_some_and(|page| page.contains("## Instead")), "{}", rule["id"]);
    }
}

#[test]
fn sarif_says_where_files_could_not_be_read() {
    let folder = starter();
    fs::write(folder.path().join("actions/strange.yaml"), b"description: \xff\n").expect("a file");
    let run = sarif(folder.path(), &[], 2);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["results"][0]["ruleId"], "unreadable-file");
}

#[test]
fn fingerprints_outlive_lines_that_move() {
    let folder = findings();
    let prints = |folder: &Path| -> Vec<Json> {
        let run = sarif(folder, &[ORDERS], 0);
        run["results"].as_array().expect("results").iter().map(|result| result["partialFingerprints"].clone()).collect()
    };
    let before = prints(folder.path());
    replace(&folder, ORDERS, "backend:", "\n# a line more\n\nbackend:");
    assert!(!before.is_empty());
    assert_eq!(prints(folder.path()), before);
}

#[test]
fn github_gets_a_command_for_each_finding() {
    let folder = findings();
    let Printed { out, error } = check_in(folder.path(), &["lint", "--format", "github"], 1);
    let wanted = "::error file=actions/größe%2C 5%25.yaml,line=2,endLine=2,col=24,endColumn=25,title=unknown-parameter::\
                  unknown parameter `x`";
    assert!(out.lines().any(|line| line.starts_with(wanted)), "{out}");
    assert!(
        out.lines().any(|line| line.starts_with("::warning ")) && out.lines().any(|line| line.starts_with("::notice "))
    );
    assert!(out.lines().all(|line| line.starts_with("::")), "{out}");
    assert!(error.starts_with("4 files: "), "{error}");
    let Printed { out, error } = check_in(starter().path(), &["lint", "--format", "github"], 0);
    assert_eq!((out.as_str(), error.as_str()), ("", "2 files: nothing found\n"));
}

#[test]
fn services_get_paths_as_seen_from_what_was_checked_out() {
    let root = TempDir::new().expect("a temporary folder");
    let inside = root.path().join("dips");
    fs::create_dir(&inside).expect("a folder");
    check_in(&inside, &["new", "--gateway"], 0);
    fs::write(inside.join("actions/a.yaml"), "bakend: demo\n").expect("a file");
    for (workspace, format, expected) in [
        (root.path(), "github", "::error file=dips/actions/a.yaml,"),
        (root.path(), "sarif", "\"uri\": \"dips/actions/a.yaml\""),
        (root.path(), "text", "--> actions/a.yaml:1:1"),
        (Path::new("/nowhere"), "github", "::error file=actions/a.yaml,"),
    ] {
        let mut command = datadip(&inside, &["lint", "--format", format]);
        let out = printed(command.env("GITHUB_WORKSPACE", workspace).output().expect("it runs"), 1).out;
        assert!(out.contains(expected), "{format}: {out}");
    }
}

#[test]
fn colours_are_for_terminals_or_on_request_and_never_against_it() {
    let folder = findings();
    for (variables, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
    ] {
        for (format, can) in [("text", true), ("json", false), ("sarif", false), ("github", false)] {
            let mut command = datadip(folder.path(), &["lint", "--format", format]);
            let output = command.envs(variables.iter().copied()).output().expect("it runs");
            assert_eq!(printed(output, 1).out.contains('\u{1b}'), coloured && can, "{format} {variables:?}");
        }
    }
}

#[test]
fn verbose_tells_the_time_and_changes_no_answer() {
    let folder = starter();
    for flag in ["-v", "--verbose"] {
        let Printed { out, error } = check_in(folder.path(), &["lint", flag, "--format", "json"], 0);
        serde_json::from_str::<Json>(&out).expect("JSON alone");
        let timings = error.strip_prefix("2 files: nothing found\n2 files, loaded in ").expect("a second line");
        assert!(timings.ends_with(" in total\n"), "{error}");
    }
}

#[test]
fn every_rule_is_known_to_explain() {
    for rule in RULES {
        let Printed { out, error } = check(&["explain", rule.name], 0);
        assert_eq!((out.as_str(), error.as_str()), (rule.page, ""));
    }
}
