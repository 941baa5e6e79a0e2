//! A folder becomes settings, actions and diagnostics: the only reader of action files, the same for every command, so that
//! lint and serve cannot disagree. It serves nothing: what was good before and is broken now is the catalog's matter.

mod files;
mod paths;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use sha2::{Digest, Sha256};

use crate::{
    action::{Action, Context, Schemas, is_name, usual_path},
    diagnostic::{
        BAD_NAME, DUPLICATE_NAME, Diagnostic, ROUTE_CONFLICT, Report, Source, Span, UNREADABLE_FILE, has_errors,
    },
    lint::{self, Finder},
    settings::{Environment, Fingerprint, Outline, Read, Settings},
    spec::ActionSpec,
    yaml::{self, read::FromNode},
};

use files::{Files, Found};

pub use files::Unsaved;

/// A deployment as it stands on disk at one moment.
#[derive(Debug)]
pub struct Project {
    /// The folder of `datadip.yaml`.
    pub folder: PathBuf,
    /// The configuration; `None` where it has errors and never was good.
    pub settings: Option<Arc<Settings>>,
    /// What is wrong with `datadip.yaml` as it is now; `None` for files outside of a deployment.
    pub settings_report: Option<Report>,
    /// The action files, ordered by name.
    pub actions: Vec<Arc<Loaded>>,
    /// What could not be read and therefore stays as it was, in a sentence.
    pub problem: Option<String>,
    /// Equal for two projects that are the same in every file.
    pub digest: Fingerprint,
    /// The action files as each is by itself, before they were compared with each other.
    alone: Vec<Arc<Loaded>>,
    schema_files: SchemaFiles,
    /// What the actions were checked against.
    outline: Arc<Outline>,
}

/// What came of one action file.
#[derive(Debug)]
pub struct Loaded {
    /// Its name: the path below `actions/` without the extension.
    pub name: String,
    /// Where the file is.
    pub path: PathBuf,
    /// The action, unless the report has an error.
    pub action: Option<Arc<Action>>,
    /// What is wrong with the file, and its text.
    pub report: Report,
    /// A digest of everything that this outcome depends on.
    pub digest: Fingerprint,
    /// The place of `route.path`, where the file sets it.
    route: Option<Span>,
}

/// The files below `schemas/`, and what is wrong with them.
#[derive(Clone, Debug, Default)]
struct SchemaFiles {
    schemas: Arc<Schemas>,
    reports: Vec<Report>,
    digest: Fingerprint,
    /// The files below the folder, with `/`.
    names: Vec<String>,
}

/// Something without which nothing can be loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub reason: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for LoadError {}

impl Project {
    /// Loads the deployment of a `datadip.yaml`. Without an `environment` no secrets are needed, and the project is for
    /// checking only. With a `previous` project, what did not change is not compiled again; and what cannot be read now
    /// (or a `datadip.yaml` with errors) stays as it was, which `problem` says.
    pub fn load(
        config: &Path,
        environment: Option<&dyn Environment>,
        previous: Option<&Self>,
    ) -> Result<Self, LoadError> {
        Self::load_from(Files::default(), config, environment, previous)
    }

