//! What CI runs: GitHub's action, the hooks of pre-commit and the lines of `docs/ci.md` do what they say, each run here as its
//! service would run it, with the binary of this build and without a network.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use regex::Regex;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{cli::changed, docs};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const PAGE: &str = include_str!("../../docs/ci.md");
/// An action with an error.
const BROKEN: &str = "description: One.\nbackend: demo\nsql: SELECT {{ x }} AS n LIMIT 1\n";

/// A Cargo that has the binary of this build already.
const CARGO: &str = r#"#!/bin/sh
echo "cargo $*"
[ "$1 $2 $3 $5" = "install --locked --path --root" ] && mkdir -p "$6/bin" && ln -s "$(command -v datadip)" "$6/bin/datadip"
"#;

fn yaml(text: &str) -> Json {
    let (document, found) = datadip::yaml::parse(text);
    assert!(found.is_empty(), "{found:?}");
    document.expect("YAML").root.to_json()
}

fn file(path: &str) -> Json {
    yaml(&fs::read_to_string(Path::new(REPOSITORY).join(path)).expect("a file"))
}

/// A fenced file of the page.
fn on_page(name: &str) -> Json {
    let block = PAGE.split("```yaml\n").find_map(|rest| rest.strip_prefix(&format!("# {name}\n")));
    yaml(block.and_then(|rest| rest.split("```").next()).unwrap_or_else(|| panic!("{name} is on the page")))
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

/// Runs a script as a service does: `datadip` is in the `PATH`.
fn bash(folder: &Path, script: &str, variables: &BTreeMap<String, String>) -> Output {
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(folder);
    command.env("PATH", docs::path_with_datadip()).envs(variables).output().expect("there is bash")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A run of GitHub's action in a checkout of a deployment.
struct Workflow {
    inputs: BTreeMap<String, String>,
    checkout: TempDir,
    temporary: TempDir,
    outputs: BTreeMap<String, String>,
    log: String,
    failed: bool,
}

impl Workflow {
    /// Runs the action's steps with these inputs; of steps that use other actions nothing is run.
    fn run(checkout: TempDir, with: &[(&str, &str)]) -> Self {
        let action = file("action.yml");
        let declared = action["inputs"].as_object().expect("inputs");
        let mut inputs: BTreeMap<String, String> =
            declared.iter().map(|(name, input)| (name.clone(), text(input, "default").to_owned())).collect();
        for (name, value) in with {
            assert!(inputs.insert((*name).into(), (*value).into()).is_some(), "{name} is an input");
        }
        let temporary = TempDir::new().expect("a temporary folder");
        let tools = temporary.path().join("tools");
        fs::create_dir(&tools).expect("a folder");
        fs::write(tools.join("cargo"), CARGO).expect("a file");
        fs::set_permissions(tools.join("cargo"), fs::Permissions::from_mode(0o755)).expect("permissions");
        let mut run = Self { inputs, checkout, temporary, outputs: BTreeMap::new(), log: String::new(), failed: false };
        for step in action["runs"]["steps"].as_array().expect("steps") {
            run.step(step);
        }
        run
    }

    fn step(&mut self, step: &Json) {
        let condition = text(step, "if");
        // Without a status check in it, a condition holds only where all steps before it succeeded.
        let runs = if condition.contains("cancelled()") { true } else { !self.failed };
        if !runs || !(condition.is_empty() || condition.split(" && ").all(|part| self.holds(part))) {
            return;
        }
        let Some(script) = step["run"].as_str() else {
            assert!(text(step, "uses").contains('@'), "{step}");
            self.log += &format!("uses {}\n", text(step, "uses"));
            return;
        };
        assert_eq!(text(step, "shell"), "bash", "a composite action names the shell: {step}");
        assert!(!script.contains("${{"), "inputs are no part of a script: {script}");
        let written = self.temporary.path().join("output");
        fs::write(&written, "").expect("a file");
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            variables.insert(name.clone(), self.filled(value.as_str().expect("text")));
        }
        let path = format!("{}:{}", self.temporary.path().join("tools").display(), docs::path_with_datadip());
        variables.insert("PATH".into(), path);
        variables.insert("GITHUB_OUTPUT".into(), written.display().to_string());
        variables.insert("GITHUB_WORKSPACE".into(), self.checkout.path().display().to_string());
        let output = bash(self.checkout.path(), script, &variables);
        self.log += &told(&output);
        self.failed |= !output.status.success();
        for line in fs::read_to_string(&written).expect("a file").lines() {
            let (name, value) = line.split_once('=').expect("an output");
            self.outputs.insert(format!("steps.{}.outputs.{name}", text(step, "id")), value.to_owned());
        }
    }

    /// The value of an expression such as `inputs.config`.
    fn value(&self, expression: &str) -> String {
        match expression {
            "github.action_path" => REPOSITORY.to_owned(),
            "runner.temp" => self.temporary.path().display().to_string(),
            _ => match expression.strip_prefix("inputs.") {
                Some(input) => self.inputs.get(input).unwrap_or_else(|| panic!("no input {input}")).clone(),
                None => {
                    assert!(expression.starts_with("steps."), "{expression}");
                    self.outputs.get(expression).cloned().unwrap_or_default()
                }
            },
        }
    }

    fn holds(&self, condition: &str) -> bool {
        if condition == "!cancelled()" {
            return true;
        }
        let (equal, (value, other)) = match condition.split_once(" == ") {
            Some(sides) => (true, sides),
            None => (false, condition.split_once(" != ").expect("a comparison")),
        };
        (self.value(value) == other.trim_matches('\'')) == equal
    }

    fn filled(&self, text: &str) -> String {
        let expression = Regex::new(r"\$\{\{ (.+?) \}\}").expect("a pattern");
        expression.replace_all(text, |found: &regex::Captures<'_>| self.value(&found[1])).into_owned()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.checkout.path().join(name)
    }
}

/// The demo, checked out, with another file.
fn checkout(path: &str, text: &str) -> TempDir {
    let folder = docs::demo();
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
    folder
}

#[test]
fn the_action_lints_and_tests_a_deployment() {
    let run = Workflow::run(docs::demo(), &[("binary", "datadip"), ("junit", "tests.xml")]);
    assert!(!run.failed, "{}", run.log);
    assert!(run.log.contains("16 files: nothing found\n") && run.log.contains(" 0 failed, "), "{}", run.log);
    assert!(!run.log.contains("uses "), "nothing is built or uploaded: {}", run.log);
    let report = fs::read_to_string(run.path("tests.xml")).expect("a report");
    assert!(report.starts_with("<?xml ") && !report.contains("<failure"), "{report}");
}

#[test]
fn the_action_fails_for_findings_and_still_runs_the_tests() {
    let run = Workflow::run(checkout("actions/broken.yaml", BROKEN), &[("binary", "datadip")]);
    assert!(run.failed);
    assert!(run.log.contains("::error file=actions/broken.yaml,line=3,"), "{}", run.log);
    assert!(run.log.contains("passed   accounts/list: refuses letters"), "{}", run.log);
    let run = Workflow::run(checkout("actions/broken.yaml", BROKEN), &[("binary", "datadip"), ("test", "false")]);
    assert!(run.failed && !run.log.contains("passed "), "{}", run.log);
}

#[test]
fn the_action_fails_for_tests_and_its_log_tells_which() {
    let failing = "description: One.\nbackend: demo\nsql: SELECT 1 AS n\nresult: { shape: value, schema: { type: integer } }\n\
                   tests: [{ name: two, variables: {}, given: { rows: [{ n: 1 }] }, expect: { result: 2 } }]\n";
    for junit in ["", "tests.xml"] {
        let run = Workflow::run(checkout("actions/one.yaml", failing), &[("binary", "datadip"), ("junit", junit)]);
        assert!(run.failed && run.log.contains("result: expected 2, got 1"), "{}", run.log);
        assert_eq!(run.path("tests.xml").exists(), !junit.is_empty());
    }
    let run = Workflow::run(docs::demo(), &[("binary", "datadip"), ("deny-skipped", "true")]);
    assert!(run.failed, "tests without their backend are skipped");
    let run = Workflow::run(docs::demo(), &[("binary", "datadip"), ("deny-skipped", "true"), ("live", "true")]);
    assert!(!run.failed, "{}", run.log);
}

#[test]
fn the_action_uploads_what_lint_finds_also_where_that_fails_the_run() {
    let run =
        Workflow::run(checkout("actions/broken.yaml", BROKEN), &[("binary", "datadip"), ("upload-sarif", "true")]);
    assert!(run.failed && run.log.contains("uses github/codeql-action/upload-sarif@"), "{}", run.log);
    let log = fs::read_to_string(&run.outputs["steps.sarif.outputs.sarif"]).expect("a log");
    let log: Json = serde_json::from_str(&log).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "actions/broken.yaml");
}

#[test]
fn the_action_finds_a_deployment_in_a_folder_and_says_paths_as_seen_from_the_root() {
    let root = TempDir::new().expect("a temporary folder");
    docs::copy(checkout("actions/broken.yaml", BROKEN).path(), &root.path().join("dips"));
    let run = Workflow::run(root, &[("binary", "datadip"), ("config", "dips/datadip.yaml")]);
    assert!(run.failed && run.log.contains("::error file=dips/actions/broken.yaml,line=3,"), "{}", run.log);
}

#[test]
fn the_action_lints_what_changed_and_denies_warnings_on_request() {
    if !changed::has_git() {
        return;
    }
    let warning = BROKEN.replace("{{ x }}", "1");
    let repository = || {
        let folder = checkout("actions/old.yaml", BROKEN);
        changed::git(folder.path(), &["init", "-q"]);
        changed::commit(folder.path());
        fs::write(folder.path().join("actions/new.yaml"), &warning).expect("a file");
        folder
    };
    let inputs = [("binary", "datadip"), ("test", "false"), ("changed-since", "HEAD")];
    let run = Workflow::run(repository(), &inputs);
    assert!(
        !run.failed && run.log.contains("::warning file=actions/new.yaml") && !run.log.contains("old"),
        "{}",
        run.log
    );
    let run = Workflow::run(repository(), &[&inputs[..], &[("deny-warnings", "true")]].concat());
    assert!(run.failed, "{}", run.log);
}

#[test]
fn the_action_says_where_there_is_no_binary() {
    let run = Workflow::run(docs::demo(), &[("binary", "no/such/datadip")]);
    assert!(
        run.failed && run.log.contains("::error title=datadip::there is no program no/such/datadip\n"),
        "{}",
        run.log
    );
    assert!(!run.log.contains("files:"), "nothing runs without it: {}", run.log);
}

#[test]
fn the_action_builds_a_binary_where_none_is_given() {
    if !changed::has_git() {
        return;
    }
    let run = Workflow::run(docs::demo(), &[]);
    assert!(!run.failed, "{}", run.log);
    assert!(
        run.log.contains("uses actions/cache@") && run.log.contains("\ncargo install --locked --path "),
        "{}",
        run.log
    );
    assert_eq!(
        Path::new(&run.outputs["steps.install.outputs.datadip"]),
        run.temporary.path().join("datadip/bin/datadip")
    );
    assert!(run.log.contains("16 files: nothing found\n"), "{}", run.log);
}

#[test]
fn the_action_builds_once_for_the_same_sources() {
    if !changed::has_git() {
        return;
    }
    let action = file("action.yml");
    let step = &action["runs"]["steps"][0];
    let variables = |output: &Path| -> BTreeMap<String, String> {
        [("SOURCE", REPOSITORY.to_owned()), ("GITHUB_OUTPUT", output.display().to_string())]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    };
    let folder = TempDir::new().expect("a temporary folder");
    let output = folder.path().join("output");
    let ran = bash(folder.path(), text(step, "run"), &variables(&output));
    assert!(ran.status.success(), "{}", told(&ran));
    let digest = fs::read_to_string(&output).expect("an output");
    assert!(Regex::new("^digest=[0-9a-f]{40,64}\n$").expect("a pattern").is_match(&digest), "{digest}");
}

#[test]
fn the_page_names_every_input_of_the_action_and_no_other() {
    let action = file("action.yml");
    let declared: Vec<&String> = action["inputs"].as_object().expect("inputs").keys().collect();
    let table = PAGE.split("| input | does |\n|---|---|\n").nth(1).expect("a table");
    let named = table.lines().map_while(|line| line.strip_prefix("| `")?.split_once('`'));
    assert_eq!(named.map(|(name, _)| name).collect::<Vec<_>>(), declared);
    let workflow = on_page(".github/workflows/datadip.yaml");
    let steps = workflow["jobs"]["check"]["steps"].as_array().expect("steps");
    let with = steps.iter().find(|step| text(step, "uses").starts_with("example/datadip@")).expect("a step");
    for name in with["with"].as_object().expect("inputs").keys() {
        assert!(declared.contains(&name), "{name}");
    }
}

/// Runs a hook on the files that a commit would have, as pre-commit does: nothing where no file fits. Answers what it told
/// and whether it lets the commit pass.
fn commit_with(hook: &Json, folder: &Path) -> (String, bool) {
    let staged = Command::new("git")
        .args(["diff", "--cached", "--name-only", "--no-renames", "--diff-filter=d"])
        .current_dir(folder)
        .output();
    let staged = String::from_utf8(staged.expect("git runs").stdout).expect("UTF-8");
    let fits = Regex::new(text(hook, "files")).expect("a pattern");
    let files: Vec<&str> = staged.lines().filter(|file| fits.is_match(file)).collect();
    if files.is_empty() {
        return (String::new(), true);
    }
    let line = format!("{} {}", text(hook, "entry"), files.join(" "));
    let output = bash(folder, &line, &BTreeMap::new());
    (told(&output), output.status.success())
}

#[test]
fn a_hook_checks_the_files_of_a_commit() {
    if !changed::has_git() {
        return;
    }
    let hooks = file(".pre-commit-hooks.yaml");
    let hook = hooks.as_array().expect("a list").iter().find(|hook| hook["id"] == "datadip-lint").expect("the hook");
    assert_eq!(text(hook, "language"), "rust");
    let root = TempDir::new().expect("a temporary folder");
    let stage = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        changed::git(root.path(), &["add", "-A"]);
    };
    docs::copy(docs::demo().path(), &root.path().join("dips"));
    changed::git(root.path(), &["init", "-q"]);
    changed::git(root.path(), &["add", "-A"]);
    let (told, passes) = commit_with(hook, root.path());
    assert!(passes && told.contains(" files: "), "{told}");
    changed::commit(root.path());

    stage("compose.yaml", "services: {}\n");
    stage("dips/notes.json", "{}");
    assert_eq!(commit_with(hook, root.path()), (String::new(), true), "other files are no action files");
    stage("dips/actions/crm/broken.yml", BROKEN);
    let (told, passes) = commit_with(hook, root.path());
    assert!(!passes && told.contains("--> dips/actions/crm/broken.yml:3:"), "{told}");
    changed::commit(root.path());
    stage("dips/actions/one.yaml", &BROKEN.replace("{{ x }}", "1"));
    assert!(commit_with(hook, root.path()).1, "what others broke before does not keep a commit");
    stage("dips/schemas/customer.json", "{ \"type\": \"itneger\" }");
    assert!(!commit_with(hook, root.path()).1);
}

