//! Files and folders by their paths, as `lint PATH…` names them: each file is checked as a part of the deployment that it
//! lies in, so that a part of a deployment is judged as the whole is.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Configured, LoadError, Loader, Project, SchemaFiles, files};
use crate::settings::Environment;

/// The name of a deployment's configuration.
const CONFIG: &str = "datadip.yaml";

impl Project {
    /// Loads the deployments that some paths lie in, reduced to these paths; with an `environment` secrets are put in place. A file belongs to `config`
    /// if it lies below its folder, else to the nearest `datadip.yaml` above it. A file that is named itself but lies outside of `actions/` is checked
    /// against that deployment all the same, under its own name. Without any configuration, backends and
    /// keys are not known and not checked.
    pub fn load_paths(
        config: &Path,
        paths: &[PathBuf],
        environment: Option<&dyn Environment>,
    ) -> Result<Vec<Self>, LoadError> {
        let config = config.canonicalize().ok();
        let home = |file: &Path| {
            let given = config.clone().filter(|config| config.parent().is_some_and(|folder| file.starts_with(folder)));
            given.or_else(|| config_above(file))
        };
        let mut deployments: BTreeMap<Option<PathBuf>, Wanted> = BTreeMap::new();
        for path in paths {
            let failed = |error: std::io::Error| LoadError { path: path.clone(), reason: error.to_string() };
            let real = path.canonicalize().map_err(failed)?;
            if real.is_dir() {
                for found in files::find(&real, &["yaml", "yml", "json"]).map_err(failed)? {
                    let wanted = deployments.entry(home(&found.path)).or_default();
                    wanted.files.extend(found.path.canonicalize());
                }
            } else {
                let wanted = deployments.entry(home(&real)).or_default();
                wanted.files.insert(real.clone());
                wanted.named.push(real);
            }
        }
        deployments.into_iter().map(|(config, wanted)| reduced(config.as_deref(), wanted, environment)).collect()
    }
}

/// The files of one deployment that are asked for.
#[derive(Default)]
struct Wanted {
    files: HashSet<PathBuf>,
    /// Those that were named themselves, not by a folder above them.
    named: Vec<PathBuf>,
}

fn config_above(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).map(|folder| folder.join(CONFIG)).find(|config| config.is_file())
}

fn reduced(config: Option<&Path>, wanted: Wanted, environment: Option<&dyn Environment>) -> Result<Project, LoadError> {
    let mut project = match config {
        Some(config) => Project::load(config, environment, None)?,
        None => {
            let here = std::path::absolute(".").unwrap_or_default();
            Project::new(here, Configured::default(), SchemaFiles::default(), Vec::new(), None)
        }
    };
    let asked = |path: &Path| path.canonicalize().is_ok_and(|path| wanted.files.contains(&path));
    let mut known: HashSet<PathBuf> =
        project.alone.iter().filter_map(|loaded| loaded.path.canonicalize().ok()).collect();
    known.extend(config.map(Path::to_owned));
    project.actions.retain(|loaded| asked(&loaded.path));
    let folder = project.folder.clone();
    project.schema_files.reports.retain(|report| asked(&folder.join(&report.source.path)));
    project.schema_files.count = project.schema_files.reports.len();

    let outline = Arc::clone(&project.outline);
    let loader = Loader::new(&outline, &project.schema_files, &[]);
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