    fn load_from(
        files: Files<'_>,
        config: &Path,
        environment: Option<&dyn Environment>,
        previous: Option<&Self>,
    ) -> Result<Self, LoadError> {
        let failed = |path: &Path, reason: String| LoadError { path: path.to_owned(), reason };
        let config = std::path::absolute(config).map_err(|error| failed(config, error.to_string()))?;
        let folder = config.parent().unwrap_or(&config).to_owned();
        let mut problems = Vec::new();

        let configured = configure(files, &config, &folder, environment, previous, &mut problems);
        let configured = configured.map_err(|reason| failed(&config, reason))?;
        let outline = configured.outline.clone();

        let schema_folder = folder.join(&outline.schemas);
        let schema_files = match load_schemas(files, &schema_folder, &outline.schemas, previous) {
            Ok(loaded) => loaded,
            Err(error) => match previous {
                Some(previous) => {
                    problems.push(format!("`{}` cannot be read ({error}); the last schemas stay", outline.schemas));
                    previous.schema_files.clone()
                }
                None => return Err(failed(&schema_folder, error.to_string())),
            },
        };

        let action_folder = folder.join(&outline.actions);
        let before = previous.map_or(&[] as &[_], |previous| previous.alone.as_slice());
        let alone = match files.find(&action_folder, &["yaml", "yml"]) {
            Ok(found) if found.is_empty() && !before.is_empty() => {
                problems.push(format!("`{}` lost all of its files; the last actions stay", outline.actions));
                before.to_vec()
            }
            Ok(found) => load_actions(files, &found, &outline, &schema_files, before),
            Err(error) if previous.is_some() => {
                problems.push(format!("`{}` cannot be read ({error}); the last actions stay", outline.actions));
                before.to_vec()
            }
            Err(error) => return Err(failed(&action_folder, error.to_string())),
        };
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        Ok(Self::new(folder, configured, schema_files, alone, problem))
    }

    /// What is wrong with any file, ordered by file: `datadip.yaml`, the schemas, the actions. Files without a diagnostic
    /// are left out.
    pub fn reports(&self) -> Vec<Report> {
        let actions = self.actions.iter().map(|loaded| &loaded.report);
        let mut reports: Vec<Report> =
            self.settings_report.iter().chain(&self.schema_files.reports).chain(actions).cloned().collect();
        reports.retain(|report| !report.diagnostics.is_empty());
        reports.sort_by(|a, b| a.source.path.cmp(&b.source.path));
        reports
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        usize::from(self.settings_report.is_some()) + self.schema_files.names.len() + self.actions.len()
    }

    fn new(
        folder: PathBuf,
        configured: Configured,
        schema_files: SchemaFiles,
        alone: Vec<Arc<Loaded>>,
        problem: Option<String>,
    ) -> Self {
        let Configured { settings, outline, report: settings_report } = configured;
        let mut digest = Sha256::new();
        digest.update(settings.as_ref().map_or([0; 32], |settings| settings.digest));
        digest.update(settings_report.as_ref().map_or("", |report| &report.source.text));
        digest.update(problem.as_deref().unwrap_or_default());
        digest.update(schema_files.digest);
        alone.iter().for_each(|loaded| digest.update(loaded.digest));
        let actions = compare(&alone);
        let digest = digest.finalize().into();
        Self { folder, settings, settings_report, actions, problem, digest, alone, schema_files, outline }
    }
}

/// What came of `datadip.yaml`.
#[derive(Default)]
struct Configured {
    settings: Option<Arc<Settings>>,
    outline: Arc<Outline>,
    report: Option<Report>,
}

fn configure(
    files: Files<'_>,
    config: &Path,
    folder: &Path,
    environment: Option<&dyn Environment>,
    previous: Option<&Project>,
    problems: &mut Vec<String>,
) -> Result<Configured, String> {
    let shown = config.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let last = previous.and_then(|previous| previous.settings.clone());
    let text = match files.read(config) {
        Ok(text) => text,
        Err(reason) => {
            let last = last.ok_or_else(|| reason.clone())?;
            problems.push(format!("`{shown}` cannot be read ({reason}); the last configuration stays"));
            let report = previous.and_then(|previous| previous.settings_report.clone());
            return Ok(Configured { outline: last.outline.clone(), settings: Some(last), report });
        }
    };
    let Read { settings, outline, report } =
        Settings::read(Arc::new(Source { path: shown.clone(), text }), folder, environment);
    let report = Some(report);
    Ok(match (settings, last) {
        (Some(settings), Some(last)) if settings.digest == last.digest => {
            Configured { outline: last.outline.clone(), settings: Some(last), report }
        }
        (Some(settings), _) => Configured { settings: Some(Arc::new(settings)), outline, report },
        (None, Some(last)) => {
            problems.push(format!("`{shown}` has errors; the last configuration stays"));
            Configured { outline: last.outline.clone(), settings: Some(last), report }
        }
        (None, None) => Configured { settings: None, outline, report },
    })
}