#[test]
fn hooks_have_what_pre_commit_wants_and_the_page_names_them() {
    let hooks = file(".pre-commit-hooks.yaml");
    let ids: Vec<&str> = hooks.as_array().expect("a list").iter().map(|hook| text(hook, "id")).collect();
    for hook in hooks.as_array().expect("a list") {
        for key in ["id", "name", "description", "entry", "language", "files"] {
            assert!(!text(hook, key).is_empty(), "{key} of {hook}");
        }
    }
    let config = on_page(".pre-commit-config.yaml");
    let used = config["repos"][0]["hooks"].as_array().expect("hooks").iter().map(|hook| text(hook, "id"));
    assert_eq!(used.collect::<Vec<_>>(), ids);
}

#[test]
fn the_lines_for_gitlab_pass_a_good_deployment_and_leave_a_report() {
    let job = &on_page(".gitlab-ci.yml")["datadip"];
    let script: Vec<&str> =
        job["script"].as_array().expect("a script").iter().map(|line| line.as_str().expect("a line")).collect();
    let report = text(&job["artifacts"]["reports"], "junit");
    let folder = docs::demo();
    let output = bash(folder.path(), &script.join("\n"), &BTreeMap::new());
    assert!(output.status.success(), "{}", told(&output));
    assert!(fs::read_to_string(folder.path().join(report)).is_ok_and(|report| report.starts_with("<?xml ")));
    let folder = checkout("actions/broken.yaml", BROKEN);
    assert!(!bash(folder.path(), &script.join("\n"), &BTreeMap::new()).status.success());
}
