//! How `datadip.yaml` is written (SPEC 7.1): its keys, their types and their spans. The JSON Schema for editors comes from
//! here. Blocks of the contract that this version does not serve are declared as [`Later`]: they are refused, never ignored.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use serde_json::{Value as Json, json};

use crate::{
    diagnostic::{Diagnostic, NOT_SUPPORTED_YET},
    yaml::{
        Node, Spanned,
        read::{ByteSize, Entries, FromNode, Rate, keywords, record, scalar},
    },
};

record! {
    /// The configuration of a gateway: backends, access, limits.
    pub struct SettingsSpec {
        /// Where and how the gateway listens.
        server: Option<ServerSpec>,
        /// The folder of the action files, relative to this file. Default: `actions`.
        actions: Option<Spanned<String>>,
        /// The folder of the JSON Schemas that actions refer to, relative to this file. Default: `schemas`.
        schemas: Option<Spanned<String>>,
        /// Who may call. Without it the gateway serves this machine only.
        access: Option<AccessSpec>,
        /// Limits of all calls together, in this process.
        limits: Option<GatewayLimitsSpec>,
        /// The databases and services, by the names that actions use.
        backends: Entries<Node>,
        /// The cache of answers.
        cache: Option<CacheSettingsSpec>,
        /// What lint reports.
        lint: Option<LintSpec>,
        /// Logs.
        telemetry: Option<TelemetrySpec>,
        /// The profiler's memory.
        profiler: Option<ProfilerSpec>,
        /// The credentials for CXone's own API.
        cxone: Option<Later>,
    }
}

record! {
    /// The profiler's memory.
    pub struct ProfilerSpec {
        /// How many of the last calls are kept, at most 100000. Default: `1000`.
        history: Option<Spanned<u64>>,
    }
}

record! {
    /// Where and how the gateway listens.
    pub struct ServerSpec {
        /// Address and port. Default: `127.0.0.1:8080`.
        listen: Option<Spanned<String>>,
        /// Address and port for health, catalog, console and simulations, which then are not served on `listen`.
        admin_listen: Option<Spanned<String>>,
        /// The IANA time zone of timestamps that callers send without one. Default: `UTC`.
        zone: Option<Spanned<String>>,
        /// How many threads serve. Default: one a core.
        workers: Option<Spanned<u64>>,
        /// TLS for `listen`.
        tls: Option<Later>,
        /// How long running calls may go on when the gateway stops. Default: `20s`.
        shutdown_grace: Option<Spanned<Duration>>,
        /// The proxies whose `X-Forwarded-For` counts, as addresses or networks.
        trusted_proxies: Option<Vec<IpNet>>,
        /// The origins of browser pages that may call, such as `https://desk.example.com`.
        cors: Option<Vec<Spanned<String>>>,
    }
}

record! {
    /// Who may call.
    pub struct AccessSpec {
        /// The API keys. Several are valid at once, so that a new one can replace an old one.
        keys: Option<Spanned<Vec<KeySpec>>>,
        /// Signed requests.
        hmac: Option<Later>,
        /// Tokens of an identity provider.
        jwt: Option<Later>,
        /// The addresses and networks that may call at all.
        allow_ips: Option<Vec<IpNet>>,
    }
}

record! {
    /// One API key.
    pub struct KeySpec {
        /// What it is called in logs and in the `access` of actions.
        name: Spanned<String>,
        /// The SHA-256 of the key, as 64 hexadecimal digits. `datadip keygen` prints it.
        sha256: Spanned<String>,
        /// The actions that it may call, as names or globs such as `crm/*`. Default: every read action.
        actions: Option<Vec<Spanned<String>>>,
        /// Whether it may see the catalog and the console, and simulate. Default: `false`.
        admin: Option<bool>,
        /// The addresses and networks that may use it. Default: all.
        allow_ips: Option<Vec<IpNet>>,
    }
}

record! {
    /// Limits of all calls together, in this process.
    pub struct GatewayLimitsSpec {
        /// How many calls run at once. Default: `200`.
        concurrency: Option<Spanned<u64>>,
        /// How many calls may wait. Default: `400`.
        queue: Option<Spanned<u64>>,
        /// How long a call waits at most. Default: `500ms`.
        max_wait: Option<Duration>,
        /// How many calls in a length of time, such as `500/s`. Default: no limit.
        rate: Option<Rate>,
        /// The largest body of a request. Default: `64KiB`.
        request_bytes: Option<Spanned<ByteSize>>,
        /// The largest body of an answer. Default: `32KiB`.
        response_bytes: Option<Spanned<ByteSize>>,
    }
}

record! {
    /// The cache of answers, in this process.
    pub struct CacheSettingsSpec {
        /// The most bytes that all entries take together; `0` keeps none. Default: `64MiB`.
        max_bytes: Option<Spanned<ByteSize>>,
    }
}

record! {
    /// What lint reports.
    pub struct LintSpec {
        /// The level of a rule: a map of rule to `off`, `note`, `warning` or `error`.
        levels: Entries<Spanned<LintLevel>>,
    }
}

record! {
    /// Logs.
    pub struct TelemetrySpec {
        /// `pretty` or `json`. Default: `pretty` on a terminal, else `json`.
        log: Option<LogFormat>,
        /// The least level that is logged. Default: `info`.
        level: Option<LogLevel>,
        /// Where traces go.
        otlp_endpoint: Option<Later>,
        /// Whether `/metrics` is served.
        metrics: Option<Later>,
    }
}

keywords! {
    /// A level in `lint.levels`.
    pub enum LintLevel {
        /// Not reported.
        Off = "off",
        /// A note.
        Note = "note",
        /// A warning.
        Warning = "warning",
        /// An error: files with it are not served.
        Error = "error",
    }
}

keywords! {
    /// How a line of the log is written.
    pub enum LogFormat {
        /// For people.
        Pretty = "pretty",
        /// For programs: one JSON object a line.
        Json = "json",
    }
}

keywords! {
    /// The least level that is logged.
    pub enum LogLevel {
        /// Failures only.
        Error = "error",
        /// Also what somebody should look at.
        Warn = "warn",
        /// Also one line a call.
        Info = "info",
        /// Also what helps to find a mistake.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

/// A key of the contract that this version does not serve: refused, so that nobody relies on it.
#[derive(Clone, Debug)]
pub struct Later;

impl FromNode for Later {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let message = "this key is not supported by this version of datadip yet";
        out.push(NOT_SUPPORTED_YET.at(node.span, message).help("remove it"));
        Some(Self)
    }

    fn schema() -> Json {
        json!({ "not": {} })
    }
}

/// A network such as `203.0.113.0/24`, or a single address.
impl FromNode for IpNet {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        scalar(node, out, "an address or a network such as 203.0.113.0/24", |text| {
            text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))
        })
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}