fn load_schemas(files: Files<'_>, folder: &Path, shown: &str, previous: Option<&Project>) -> io::Result<SchemaFiles> {
    let found = match files.find(folder, &["json"]) {
        Err(_) if !folder.exists() => return Ok(SchemaFiles::default()),
        found => found?,
    };
    let mut digest = Sha256::new();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut unreadable = BTreeMap::new();
    for found in found {
        let (text, out) = text_of(files, &found.path);
        let problem = out.first().map_or("", |diagnostic| &diagnostic.message);
        digest.update(digest_of(&[found.below.as_bytes(), problem.as_bytes(), text.as_bytes()]));
        if out.is_empty() {
            texts.insert(found.below, text);
        } else {
            unreadable.insert(found.below, out);
        }
    }
    let digest: Fingerprint = digest.finalize().into();
    if let Some(previous) = previous.filter(|previous| previous.schema_files.digest == digest) {
        return Ok(previous.schema_files.clone());
    }
    let names = texts.keys().chain(unreadable.keys()).cloned().collect();
    let (schemas, mut found) = Schemas::load(texts.clone());
    found.extend(unreadable);
    let report = |(below, out): (String, Vec<Diagnostic>)| {
        let text = texts.remove(&below).unwrap_or_default();
        Report::new(Arc::new(Source { path: format!("{shown}/{below}"), text }), out)
    };
    Ok(SchemaFiles { schemas: Arc::new(schemas), reports: found.into_iter().map(report).collect(), digest, names })
}

/// The text of a file; of an unreadable one nothing, with the diagnostic that says why.
fn text_of(files: Files<'_>, path: &Path) -> (String, Vec<Diagnostic>) {
    match files.read(path) {
        Ok(text) => (text, Vec::new()),
        Err(reason) => (String::new(), vec![UNREADABLE_FILE.at(0..0, format!("the file cannot be read: {reason}"))]),
    }
}

fn digest_of(parts: &[&[u8]]) -> Fingerprint {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Reads and compiles action files, on all cores; a file whose digest is that of before is taken from there.
fn load_actions(
    files: Files<'_>,
    found: &[Found],
    outline: &Outline,
    schema_files: &SchemaFiles,
    before: &[Arc<Loaded>],
) -> Vec<Arc<Loaded>> {
    let loader = Loader::new(files, outline, schema_files, before);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let chunk = found.len().div_ceil(threads).max(64);
    let load_one =
        |found: &Found| loader.load(&found.path, &found.below, format!("{}/{}", outline.actions, found.below));
    let load = |files: &[Found]| files.iter().map(load_one).collect::<Vec<_>>();
    let mut loaded = thread::scope(|scope| {
        let (first, rest) = found.split_at(chunk.min(found.len()));
        let others: Vec<_> = rest.chunks(chunk).map(|files| scope.spawn(move || load(files))).collect();
        let mut loaded = load(first);
        for other in others {
            loaded.extend(other.join().expect("a panic in a loading thread goes on in this one"));
        }
        loaded
    });
    loaded.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    loaded
}

struct Loader<'a> {
    files: Files<'a>,
    outline: &'a Outline,
    context: Context<'a>,
    outline_digest: Fingerprint,
    schemas_digest: Fingerprint,
    before: HashMap<&'a Path, &'a Arc<Loaded>>,
}

impl<'a> Loader<'a> {
    fn new(files: Files<'a>, outline: &'a Outline, schema_files: &'a SchemaFiles, before: &'a [Arc<Loaded>]) -> Self {
        Self {
            files,
            outline,
            context: outline.context(&schema_files.schemas),
            outline_digest: outline.fingerprint(),
            schemas_digest: schema_files.digest,
            before: before.iter().map(|loaded| (loaded.path.as_path(), loaded)).collect(),
        }
    }

