//! How an action runs: what [`crate::spec`] wrote, checked and compiled; file for file the mirror of `spec/`.
//!
//! Everything wrong in an author's text is found here, by functions that do no I/O, know no clock and no environment.

mod own_error;
mod params;
mod record;
mod result;
mod route;
mod schemas;
mod test;
mod variables;

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::{
    backend::{DRIVERS, Driver, Options, RecordTemplate, Retry},
    diagnostic::{
        BAD_VALUE, CACHED_WRITE, Diagnostic, NO_COST_ESTIMATE, NOT_SUPPORTED_YET, STATEMENT_KEY, Source, Span,
        TIMEOUT_TOO_LONG, UNKNOWN_ACCESS_KEY, UNKNOWN_BACKEND, has_errors, suggest,
    },
    spec::{ActionSpec, Cost, LimitsSpec, Method, Mode, RetrySpec, TestSpec},
    template::{Dialect, Template},
    yaml::{Spanned, Text, read::Rate},
};

pub use params::{Absent, BadParam, Param, Params, is_param_name};
pub use result::{Age, Encoded, Encoder, Envelope, Kept, PATIENCE, ResultError, ResultShape, RowStream};
pub use route::{is_name, usual_path};
pub use schemas::{Schema, Schemas, Types};
use test::Runs;
pub use test::{CODES, is_coercion};
pub use variables::{IDEMPOTENCY_KEY, Input, Variables, VariablesError};

/// A compiled action, ready to be called. Immutable.
#[derive(Debug)]
pub struct Action {
    /// Its name: the path below `actions/` without the extension.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// The backend's name.
    pub backend: String,
    /// The backend's driver.
    pub driver: &'static Driver,
    /// Read or write.
    pub mode: Mode,
    /// Its parameters.
    pub params: Params,
    /// Its statements, in order; the last one's rows are the result. None where it writes a record.
    pub statements: Vec<Template>,
    /// The record that it writes, instead of statements.
    pub record: Option<RecordTemplate>,
    /// What its answer looks like.
    pub result: ResultShape,
    /// The whole call's deadline.
    pub timeout: Duration,
    /// How failures without effect are tried again: the whole run on a database, each request to a service.
    pub retry: Retry,
    /// How long its answers are served again; reads only.
    pub cache: Option<CachePolicy>,
    /// What it asks of its backend.
    pub options: Options,
    /// The highest cost that the planner may estimate for a shape.
    pub max_cost: Option<Spanned<Cost>>,
    /// The columns that must be there, by table.
    pub requires: Vec<Requirement>,
    /// Its own concurrency limit, for all callers together.
    pub concurrency: Option<usize>,
    /// Its own rate limit, for all callers together.
    pub rate: Option<Rate>,
    /// Its path.
    pub path: String,
    /// Its methods; at least one.
    pub methods: Vec<Method>,
    /// The keys that may call it, where the file names them.
    pub access: Option<Vec<String>>,
    /// Whether undeclared variables are ignored.
    pub allow_extra: bool,
    /// Own answers for a database's codes.
    pub errors: HashMap<String, OwnError>,
    /// Its tests, as written: they were checked against the parameters.
    pub tests: Vec<TestSpec>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// The file that it was compiled from.
    pub source: Arc<Source>,
    /// A digest of everything that its behaviour depends on.
    pub revision: String,
}

/// A table that must be there, with some of its columns.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The table, as a statement would name it.
    pub table: Spanned<String>,
    /// The columns.
    pub columns: Vec<Spanned<String>>,
}

/// How long an answer is served again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// How long it is fresh; above zero.
    pub ttl: Duration,
    /// How long after that it is served when the backend fails.
    pub stale_if_error: Duration,
}

/// What a caller sees for one of the database's codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnError {
    /// The code in the answer.
    pub code: String,
    /// The HTTP status, a 4xx.
    pub http: u16,
}

/// What a file's meaning depends on besides its text.
#[derive(Debug)]
pub struct Context<'a> {
    /// The driver of each backend of `datadip.yaml`; `None` when there is no readable `datadip.yaml`.
    pub backends: Option<&'a HashMap<String, &'static Driver>>,
    /// The files below `schemas/`.
    pub schemas: &'a Schemas,
    /// The names of the access keys; `None` without `access`.
    pub keys: Option<&'a [String]>,
    /// `server.zone`.
    pub zone: &'a TimeZone,
    /// `limits.response_bytes`.
    pub response_bytes: usize,
}

