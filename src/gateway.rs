//! What a call may touch, as one snapshot, and the handle that a reload swaps.

use std::{
    collections::HashMap,
    path::Path,
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    action::Action,
    backend::{Backend, Driver, breaker::Breaker},
    call::{Cache, Repeats},
    catalog::{Catalog, File},
    limit::Limiter,
    profile::Profile,
    project::Project,
    settings::{BackendSettings, Fingerprint, Settings},
};

/// How long a changed backend may take to connect before it replaces the old one all the same.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long calls may go on with a backend that was replaced: longer than any deadline.
const DRAIN_WAIT: Duration = Duration::from_secs(120);

/// Settings, catalog, backends and limits that belong together. Immutable; a call keeps the one it began with.
#[derive(Debug)]
pub struct Gateway {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The actions.
    pub catalog: Arc<Catalog>,
    /// The backends by name. A last good action may name one that is no longer here: it is unavailable.
    pub backends: HashMap<String, Arc<dyn Backend>>,
    /// The limits for all calls together.
    pub limiter: Arc<Limiter>,
    /// The cached answers; new when their limit changes.
    pub cache: Arc<Cache>,
    /// The writes under idempotency keys, kept over every reload.
    pub repeats: Arc<Repeats>,
    /// What calls did, kept over every reload.
    pub profile: Arc<Profile>,
    /// Why the last reload left something as it was, in a sentence.
    pub reload_problem: Option<String>,
    /// Of which settings each backend is.
    running: HashMap<String, Running>,
}

/// What a backend was made of.
#[derive(Clone, Copy, Debug)]
struct Running {
    digest: Fingerprint,
    driver: &'static Driver,
}

impl Gateway {
    /// The first gateway of a project; `None` when its `datadip.yaml` has errors. It does not connect.
    pub fn new(project: &Project) -> Option<Self> {
        Some(Self::build(project, project.settings.clone()?, None, Timestamp::now()))
    }

    /// The gateway of a project. What did not change is kept from `previous`, with its connections and its state; a
    /// backend whose settings changed is kept too, until its successor is connected. Not one of another kind, though: its
    /// statements are in another language.
    fn build(project: &Project, settings: Arc<Settings>, previous: Option<&Self>, now: Timestamp) -> Self {
        let none = Catalog::default();
        let last = previous.map_or(&none, |previous| &*previous.catalog);
        let files = project.actions.iter().map(|loaded| File {
            name: &loaded.name,
            action: loaded.action.as_ref(),
            report: &loaded.report,
        });
        let fits = |action: &Action| {
            settings.backends.get(&action.backend).is_none_or(|backend| ptr::eq(backend.driver, action.driver))
        };
        let catalog = Arc::new(Catalog::build(files, last, fits, &settings.limits.calls, now));
        let limiter = previous.map(|previous| previous.limiter.clone());
        let limiter = limiter
            .filter(|limiter| *limiter.settings() == settings.limits.calls)
            .unwrap_or_else(|| Arc::new(Limiter::new(settings.limits.calls)));
        let cache = previous.map(|previous| previous.cache.clone());
        let cache = cache
            .filter(|cache| cache.max_bytes() == settings.cache_bytes)
            .unwrap_or_else(|| Arc::new(Cache::new(settings.cache_bytes)));
        let repeats = previous.map(|previous| previous.repeats.clone()).unwrap_or_default();
        let profile = previous.map(|previous| previous.profile.clone()).unwrap_or_default();
        profile.recent.keep(settings.history);
        let mut backends = HashMap::new();
        let mut running = HashMap::new();
        for (name, wanted) in &settings.backends {
            let kept = previous.and_then(|previous| Some((previous.backends.get(name)?, previous.running.get(name)?)));
            let kept = kept.filter(|(_, running)| ptr::eq(running.driver, wanted.driver));
            let made_of = Running { digest: wanted.digest, driver: wanted.driver };
            let opened = || Some((open(name, wanted, &settings.folder)?, made_of));
            if let Some((backend, made_of)) = kept.map(|(backend, made_of)| (backend.clone(), *made_of)).or_else(opened)
            {
                backends.insert(name.clone(), backend);
                running.insert(name.clone(), made_of);
            }
        }
        Self {
            settings,
            catalog,
            backends,
            limiter,
            cache,
            repeats,
            profile,
            reload_problem: project.problem.clone(),
            running,
        }
    }

    /// A backend, and of which settings it is.
    pub fn backend(&self, name: &str) -> Option<(&Arc<dyn Backend>, &Fingerprint)> {
        self.backends.get(name).zip(self.running.get(name).map(|running| &running.digest))
    }

