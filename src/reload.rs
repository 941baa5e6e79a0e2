//! Watches a deployment, loads what changed and swaps what serves (SPEC 9.1). Events are only hints: the truth is the bytes
//! of the files, which are compared after events and from time to time without any, for file systems that send none.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, timeout},
};

use crate::{
    diagnostic::{Level, text},
    gateway::Live,
    project::Project,
    settings::{Environment, ProcessEnvironment},
};

/// How soon a change is acted on.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long nothing may change before the files are read: a copy of many files is one change.
    pub quiet: Duration,
    /// How long changes may go on before the files are read all the same.
    pub longest: Duration,
    /// How often the files are compared without any event.
    pub poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(300), longest: Duration::from_secs(2), poll: Duration::from_secs(15) }
    }
}

/// A deployment that is being watched, until this is dropped.
#[derive(Debug)]
pub struct Watch {
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the deployment of `config` for `live`, which serves `project`. Wants a tokio runtime; files are read and compiled
/// off its threads.
pub fn watch(live: Arc<Live>, config: PathBuf, project: Project, pace: Pace) -> Watch {
    Watch { task: tokio::spawn(run(live, config, Arc::new(project), pace)) }
}

async fn run(live: Arc<Live>, config: PathBuf, mut project: Arc<Project>, pace: Pace) {
    let signals = Arc::new(Signals::default());
    // What changed while the first project was loaded is found by one comparison at the start.
    signals.changed.notify_one();
    let mut places = Places::of(&config, &project);
    let mut watcher = places.watch(&signals);
    let mut logged = broken(&project);
    loop {
        if timeout(pace.poll, signals.changed.notified()).await.is_ok() {
            settle(&signals.changed, pace).await;
        }
        let stale = signals.stale.swap(false, Ordering::Relaxed);
        let loading = {
            let (config, project) = (config.clone(), project.clone());
            spawn_blocking(move || {
                Project::load(&config, Some(&ProcessEnvironment as &dyn Environment), Some(&project))
            })
        };
        match loading.await {
            Ok(Ok(next)) => {
                if next.digest != project.digest {
                    let now_broken = broken(&next);
                    log_new(&now_broken, &logged);
                    logged = now_broken;
                    if let Some(problem) = next.problem.as_ref().filter(|_| next.problem != project.problem) {
                        tracing::warn!("{problem}");
                    }
                    warn_of_restart(&project, &next);
                    live.apply(&next);
                    tracing::info!(actions = next.actions.len(), broken = logged.len(), "reloaded");
                    project = Arc::new(next);
                }
            }
            Ok(Err(error)) => tracing::warn!("nothing was reloaded: {error}"),
            Err(_) => tracing::error!("nothing was reloaded: loading failed by a mistake of datadip's"),
        }
        let now = Places::of(&config, &project);
        if stale || now != places {
            let lost = watcher.is_some();
            places = now;
            watcher = places.watch(&signals);
            if lost && watcher.is_some() {
                // Between the two watchers a change could have been missed.
                signals.changed.notify_one();
            }
        }
    }
}

/// Waits until nothing changes any more, within bounds.
async fn settle(changed: &Notify, pace: Pace) {
    let latest = Instant::now() + pace.longest;
    while let left = latest.saturating_duration_since(Instant::now())
        && !left.is_zero()
        && timeout(pace.quiet.min(left), changed.notified()).await.is_ok()
    {}
}

/// The files that cannot be served, each as lint prints it.
fn broken(project: &Project) -> BTreeSet<String> {
    let broken = project.reports().into_iter().filter(|report| report.count(Level::Error) > 0);
    broken.map(|report| text::render(&report, false)).collect()
}

fn log_new(broken: &BTreeSet<String>, logged: &BTreeSet<String>) {
    for text in broken.difference(logged) {
        tracing::warn!("a file is broken and its last good version stays, if it had one:\n{}", text.trim_end());
    }
}

/// Says which changes of `datadip.yaml` a running gateway cannot follow.
fn warn_of_restart(old: &Project, new: &Project) {
    let (Some(old), Some(new)) = (&old.settings, &new.settings) else { return };
    let (old, new) = (&old.server, &new.server);
    if (old.listen, old.admin_listen, old.workers) != (new.listen, new.admin_listen, new.workers) {
        tracing::warn!("`listen`, `admin_listen` and `workers` of `server` take effect at the next start");
    }
}

/// What a watcher tells the loop.
#[derive(Debug, Default)]
struct Signals {
    /// Something changed.
    changed: Notify,
    /// A watched folder itself was moved, removed or made: the watcher holds on to what was there before.
    stale: AtomicBool,
}

/// What matters to a deployment on disk, as absolute paths.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Places {
    /// Folders with everything below them.
    folders: Vec<PathBuf>,
    /// Single files.
    files: Vec<PathBuf>,
    /// Where these really are: links on the way may be swapped.
    real: Vec<Option<PathBuf>>,
}