/// The longest `timeout`: CXone's own (FACTS 1.1).
const MAX_TIMEOUT: Duration = Duration::from_secs(90);
/// The most templates under `sql`.
const MAX_STATEMENTS: usize = 16;
/// The most tries, the first included.
const MAX_ATTEMPTS: u32 = 20;

/// What could be compiled of a file that has errors, so that lint has its say in the same run.
#[derive(Debug)]
pub struct Unfinished {
    /// The backend's driver.
    pub driver: Option<&'static Driver>,
    /// Read or write.
    pub mode: Mode,
    /// The statements that compiled, in order.
    pub statements: Vec<Template>,
    /// What its answer looks like.
    pub result: Option<ResultShape>,
}

impl Action {
    /// Compiles an action file. Reports everything that is wrong with it, and answers an action if `out` then holds no
    /// error, those of reading the file included.
    pub fn compile(
        name: &str,
        spec: &ActionSpec,
        source: &Arc<Source>,
        context: &Context<'_>,
        out: &mut Vec<Diagnostic>,
    ) -> Result<Self, Box<Unfinished>> {
        let mode = spec.mode.as_ref().map_or(Mode::Read, |mode| mode.value);
        let driver = backend(spec, context, out);
        let params = Params::compile(&spec.params, context.zone, out);
        let writes_record = mode == Mode::Write && driver.is_some_and(|driver| driver.dialect == Dialect::Soql);
        let (statements, record) = match writes_record {
            true => (Vec::new(), record::compile(spec, &params, out)),
            false => (statements(spec, driver, &params, out), None),
        };
        let result = ResultShape::compile(
            spec.result.as_ref(),
            mode == Mode::Write,
            context.schemas,
            context.response_bytes,
            out,
        );
        let (path, methods) = route::compile(name, spec, mode, &params, out);
        let timeout = timeout(spec, driver, out);
        let retry = retry(spec.retry.as_ref(), out);
        let concurrency = spec.limits.as_ref().and_then(|limits| concurrency(limits, out));
        let errors = own_error::read(&spec.errors, driver, out);
        access(spec, context, out);
        let cache = cache(spec, mode, out);
        let options = if writes_record { Options::default() } else { options(spec, driver, out) };
        let max_cost = max_cost(spec, driver, out);
        let requirement = |(table, columns): (&Spanned<String>, &Vec<Spanned<String>>)| Requirement {
            table: table.clone(),
            columns: columns.clone(),
        };
        // A write needs its object and its fields without saying so again.
        let written = record.iter().map(|record| (&record.object, &record.names));
        let requires = spec.requires.iter().chain(written).map(requirement).collect();
        later(spec, out);
        if let Some(record) = &record {
            record::check_result(record, spec, out);
        }
        let runs = if writes_record { Runs::Record } else { Runs::Statements };
        test::check(spec, &params, &errors, driver, runs, out);

        let backend = spec.backend.0.as_ref().map(|backend| backend.value.clone());
        let (backend, driver, result) = match (backend, driver, result) {
            (Some(backend), Some(driver), Some(result)) if !has_errors(out) => (backend, driver, result),
            (_, driver, result) => return Err(Box::new(Unfinished { driver, mode, statements, result })),
        };
        Ok(Self {
            revision: revision(name, source, driver, context, &result),
            name: name.to_owned(),
            description: spec.description.as_ref().map(|description| description.value.clone()),
            backend,
            driver,
            mode,
            params,
            statements,
            record,
            result,
            timeout,
            retry,
            cache,
            options,
            max_cost,
            requires,
            concurrency,
            rate: spec.limits.as_ref().and_then(|limits| limits.rate),
            path,
            methods,
            access: spec.access.as_ref().map(|names| names.iter().map(|name| name.value.clone()).collect()),
            allow_extra: spec.allow_extra.unwrap_or(false),
            errors,
            tests: spec.tests.clone().unwrap_or_default(),
            owner: spec.owner.clone(),
            tags: spec.tags.clone().unwrap_or_default(),
            deprecated: spec.deprecated.unwrap_or(false),
            source: source.clone(),
        })
    }

    /// Whether it uses one of its parameters.
    pub fn uses(&self, param: usize) -> bool {
        self.statements.iter().any(|template| template.uses(param))
            || self.record.as_ref().is_some_and(|record| record.uses(param))
    }
}