    /// Loads one file: where it is, its path below the folder of actions, and its path as shown.
    fn load(&self, path: &Path, below: &str, shown: String) -> Arc<Loaded> {
        let (text, mut out) = text_of(self.files, path);
        let name = below.rsplit_once('.').map_or(below, |(name, _)| name);
        // A text without a reference does not depend on the schemas; one could also hide behind an escape.
        let refers = text.contains("$ref") || text.contains('\\');
        let schemas: &[u8] = if refers { &self.schemas_digest } else { &[] };
        let reason = out.first().map_or("", |diagnostic| &diagnostic.message);
        let digest = digest_of(&[&self.outline_digest, schemas, name.as_bytes(), reason.as_bytes(), text.as_bytes()]);
        if let Some(before) = self.before.get(path).filter(|before| before.digest == digest) {
            return Arc::clone(before);
        }
        let source = Arc::new(Source { path: shown, text });
        if !is_name(name) {
            let help = "rename it; each folder and the file: a-z, 0-9, `_` and `-`, a letter or digit first";
            out.push(BAD_NAME.at(0..0, format!("the path of this file makes no name: {name:?}")).help(help));
        }
        let (action, route) = check(name, &source, &self.context, &mut out);
        self.outline.apply_levels(&mut out);
        let action = action.filter(|_| !has_errors(&out)).map(Arc::new);
        Arc::new(Loaded {
            name: name.to_owned(),
            path: path.to_owned(),
            action,
            report: Report::new(source, out),
            digest,
            route,
        })
    }
}

/// Everything that one file's text can be told.
fn check(
    name: &str,
    source: &Arc<Source>,
    context: &Context<'_>,
    out: &mut Vec<Diagnostic>,
) -> (Option<Action>, Option<Span>) {
    if out.iter().any(|diagnostic| diagnostic.rule.name == UNREADABLE_FILE.name) {
        return (None, None);
    }
    let (document, found) = yaml::parse(&source.text);
    out.extend(found);
    let Some(document) = document else { return (None, None) };
    let Some(spec) = ActionSpec::from_node(&document.root, out) else { return (None, None) };
    let route = spec.route.as_ref().and_then(|route| route.path.as_ref()).map(|path| path.span);
    let action = Action::compile(name, &spec, source, context, out);
    lint::check(action.as_ref().map_err(AsRef::as_ref), &spec, out);
    lint::silence(source, &document.comments, Some(&spec), Finder::Files, out);
    (action.ok(), route)
}

/// Finds files that cannot stand beside each other: each of them gets the error.
fn compare(alone: &[Arc<Loaded>]) -> Vec<Arc<Loaded>> {
    let mut found: HashMap<usize, Vec<Diagnostic>> = HashMap::new();
    for (at, pair) in alone.windows(2).enumerate() {
        if pair[0].name == pair[1].name {
            for (at, other) in [(at, &pair[1]), (at + 1, &pair[0])] {
                let message = format!("`{}` makes the same name", other.report.source.path);
                found.entry(at).or_default().push(DUPLICATE_NAME.at(0..0, message).help("keep one of the two"));
            }
        }
    }
    let mut routes: HashMap<&str, usize> = HashMap::new();
    for (at, loaded) in alone.iter().enumerate() {
        let Some(action) = loaded.action.as_ref().filter(|action| action.path != usual_path(&action.name)) else {
            continue;
        };
        let Some(&first) = routes.get(action.path.as_str()) else {
            routes.insert(&action.path, at);
            continue;
        };
        for (at, other) in [(first, at), (at, first)] {
            let span = alone[at].route.unwrap_or_default();
            let message = format!("`{}` has the same path", alone[other].report.source.path);
            found.entry(at).or_default().push(ROUTE_CONFLICT.at(span, message).help("give one of them another path"));
        }
    }
    let judged = |(at, loaded): (usize, &Arc<Loaded>)| match found.remove(&at) {
        None => Arc::clone(loaded),
        Some(mut diagnostics) => {
            diagnostics.extend(loaded.report.diagnostics.iter().cloned());
            Arc::new(Loaded {
                name: loaded.name.clone(),
                path: loaded.path.clone(),
                action: None,
                report: Report::new(loaded.report.source.clone(), diagnostics),
                digest: loaded.digest,
                route: loaded.route,
            })
        }
    };
    alone.iter().enumerate().map(judged).collect()
}
