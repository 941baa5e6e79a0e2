//! What the README and `docs/` show is true: each action on those pages is a file that lints without a finding, is in canonical form and passes
//! its own tests on the demo's database, and so are the actions of the repository.
//!
//! A fenced `yaml` block whose first line is `# <path>` is that file of a deployment. The page of a database has a deployment
//! of its own, with its `datadip.yaml`, whose `url` is `${DATABASE_URL}`, and a fenced `sql` block whose first line is
//! `-- schema.sql`: it is linted always, and its tests run where there is a server. The page of Salesforce has a deployment as
//! well, whose tests need no org.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;

use tempfile::TempDir;

use crate::{
    database::Database,
    docs::demo,
    salesforce::{Org, Server},
};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The pages of databases, and what makes a database for each.
const DATABASES: [(&str, Make); 2] = [("postgresql.md", Database::postgres), ("mysql.md", Database::mysql)];

/// The page of Salesforce.
const SALESFORCE: &str = "salesforce.md";

/// The page of Snowflake.
const SNOWFLAKE: &str = "snowflake.md";

/// The address of the org on that page.
const MY_DOMAIN: &str = "https://acme.my.salesforce.com";

/// Makes a database from a script.
type Make = fn(&str) -> Option<Database>;

fn datadip(folder: &Path, arguments: &[&str]) {
    datadip_on(folder, "", arguments);
}

fn datadip_on(folder: &Path, url: &str, arguments: &[&str]) {
    let mut command = Command::cargo_bin("datadip").expect("the binary");
    command.current_dir(folder).env("DATABASE_URL", url);
    command.env("SALESFORCE_CLIENT_ID", "app").env("SALESFORCE_CLIENT_SECRET", "app secret");
    let run = command.args(arguments).output().expect("datadip runs");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "datadip {}\n{out}\n{err}", arguments.join(" "));
}

/// Nothing is found in the files, and they are in their canonical form.
fn lint(folder: &Path) {
    datadip(folder, &["lint", "--deny-warnings"]);
    datadip(folder, &["fmt", "--check"]);
}

fn lint_and_test(folder: &Path) {
    lint(folder);
    datadip(folder, &["test", "--live", "--deny-skipped"]);
}

/// The files on a page in blocks of a language: path, after the mark of a comment, and text.
fn blocks(page: &Path, language: &str, comment: &str) -> Vec<(PathBuf, String)> {
    let text = fs::read_to_string(page).expect("a page");
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks
        .filter_map(|(block, _)| {
            let path = block.lines().next()?.strip_prefix(comment)?;
            path.ends_with(&format!(".{language}")).then(|| (PathBuf::from(path), format!("{block}\n")))
        })
        .collect()
}

/// The files of a deployment on a page: path and text.
fn files(page: &Path) -> Vec<(PathBuf, String)> {
    blocks(page, "yaml", "# ")
}

/// The deployment that a page describes.
fn deployment(page: &Path) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for (path, text) in files(page) {
        let target = folder.path().join(&path);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        assert!(!target.exists(), "{} is twice on {}", path.display(), page.display());
        fs::write(target, text).expect("a file");
    }
    folder
}

/// The pages whose actions run on the demo's database.
fn demo_pages() -> Vec<PathBuf> {
    let own = |page: &PathBuf| {
        page.ends_with(SALESFORCE)
            || page.ends_with(SNOWFLAKE)
            || DATABASES.iter().any(|(name, _)| page.ends_with(name))
    };
    pages().into_iter().filter(|page| !own(page)).collect()
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(Path::new(REPOSITORY).join("docs")).expect("docs/");
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.expect("an entry").path()).collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    let others = ["README.md", "examples/salesforce/README.md", "examples/two-databases/README.md"];
    pages.extend(others.map(|page| Path::new(REPOSITORY).join(page)));
    pages.sort();
    pages
}

#[test]
fn the_repositorys_own_actions_lint_without_a_finding_and_pass_their_tests() {
    lint_and_test(demo().path());
}