/// The driver of the action's backend. Where the backend is not known but all that there are speak one language, one of
/// them stands in, so that the statement is checked all the same.
fn backend(spec: &ActionSpec, context: &Context<'_>, out: &mut Vec<Diagnostic>) -> Option<&'static Driver> {
    if let (Some(name), Some(backends)) = (&spec.backend.0, context.backends) {
        if let Some(driver) = backends.get(&name.value) {
            return Some(driver);
        }
        let mut names: Vec<&str> = backends.keys().map(String::as_str).collect();
        names.sort_unstable();
        let message = format!("there is no backend `{}` in datadip.yaml", name.value);
        out.push(UNKNOWN_BACKEND.at(name.span, message).maybe_help(suggest::help(name, names)));
    }
    let known: Vec<&'static Driver> = match context.backends {
        Some(backends) => backends.values().copied().collect(),
        None => DRIVERS.to_vec(),
    };
    let first = *known.first()?;
    known.iter().all(|driver| driver.dialect == first.dialect).then_some(first)
}

fn statements(
    spec: &ActionSpec,
    driver: Option<&'static Driver>,
    params: &Params,
    out: &mut Vec<Diagnostic>,
) -> Vec<Template> {
    let sql = spec.sql.as_ref().map_or(&[] as &[Text], |statements| &statements.0);
    let soql = spec.soql.as_slice();
    let place = |texts: &[Text]| texts.first().map_or(Span { end: spec.span.start, ..spec.span }, |text| text.span);
    let soql_wanted = driver.is_some_and(|driver| driver.dialect == Dialect::Soql);
    let wanted = if soql_wanted { "soql" } else { "sql" };
    let (fitting, other) = if soql_wanted { (soql, sql) } else { (sql, soql) };
    match (spec.sql.is_some(), spec.soql.is_some()) {
        (true, true) => {
            let message = "an action has `sql` or `soql`, not both";
            out.push(STATEMENT_KEY.at(place(other), message).help(format!("keep `{wanted}`")));
        }
        (false, false) => {
            let message = "the action has no statement";
            out.push(STATEMENT_KEY.at(place(&[]), message).help(format!("add `{wanted}: …`")));
        }
        _ if driver.is_some() && !other.is_empty() => {
            let kind = driver.map_or("", |driver| driver.kind);
            let message = format!("a backend of kind `{kind}` speaks `{wanted}`");
            out.push(STATEMENT_KEY.at(place(other), message).help(format!("write the statement under `{wanted}`")));
        }
        _ if fitting.len() > 1 && driver.is_some_and(|driver| driver.dialect == Dialect::Snowflake) => {
            let message = "each statement commits by itself on Snowflake, so that an action has one";
            out.push(
                STATEMENT_KEY.at(fitting[1].span, message).help("keep one; MERGE and CALL do several things in one"),
            );
        }
        _ if fitting.len() > MAX_STATEMENTS => {
            let message = format!("{} statements; at most {MAX_STATEMENTS} run in one call", fitting.len());
            out.push(STATEMENT_KEY.at(fitting[MAX_STATEMENTS].span, message));
        }
        _ => {}
    }
    let Some(driver) = driver else { return Vec::new() };
    let params = params.for_templates();
    let fitting = fitting.iter().take(MAX_STATEMENTS);
    fitting.filter_map(|text| Template::compile(text, driver.dialect, params, out)).collect()
}

fn timeout(spec: &ActionSpec, driver: Option<&'static Driver>, out: &mut Vec<Diagnostic>) -> Duration {
    let default = driver.map_or(Duration::from_secs(5), |driver| driver.default_timeout);
    let Some(timeout) = &spec.timeout else { return default };
    if timeout.value > MAX_TIMEOUT {
        let message = format!("expected at most {}s, got {}", MAX_TIMEOUT.as_secs(), shown(timeout.value));
        out.push(TIMEOUT_TOO_LONG.at(timeout.span, message).help("callers give up after 90 seconds"));
    } else if timeout.is_zero() {
        out.push(BAD_VALUE.at(timeout.span, "expected a timeout above zero, got none"));
    }
    timeout.value
}

