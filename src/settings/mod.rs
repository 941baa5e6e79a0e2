//! `datadip.yaml` (SPEC 7): the only reader of the environment and of secrets. It knows how a gateway is configured and
//! nothing of the files that it serves.

mod access;
mod expand;
pub mod spec;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::{
    action::{Context, Schemas},
    backend::{Backend, DRIVERS, Deployment, Driver, driver},
    diagnostic::{
        BAD_VALUE, Diagnostic, LOOPBACK_ONLY, Level, MISSING_KEY, RULES, Report, Source, Span, has_errors, suggest,
    },
    limit::LimiterSettings,
    yaml::{
        self, Node, Spanned,
        read::{Entries, FromNode, Rate},
    },
};

use expand::Expansion;
use spec::{AccessSpec, GatewayLimitsSpec, LintLevel, LintSpec, ProfilerSpec, ServerSpec, SettingsSpec};

pub use access::{Access, Key, KeyHash};
pub use expand::{Environment, ProcessEnvironment};
pub use spec::{LogFormat, LogLevel};

/// The gateway's configuration, `${…}` replaced.
#[derive(Debug)]
pub struct Settings {
    /// The folder of `datadip.yaml`.
    pub folder: PathBuf,
    /// Where and how the gateway listens.
    pub server: Server,
    /// Who may call; `None` serves this machine only.
    pub access: Option<Access>,
    /// Limits of all calls together.
    pub limits: Limits,
    /// The most bytes of cached answers.
    pub cache_bytes: usize,
    /// The backends by name.
    pub backends: BTreeMap<String, BackendSettings>,
    /// How many of the last calls the profiler keeps.
    pub history: usize,
    /// Logs.
    pub telemetry: Telemetry,
    /// What action files are checked against.
    pub outline: Arc<Outline>,
    /// The files that `${file:…}` names: watched like `datadip.yaml`.
    pub secret_files: Vec<PathBuf>,
    /// A digest of the text and of what its references stand for.
    pub digest: Fingerprint,
}

/// A digest that tells whether something changed.
pub type Fingerprint = [u8; 32];

/// `server`.
#[derive(Debug)]
pub struct Server {
    /// Where calls are served.
    pub listen: SocketAddr,
    /// Where health, catalog, console and simulations are served instead.
    pub admin_listen: Option<SocketAddr>,
    /// How many threads serve.
    pub workers: usize,
    /// How long running calls may go on when the gateway stops.
    pub shutdown_grace: Duration,
    /// The proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins that get CORS headers.
    pub cors: Vec<String>,
}

/// `limits`.
#[derive(Debug)]
pub struct Limits {
    /// Concurrency, queue and rate of all calls together.
    pub calls: LimiterSettings,
    /// The largest body of a request.
    pub request_bytes: usize,
    /// The largest body of an answer.
    pub response_bytes: usize,
}

/// `telemetry`.
#[derive(Debug)]
pub struct Telemetry {
    /// How a line of the log is written; `None` decides by the terminal.
    pub log: Option<LogFormat>,
    /// The least level that is logged.
    pub level: LogLevel,
}

/// A backend's block, secrets in place.
pub struct BackendSettings {
    /// Its driver.
    pub driver: &'static Driver,
    /// A digest of the block: an equal one keeps its backend over a reload.
    pub digest: Fingerprint,
    /// The place of its name in `datadip.yaml`.
    pub place: Span,
    name: String,
    block: Node,
    limits: LimiterSettings,
}

impl BackendSettings {
    /// Makes the backend; it does not connect. `None` only where secrets were left out.
    pub fn open(&self, folder: &Path) -> Option<Arc<dyn Backend>> {
        (self.driver.open)(&self.block, &deployment(&self.name, folder, &self.limits), &mut Vec::new())
    }
}

impl fmt::Debug for BackendSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendSettings({})", self.driver.kind)
    }
}