    /// The same with another backend under a name.
    fn with_backend(&self, name: &str, backend: Arc<dyn Backend>, made_of: Running) -> Self {
        let mut backends = self.backends.clone();
        let mut running = self.running.clone();
        backends.insert(name.into(), backend);
        running.insert(name.into(), made_of);
        Self {
            settings: self.settings.clone(),
            catalog: self.catalog.clone(),
            backends,
            limiter: self.limiter.clone(),
            cache: self.cache.clone(),
            repeats: self.repeats.clone(),
            profile: self.profile.clone(),
            reload_problem: self.reload_problem.clone(),
            running,
        }
    }
}

/// The gateway that serves now. Readers take a snapshot; a reload swaps the whole.
#[derive(Debug)]
pub struct Live {
    gateway: ArcSwap<Gateway>,
    changes: watch::Sender<()>,
    /// Held while a swap is made, by whoever makes it: the backends that are being connected, by the settings they are of.
    connecting: Mutex<HashMap<String, Fingerprint>>,
}

impl Live {
    /// A handle on a gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway: ArcSwap::from_pointee(gateway),
            changes: watch::Sender::default(),
            connecting: Mutex::default(),
        }
    }

    /// What serves now. A call takes one and keeps it to its end.
    pub fn snapshot(&self) -> Arc<Gateway> {
        self.gateway.load_full()
    }

    /// Hears of every swap from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Swaps to the gateway of a project; without settings nothing changes. Backends whose settings changed are connected,
    /// swapped and then drained in tasks of their own, so that access and limits need not wait for them: this wants a
    /// tokio runtime.
    pub fn apply(self: &Arc<Self>, project: &Project) {
        let Some(settings) = project.settings.clone() else { return };
        let mut connecting = self.connecting();
        let old = self.snapshot();
        let new = Arc::new(Gateway::build(project, settings, Some(&old), Timestamp::now()));
        self.swap(new.clone());
        for (name, wanted) in &new.settings.backends {
            if new.running.get(name).is_some_and(|running| running.digest != wanted.digest)
                && connecting.get(name) != Some(&wanted.digest)
                && let Some(backend) = open(name, wanted, &new.settings.folder)
            {
                connecting.insert(name.clone(), wanted.digest);
                tokio::spawn(self.clone().replace(name.clone(), backend, wanted.digest));
            }
        }
        for (name, backend) in &old.backends {
            if !new.backends.get(name).is_some_and(|kept| Arc::ptr_eq(kept, backend)) {
                tokio::spawn(retire(backend.clone()));
            }
        }
    }

    /// Connects a backend and puts it in the place of the one of its name, unless the settings have changed again.
    async fn replace(self: Arc<Self>, name: String, backend: Arc<dyn Backend>, digest: Fingerprint) {
        match timeout(CONNECT_WAIT, backend.connect()).await {
            Ok(Ok(())) => tracing::info!(backend = name, "the changed backend is connected"),
            Ok(Err(failure)) => {
                tracing::warn!(backend = name, code = failure.code, "the changed backend cannot be reached");
            }
            Err(_) => tracing::warn!(backend = name, "the changed backend does not answer"),
        }
        let replaced = self.put(&name, backend, digest);
        retire(replaced).await;
    }

    /// Answers the backend that is not used any more: the old one, or the new one where it came too late.
    fn put(&self, name: &str, backend: Arc<dyn Backend>, digest: Fingerprint) -> Arc<dyn Backend> {
        let mut connecting = self.connecting();
        if connecting.get(name) == Some(&digest) {
            connecting.remove(name);
        }
        let now = self.snapshot();
        let wanted = now.settings.backends.get(name).filter(|settings| settings.digest == digest);
        match (now.backends.get(name), wanted) {
            (Some(old), Some(wanted)) if now.running.get(name).is_none_or(|running| running.digest != digest) => {
                let old = old.clone();
                self.swap(now.with_backend(name, backend, Running { digest, driver: wanted.driver }));
                old
            }
            _ => backend,
        }
    }

    fn swap(&self, gateway: impl Into<Arc<Gateway>>) {
        self.gateway.store(gateway.into());
        self.changes.send_replace(());
    }

    fn connecting(&self) -> MutexGuard<'_, HashMap<String, Fingerprint>> {
        self.connecting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A backend behind its circuit breaker, which lives as long as it does. It does not connect.
fn open(name: &str, wanted: &BackendSettings, folder: &Path) -> Option<Arc<dyn Backend>> {
    Some(Arc::new(Breaker::new(name, wanted.driver, wanted.open(folder)?)))
}

/// Closes a backend once no call holds it any more.
async fn retire(backend: Arc<dyn Backend>) {
    let latest = Instant::now() + DRAIN_WAIT;
    while Arc::strong_count(&backend) > 1 && Instant::now() < latest {
        sleep(Duration::from_millis(50)).await;
    }
    backend.close().await;
}