fn shown(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

fn retry(spec: Option<&RetrySpec>, out: &mut Vec<Diagnostic>) -> Retry {
    let usual = Retry::default();
    let Some(spec) = spec else { return usual };
    let mut retry = usual;
    if let Some(attempts) = &spec.attempts {
        match u32::try_from(attempts.value) {
            Ok(count @ 1..=MAX_ATTEMPTS) => retry.attempts = count,
            _ => {
                let message = format!("expected 1 to {MAX_ATTEMPTS} attempts, got {}", attempts.value);
                out.push(BAD_VALUE.at(attempts.span, message).help("the first try counts: 1 is no retry"));
            }
        }
    }
    retry.max_delay = spec.max_delay.unwrap_or(usual.max_delay);
    retry.base_delay = spec.base_delay.unwrap_or(usual.base_delay.min(retry.max_delay));
    if retry.base_delay > retry.max_delay {
        let message =
            format!("`base_delay` {} is longer than `max_delay` {}", shown(retry.base_delay), shown(retry.max_delay));
        out.push(BAD_VALUE.at(spec.span, message));
    }
    retry
}

fn concurrency(limits: &LimitsSpec, out: &mut Vec<Diagnostic>) -> Option<usize> {
    let given = limits.concurrency.as_ref()?;
    if given.value == 0 {
        out.push(BAD_VALUE.at(given.span, "expected at least 1 call at once, got 0"));
    }
    usize::try_from(given.value).ok()
}

fn access(spec: &ActionSpec, context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    // Without a readable datadip.yaml nothing is known of its keys.
    let (Some(names), true) = (&spec.access, context.backends.is_some()) else { return };
    let known = context.keys.unwrap_or_default();
    for name in names.iter().filter(|name| !known.contains(&name.value)) {
        let message = format!("there is no key `{}` in datadip.yaml", name.value);
        let help = suggest::help(name, known.iter().map(String::as_str));
        out.push(UNKNOWN_ACCESS_KEY.at(name.span, message).maybe_help(help));
    }
    if names.is_empty() {
        let help = "name the keys that may call, or leave `access` out";
        out.push(BAD_VALUE.at(names.span, "an empty `access` lets nobody call").help(help));
    }
}

fn cache(spec: &ActionSpec, mode: Mode, out: &mut Vec<Diagnostic>) -> Option<CachePolicy> {
    let cache = spec.cache.as_ref()?;
    if mode == Mode::Write {
        let found = CACHED_WRITE.at(cache.span, "an action that writes cannot be served from a cache");
        out.push(found.help("remove `cache`"));
        return None;
    }
    if cache.ttl.is_zero() {
        let found = BAD_VALUE.at(cache.ttl.span, "expected a time above zero, got none");
        out.push(found.help("remove `cache` where each call should ask the backend"));
    }
    Some(CachePolicy { ttl: cache.ttl.value, stale_if_error: cache.stale_if_error.unwrap_or_default() })
}

fn options(spec: &ActionSpec, driver: Option<&'static Driver>, out: &mut Vec<Diagnostic>) -> Options {
    match (&spec.options, driver) {
        (Some(options), Some(driver)) => (driver.options)(options, out),
        _ => Options::default(),
    }
}

fn max_cost(spec: &ActionSpec, driver: Option<&'static Driver>, out: &mut Vec<Diagnostic>) -> Option<Spanned<Cost>> {
    let cost = spec.max_cost.clone()?;
    if let Some(driver) = driver
        && matches!(driver.dialect, Dialect::Sqlite | Dialect::Snowflake | Dialect::Soql)
    {
        let message = format!("the planner of a backend of kind `{}` estimates no costs", driver.kind);
        out.push(NO_COST_ESTIMATE.at(cost.span, message).help("remove `max_cost`; `timeout` bounds every call"));
    }
    Some(cost)
}

/// Keys of the contract that this version does not act on: said, never silent.
fn later(spec: &ActionSpec, out: &mut Vec<Diagnostic>) {
    if let Some(forward) = &spec.forward {
        let message = "this version of datadip does not forward results yet";
        out.push(NOT_SUPPORTED_YET.at(forward.span, message).help("remove `forward`"));
    }
}

/// A digest of everything that an action's behaviour depends on: the program, the file, the schemas that it refers to and
/// what `datadip.yaml` says of it.
fn revision(name: &str, source: &Source, driver: &Driver, context: &Context<'_>, result: &ResultShape) -> String {
    let mut digest = Sha256::new();
    let zone = context.zone.iana_name().unwrap_or_default();
    for part in [env!("CARGO_PKG_VERSION"), name, driver.kind, zone, &source.text] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.update((context.response_bytes as u64).to_le_bytes());
    if let Some(schema) = &result.schema {
        // Without references: what the files below `schemas/` say is part of it.
        digest.update(schema.json().to_string());
    }
    hex::encode(&digest.finalize()[..16])
}

#[cfg(test)]
mod tests;