/// What action files are checked against, as far as it could be read: known even where the rest of `datadip.yaml` is
/// broken, so that one run of lint reports everything.
#[derive(Debug)]
pub struct Outline {
    /// The driver of each backend; `None` without a `datadip.yaml` that tells all of them.
    pub backends: Option<HashMap<String, &'static Driver>>,
    /// The names of the access keys; `None` without `access`.
    pub keys: Option<Vec<String>>,
    /// `server.zone`.
    pub zone: TimeZone,
    /// `limits.response_bytes`.
    pub response_bytes: usize,
    /// The folder of the action files as written.
    pub actions: String,
    /// The folder of the schemas as written.
    pub schemas: String,
    /// `lint.levels`, by rule; `None` is off.
    pub levels: HashMap<&'static str, Option<Level>>,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            backends: None,
            keys: None,
            zone: TimeZone::UTC,
            response_bytes: DEFAULT_RESPONSE_BYTES,
            actions: "actions".into(),
            schemas: "schemas".into(),
            levels: HashMap::new(),
        }
    }
}

impl Outline {
    /// What actions are compiled with.
    pub fn context<'a>(&'a self, schemas: &'a Schemas) -> Context<'a> {
        Context {
            backends: self.backends.as_ref(),
            schemas,
            keys: self.keys.as_deref(),
            zone: &self.zone,
            response_bytes: self.response_bytes,
        }
    }

    /// A digest of everything here that an action file's outcome depends on.
    pub fn fingerprint(&self) -> Fingerprint {
        let backends = self
            .backends
            .as_ref()
            .map(|backends| backends.iter().map(|(name, driver)| (name, driver.kind)).collect::<BTreeMap<_, _>>());
        let levels: BTreeMap<_, _> = self.levels.iter().collect();
        let zone = self.zone.iana_name();
        let all = format!("{:?}", (backends, &self.keys, zone, self.response_bytes, levels));
        Sha256::digest(all).into()
    }

    /// Gives diagnostics the levels that `lint.levels` sets. Errors stay errors: what they find cannot be served.
    pub fn apply_levels(&self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain_mut(|diagnostic| match self.levels.get(diagnostic.rule.name) {
            Some(Some(level)) => {
                diagnostic.level = *level;
                true
            }
            Some(None) => false,
            None => true,
        });
    }
}

/// What came of reading `datadip.yaml`.
#[derive(Debug)]
pub struct Read {
    /// The settings, unless the report has an error.
    pub settings: Option<Settings>,
    /// What could be read for checking actions.
    pub outline: Arc<Outline>,
    /// What is wrong with it.
    pub report: Report,
}

impl Settings {
    /// Reads `datadip.yaml`. Without an `environment` no secret is needed: references without a default stay as they are,
    /// and nothing is said of the values that they would have. Such settings are for checking, not for serving.
    pub fn read(source: Arc<Source>, folder: &Path, environment: Option<&dyn Environment>) -> Read {
        let (document, mut out) = yaml::parse(&source.text);
        let mut outline = Outline::default();
        let mut settings = None;
        if let Some(mut document) = document {
            let mut expansion = Expansion::new(environment, folder);
            expansion.expand(&mut document.root, &mut out);
            let mut digest = Sha256::new_with_prefix(&source.text);
            for value in expansion.values() {
                digest.update([0]);
                digest.update(value);
            }
            if let Some(spec) = SettingsSpec::from_node(&document.root, &mut out) {
                settings = Some(build(spec, &mut outline, folder, digest.finalize().into(), &mut out));
            }
            expansion.redact(&mut out);
            if let Some(settings) = &mut settings {
                settings.secret_files = expansion.files;
            }
        }
        outline.apply_levels(&mut out);
        let outline = Arc::new(outline);
        if let Some(settings) = &mut settings {
            settings.outline = outline.clone();
        }
        Read { settings: settings.filter(|_| !has_errors(&out)), outline, report: Report::new(source, out) }
    }