impl Places {
    fn of(config: &Path, project: &Project) -> Self {
        let mut folders = Vec::new();
        let mut files = vec![std::path::absolute(config).unwrap_or_else(|_| config.to_owned())];
        if let Some(settings) = &project.settings {
            folders.push(project.folder.join(&settings.outline.actions));
            folders.push(project.folder.join(&settings.outline.schemas));
            files.extend(settings.secret_files.iter().cloned());
        }
        let real = folders.iter().chain(&files).map(|path| path.canonicalize().ok()).collect();
        Self { folders, files, real }
    }

    /// The folders to watch: the two with everything below them; what holds these, and the files, without. Not everything
    /// below what holds them: a database beside `actions/` is written all the time.
    fn watched(&self) -> BTreeMap<&Path, RecursiveMode> {
        let holders = self.folders.iter().chain(&self.files).filter_map(|path| path.parent());
        // One more up, to see that the folder of a deployment was replaced as a whole.
        let holders = holders.flat_map(|holder| [Some(holder), holder.parent()]).flatten();
        let mut watched: BTreeMap<&Path, RecursiveMode> =
            holders.map(|holder| (holder, RecursiveMode::NonRecursive)).collect();
        watched.extend(self.folders.iter().map(|folder| (folder.as_path(), RecursiveMode::Recursive)));
        watched
    }

    /// A watcher of these places; without one, the comparison from time to time has to do.
    fn watch(&self, signals: &Arc<Signals>) -> Option<RecommendedWatcher> {
        let (places, signals) = (self.clone(), signals.clone());
        let heard = move |event: notify::Result<Event>| match event {
            Ok(event) => places.heard(&event, &signals),
            Err(_) => signals.changed.notify_one(),
        };
        let mut watcher = notify::recommended_watcher(heard)
            .inspect_err(|error| tracing::warn!("files are compared from time to time only: {error}"))
            .ok()?;
        for (path, mode) in self.watched() {
            // A folder that is not there now is seen by the one that holds it.
            if let Err(error) = watcher.watch(path, mode)
                && path.exists()
            {
                tracing::warn!("`{}` is compared from time to time only: {error}", path.display());
            }
        }
        Some(watcher)
    }

    fn heard(&self, event: &Event, signals: &Signals) {
        // Reading makes events too; answering those would never end.
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in &event.paths {
            if self.folders.iter().any(|folder| folder.starts_with(path))
                || self.files.iter().any(|file| file.parent().is_some_and(|holder| holder.starts_with(path)))
            {
                signals.stale.store(true, Ordering::Relaxed);
                signals.changed.notify_one();
            } else if self.concerns(path) {
                signals.changed.notify_one();
            }
        }
        if event.need_rescan() {
            signals.changed.notify_one();
        }
    }

    /// Whether a change at a path may change a file that matters. Kubernetes mounts a file as a link through `..data`, and
    /// swaps that.
    fn concerns(&self, path: &Path) -> bool {
        let swapped = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        self.folders.iter().any(|folder| path.starts_with(folder))
            || self.files.iter().any(|file| file == path || (swapped && file.parent() == path.parent()))
    }
}