#[test]
fn every_action_in_the_docs_lints_without_a_finding_and_passes_its_tests() {
    let folder = demo();
    fs::remove_dir_all(folder.path().join("actions")).expect("the demo's actions are not the docs'");
    let mut actions = 0;
    for page in demo_pages() {
        for (path, text) in files(&page) {
            let target = folder.path().join(&path);
            if path.starts_with("actions") {
                fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
                assert!(!target.exists(), "{} is on two pages", path.display());
                fs::write(target, text).expect("a file");
                actions += 1;
            }
        }
    }
    assert!(actions >= 9, "only {actions} actions were found on the pages: is the form of the blocks still right?");
    lint_and_test(folder.path());
}

#[test]
fn every_configuration_in_the_docs_is_valid() {
    for page in demo_pages() {
        for (_, text) in files(&page).iter().filter(|(path, _)| path == Path::new("datadip.yaml")) {
            let folder = demo();
            fs::write(folder.path().join("datadip.yaml"), text).expect("datadip.yaml");
            lint(folder.path());
        }
    }
}

#[test]
fn every_action_on_the_page_of_a_database_lints_without_a_finding_and_passes_its_tests() {
    for (name, database) in DATABASES {
        let page = Path::new(REPOSITORY).join("docs").join(name);
        if !page.exists() {
            continue;
        }
        let folder = deployment(&page);
        lint(folder.path());
        let schema = blocks(&page, "sql", "-- ").pop().expect("the page has a schema.sql").1;
        if let Some(database) = database(&schema) {
            datadip_on(folder.path(), database.url(), &["test", "--live", "--deny-skipped"]);
        }
    }
}

#[test]
fn every_action_on_the_page_of_salesforce_lints_without_a_finding_and_passes_its_tests() {
    let folder = deployment(&Path::new(REPOSITORY).join("docs").join(SALESFORCE));
    lint(folder.path());
    let server = Server::start(Org::demo());
    let config = folder.path().join("datadip.yaml");
    let text = fs::read_to_string(&config).expect("datadip.yaml");
    assert!(text.contains(MY_DOMAIN), "the page names the org's address");
    fs::write(&config, text.replace(MY_DOMAIN, &server.url())).expect("datadip.yaml");
    datadip(folder.path(), &["lint", "--live", "--deny-warnings"]);
    datadip(folder.path(), &["test", "--live", "--deny-skipped"]);
}

#[test]
fn every_action_on_the_page_of_snowflake_lints_without_a_finding() {
    let folder = deployment(&Path::new(REPOSITORY).join("docs").join(SNOWFLAKE));
    lint(folder.path());
    datadip(folder.path(), &["test", "--deny-skipped"]);
}

#[test]
fn the_example_of_salesforce_lints_without_a_finding_and_passes_its_tests() {
    let folder = Path::new(REPOSITORY).join("examples/salesforce");
    lint(&folder);
    datadip(&folder, &["test", "--deny-skipped"]);
}

#[test]
fn the_example_with_two_databases_lints_without_a_finding_and_passes_its_tests() {
    let folder = Path::new(REPOSITORY).join("examples/two-databases");
    lint(&folder);
    let script = |name| fs::read_to_string(folder.join(name)).expect("a script");
    let databases = (Database::postgres(&script("crm.sql")), Database::mysql(&script("billing.sql")));
    let (Some(crm), Some(billing)) = databases else { return };
    let mut command = Command::cargo_bin("datadip").expect("the binary");
    command.current_dir(&folder).env("CRM_URL", crm.url()).env("BILLING_URL", billing.url());
    command.args(["test", "--live", "--deny-skipped"]).assert().success();
}

#[test]
fn no_link_of_the_docs_leads_nowhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)) {
            let file = target.split('#').next().unwrap_or_default();
            if !target.starts_with("http") && !file.is_empty() {
                let folder = page.parent().expect("a folder");
                assert!(folder.join(file).exists(), "{}: {target}", page.display());
            }
        }
    }
}