    /// Why the gateway may not listen on an address: without `access` it serves this machine only. Also for `--listen`.
    pub fn refuse_listen(&self, listen: SocketAddr) -> Option<String> {
        (self.access.is_none() && !listen.ip().is_loopback()).then(|| open_to_others(listen))
    }
}

/// The JSON Schema of `datadip.yaml` for editors: the keys, and each kind of backend.
pub fn schema() -> Json {
    let mut schema = SettingsSpec::schema();
    let kinds: Vec<Json> = DRIVERS.iter().map(|driver| (driver.schema)()).collect();
    schema["properties"]["backends"]["additionalProperties"] = json!({ "anyOf": kinds });
    schema
}

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_RESPONSE_BYTES: usize = 32 * 1024;
/// How many of the last calls the profiler keeps unless it is told, and at most.
const DEFAULT_HISTORY: usize = 1000;
const MAX_HISTORY: u64 = 100_000;
const DEFAULT_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// An envelope with a request id and a message needs about 200 bytes; an error with a few parameters some more.
const MIN_RESPONSE_BYTES: usize = 1024;

fn build(
    spec: SettingsSpec,
    outline: &mut Outline,
    folder: &Path,
    digest: Fingerprint,
    out: &mut Vec<Diagnostic>,
) -> Settings {
    if let Some(access) = &spec.access {
        // Also the keys that are wrong elsewhere: actions may name them.
        let keys = access.keys.iter().flat_map(|keys| &keys.value);
        outline.keys = Some(keys.map(|key| key.name.value.clone()).collect());
    }
    for (given, folder) in [(&spec.actions, &mut outline.actions), (&spec.schemas, &mut outline.schemas)] {
        if let Some(given) = given {
            if given.trim().is_empty() {
                out.push(BAD_VALUE.at(given.span, "expected the path of a folder, got nothing"));
            }
            folder.clone_from(given);
        }
    }
    outline.levels = levels(spec.lint.as_ref(), out);
    let server = server(spec.server.as_ref(), spec.access.is_some(), outline, out);
    let limits = limits(spec.limits.as_ref(), out);
    outline.response_bytes = limits.response_bytes;
    let backends = backends(&spec.backends, limits.calls, outline, folder, out);
    Settings {
        folder: folder.to_owned(),
        server,
        access: spec.access.as_ref().and_then(|access: &AccessSpec| Access::read(access, out)),
        limits,
        cache_bytes: spec
            .cache
            .as_ref()
            .and_then(|cache| cache.max_bytes.as_ref())
            .map_or(DEFAULT_CACHE_BYTES, |max| max.value.0),
        backends,
        history: history(spec.profiler.as_ref(), out),
        telemetry: Telemetry {
            log: spec.telemetry.as_ref().and_then(|telemetry| telemetry.log),
            level: spec.telemetry.as_ref().and_then(|telemetry| telemetry.level).unwrap_or(LogLevel::Info),
        },
        outline: Arc::default(),
        secret_files: Vec::new(),
        digest,
    }
}

fn history(spec: Option<&ProfilerSpec>, out: &mut Vec<Diagnostic>) -> usize {
    let Some(given) = spec.and_then(|spec| spec.history.as_ref()) else { return DEFAULT_HISTORY };
    if given.value > MAX_HISTORY {
        out.push(BAD_VALUE.at(given.span, format!("expected at most {MAX_HISTORY} calls, got {}", given.value)));
    }
    given.value.min(MAX_HISTORY) as usize
}

