//! Files and folders by their paths, as `lint PATH…` names them, or because they changed: each file is checked as a part of
//! the deployment that it lies in, so that a part of a deployment is judged as the whole is.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Configured, LoadError, Loaded, Loader, Project, SchemaFiles,
    files::{Files, Unsaved, real},
};
use crate::{settings::Environment, yaml};

/// The name of a deployment's configuration.
const CONFIG: &str = "datadip.yaml";

impl Project {
    /// Loads the deployments that some paths lie in, reduced to these paths; with an `environment` secrets are put in place.
    /// A file belongs to the nearest `datadip.yaml` above it, or to `config` where that lies as near. A file that is named
    /// itself but lies outside of `actions/` is checked against that deployment all the same, under its own name. Without any
    /// configuration, backends and keys are not known and not checked.
    pub fn load_paths(
        config: &Path,
        paths: &[PathBuf],
        environment: Option<&dyn Environment>,
    ) -> Result<Vec<Self>, LoadError> {
        let config = config.canonicalize().ok();
        let home = |file: &Path| home(config.as_deref(), file);
        let mut deployments: BTreeMap<Option<PathBuf>, Wanted> = BTreeMap::new();
        for path in paths {
            let failed = |error: std::io::Error| LoadError { path: path.clone(), reason: error.to_string() };
            let real = path.canonicalize().map_err(failed)?;
            if real.is_dir() {
                for found in Files::default().find(&real, &["yaml", "yml", "json"]).map_err(failed)? {
                    let wanted = deployments.entry(home(&found.path)).or_default();
                    wanted.files.extend(found.path.canonicalize());
                }
            } else {
                let wanted = deployments.entry(home(&real)).or_default();
                wanted.files.insert(real.clone());
                wanted.named.push(real);
            }
        }
        let reduced =
            |(config, wanted): (Option<PathBuf>, _)| reduced(Files::default(), config.as_deref(), wanted, environment);
        deployments.into_iter().map(reduced).collect()
    }

    /// Loads the deployment that a file lies in as an editor has it, reduced to this file. It belongs to a deployment as
    /// those of [`Project::load_paths`] do.
    pub fn load_unsaved(
        config: &Path,
        file: &Unsaved,
        environment: Option<&dyn Environment>,
    ) -> Result<Self, LoadError> {
        // The configuration may be the very file, not saved yet.
        let given = Some(real(config)).filter(|config| config.is_file() || config == file.path());
        let config = home(given.as_deref(), file.path());
        let path = file.path().to_owned();
        let wanted = Wanted { files: HashSet::from([path.clone()]), named: vec![path] };
        reduced(Files::with(file), config.as_deref(), wanted, environment)
    }

    /// Reduces to the files that changed, and to the actions that refer to a schema that changed. Where `datadip.yaml`
    /// changed, nothing is left out. `changed` has paths without links on the way, of folders too.
    pub fn keep_changed(&mut self, changed: &HashSet<PathBuf>) {
        let is_changed = |path: &Path| {
            let itself = path.parent().zip(path.file_name()).map(|(folder, name)| real(folder).join(name));
            let among = |path: &Path| path.ancestors().any(|path| changed.contains(path));
            itself.is_some_and(|path| among(&path)) || among(&real(path))
        };
        let config = self.settings_report.as_ref().map(|report| self.folder.join(&report.source.path));
        if config.is_some_and(|config| is_changed(&config)) {
            return;
        }
        let schemas = self.folder.join(&self.outline.schemas);
        let mut concerned: HashSet<PathBuf> = HashSet::new();
        for loaded in &self.actions {
            if is_changed(&loaded.path) || self.schemas_of(loaded).any(|name| is_changed(&schemas.join(name))) {
                concerned.insert(loaded.path.clone());
            }
        }
        self.keep(|path| concerned.contains(path) || (path.starts_with(&schemas) && is_changed(path)));
    }

    /// The files below `schemas/` that the result of an action depends on, also missing ones.
    fn schemas_of(&self, loaded: &Loaded) -> impl Iterator<Item = String> {
        let document = yaml::parse(&loaded.report.source.text).0;
        let schema = document.as_ref().and_then(|document| document.root.get("result")?.get("schema"));
        schema.map(|schema| self.schema_files.schemas.reached(schema)).into_iter().flatten()
    }

    fn keep(&mut self, asked: impl Fn(&Path) -> bool) {
        let (folder, schemas) = (&self.folder, self.folder.join(&self.outline.schemas));
        self.actions.retain(|loaded| asked(&loaded.path));
        self.schema_files.names.retain(|name| asked(&schemas.join(name)));
        self.schema_files.reports.retain(|report| asked(&folder.join(&report.source.path)));
    }
}

/// The files of one deployment that are asked for.
#[derive(Default)]
struct Wanted {
    files: HashSet<PathBuf>,
    /// Those that were named themselves, not by a folder above them.
    named: Vec<PathBuf>,
}

/// The configuration of the deployment that a file belongs to: the nearest one above it, which in its own folder is the one
/// that was given.
fn home(config: Option<&Path>, file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find_map(|folder| {
        let given = config.filter(|config| config.parent() == Some(folder)).map(Path::to_owned);
        given.or_else(|| Some(folder.join(CONFIG)).filter(|config| config.is_file()))
    })
}

fn reduced(
    files: Files<'_>,
    config: Option<&Path>,
    wanted: Wanted,
    environment: Option<&dyn Environment>,
) -> Result<Project, LoadError> {
    let mut project = match config {
        Some(config) => Project::load_from(files, config, environment, None)?,
        None => {
            let here = std::path::absolute(".").unwrap_or_default();
            Project::new(here, Configured::default(), SchemaFiles::default(), Vec::new(), None)
        }
    };
    let mut known: HashSet<PathBuf> = project.alone.iter().map(|loaded| real(&loaded.path)).collect();
    known.extend(config.map(Path::to_owned));
    project.keep(|path| wanted.files.contains(&real(path)));

    let folder = project.folder.clone();
    let outline = Arc::clone(&project.outline);
    let loader = Loader::new(files, &outline, &project.schema_files, &[]);
    let schemas = folder.join(&outline.schemas);
    let strays = wanted.named.iter().filter(|path| !known.contains(*path) && !path.starts_with(&schemas));
    let strays: Vec<_> = strays
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let shown = path.strip_prefix(&folder).unwrap_or(path).display().to_string();
            loader.load(path, &name, shown)
        })
        .collect();
    project.actions.extend(strays);
    Ok(project)
}