fn server(spec: Option<&ServerSpec>, access: bool, outline: &mut Outline, out: &mut Vec<Diagnostic>) -> Server {
    if let Some(zone) = spec.and_then(|spec| spec.zone.as_ref()) {
        match TimeZone::get(zone) {
            Ok(found) => outline.zone = found,
            Err(_) => {
                let message = format!("expected the IANA name of a time zone, got {:?}", zone.value);
                out.push(BAD_VALUE.at(zone.span, message).help("such as UTC or Europe/Berlin"));
            }
        }
    }
    for origin in spec.and_then(|spec| spec.cors.as_ref()).into_iter().flatten() {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', '?', '#', ' '])) {
            let message = format!("expected an origin, got {:?}", origin.value);
            out.push(BAD_VALUE.at(origin.span, message).help("such as https://desk.example.com, without a path"));
        }
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = spec.and_then(|spec| spec.workers.as_ref());
    Server {
        listen: spec
            .and_then(|spec| spec.listen.as_ref())
            .and_then(|listen| address(listen, access, out))
            .unwrap_or(DEFAULT_LISTEN),
        admin_listen: spec.and_then(|spec| spec.admin_listen.as_ref()).and_then(|listen| address(listen, access, out)),
        workers: workers.and_then(|workers| count(workers, 1..=1024, out)).unwrap_or(cores),
        shutdown_grace: spec
            .and_then(|spec| spec.shutdown_grace.as_ref())
            .map_or(Duration::from_secs(20), |grace| grace.value),
        trusted_proxies: spec.and_then(|spec| spec.trusted_proxies.clone()).unwrap_or_default(),
        cors: spec
            .and_then(|spec| spec.cors.as_ref())
            .map_or_else(Vec::new, |cors| cors.iter().map(|origin| origin.value.clone()).collect()),
    }
}

/// `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`: names are not looked up, so that lint and serve see the same.
fn address(text: &Spanned<String>, access: bool, out: &mut Vec<Diagnostic>) -> Option<SocketAddr> {
    let port = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = port.map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let Some(address) = local.or_else(|| text.parse().ok()) else {
        let message = format!("expected an address and a port, got {:?}", text.value);
        out.push(BAD_VALUE.at(text.span, message).help("such as 127.0.0.1:8080, or 0.0.0.0:8080 for every network"));
        return None;
    };
    if !access && !address.ip().is_loopback() {
        let help = "add `access` with a key (`datadip keygen NAME`), or listen on 127.0.0.1";
        out.push(LOOPBACK_ONLY.at(text.span, open_to_others(address)).help(help));
    }
    Some(address)
}

fn open_to_others(listen: SocketAddr) -> String {
    format!("without `access` anybody who reaches {listen} could call every action, so only loopback is served")
}

fn limits(spec: Option<&GatewayLimitsSpec>, out: &mut Vec<Diagnostic>) -> Limits {
    let number = |given: Option<&Spanned<u64>>, least, default, out: &mut Vec<Diagnostic>| {
        given.and_then(|given| count(given, least..=1_000_000, out)).unwrap_or(default)
    };
    let mut bytes = |given: Option<&Spanned<yaml::read::ByteSize>>, least, default| {
        let Some(given) = given else { return default };
        if given.value.0 < least {
            out.push(BAD_VALUE.at(given.span, format!("expected at least {least} bytes, got {}", given.value.0)));
        }
        given.value.0
    };
    let request_bytes = bytes(spec.and_then(|spec| spec.request_bytes.as_ref()), 1, 64 * 1024);
    let response_bytes =
        bytes(spec.and_then(|spec| spec.response_bytes.as_ref()), MIN_RESPONSE_BYTES, DEFAULT_RESPONSE_BYTES);
    Limits {
        calls: LimiterSettings {
            concurrency: Some(number(spec.and_then(|spec| spec.concurrency.as_ref()), 1, 200, out)),
            queue: number(spec.and_then(|spec| spec.queue.as_ref()), 0, 400, out),
            max_wait: spec.and_then(|spec| spec.max_wait).unwrap_or(Duration::from_millis(500)),
            rate: spec.and_then(|spec: &GatewayLimitsSpec| -> Option<Rate> { spec.rate }),
        },
        request_bytes,
        response_bytes,
    }
}

fn count(given: &Spanned<u64>, range: std::ops::RangeInclusive<u64>, out: &mut Vec<Diagnostic>) -> Option<usize> {
    if !range.contains(&given.value) {
        let message = format!("expected a number from {} to {}, got {}", range.start(), range.end(), given.value);
        out.push(BAD_VALUE.at(given.span, message));
        return None;
    }
    usize::try_from(given.value).ok()
}

fn backends(
    spec: &Entries<Node>,
    limits: LimiterSettings,
    outline: &mut Outline,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> BTreeMap<String, BackendSettings> {
    let mut known = HashMap::new();
    let mut backends = BTreeMap::new();
    let mut all_known = true;
    for (name, block) in spec.iter() {
        let kinds = DRIVERS.iter().map(|driver| driver.kind);
        let Some(kind) = block.get("kind") else {
            let all = kinds.collect::<Vec<_>>().join(", ");
            let message = format!("the backend `{}` has no `kind`", name.value);
            out.push(MISSING_KEY.at(name.span, message).help(format!("add `kind: …`, one of: {all}")));
            all_known = false;
            continue;
        };
        let found = match kind.to_json() {
            Json::String(kind) => driver(&kind),
            _ => None,
        };
        let Some(driver) = found else {
            let message = format!("expected a kind of backend, got {}", kind.describe());
            let help = match kind.to_json().as_str() {
                Some("mariadb") => Some("MariaDB is of kind `mysql`".to_owned()),
                _ => suggest::help(&kind.to_json().to_string().replace('"', ""), kinds),
            };
            out.push(BAD_VALUE.at(kind.span, message).maybe_help(help));
            all_known = false;
            continue;
        };
        known.insert(name.value.clone(), driver);
        let mut digest = Sha256::new_with_prefix(block.to_json().to_string());
        digest.update(folder.as_os_str().as_encoded_bytes());
        if driver.queues {
            digest.update(format!("{:?}", (limits.queue, limits.max_wait)));
        }
        let digest = digest.finalize().into();
        let (place, block) = (name.span, block.clone());
        let settings = BackendSettings { driver, digest, place, name: name.value.clone(), block, limits };
        // Opened only to hear what is wrong with the block; the gateway opens those that it needs.
        drop((driver.open)(&settings.block, &deployment(&name.value, folder, &limits), out));
        backends.insert(name.value.clone(), settings);
    }
    // The actions of a backend whose kind is wrong are not to blame.
    outline.backends = all_known.then_some(known);
    backends
}

fn deployment<'a>(name: &'a str, folder: &'a Path, limits: &LimiterSettings) -> Deployment<'a> {
    Deployment { name, folder, queue: limits.queue, max_wait: limits.max_wait }
}

fn levels(spec: Option<&LintSpec>, out: &mut Vec<Diagnostic>) -> HashMap<&'static str, Option<Level>> {
    let mut levels = HashMap::new();
    for (name, level) in spec.into_iter().flat_map(|spec| spec.levels.iter()) {
        let Some(rule) = RULES.iter().find(|rule| rule.name == name.value) else {
            let help = suggest::nearest(name, RULES.iter().map(|rule| rule.name));
            let help = help.map_or("`datadip explain` lists them".into(), |near| format!("did you mean `{near}`?"));
            out.push(BAD_VALUE.at(name.span, format!("there is no rule `{}`", name.value)).help(help));
            continue;
        };
        let wanted = match level.value {
            LintLevel::Off => None,
            LintLevel::Note => Some(Level::Note),
            LintLevel::Warning => Some(Level::Warning),
            LintLevel::Error => Some(Level::Error),
        };
        if rule.level == Level::Error && wanted != Some(Level::Error) {
            let message = format!("`{}` is always an error: what it finds cannot be served", rule.name);
            out.push(BAD_VALUE.at(level.span, message));
            continue;
        }
        levels.insert(rule.name, wanted);
    }
    levels
}

#[cfg(test)]
mod tests;
