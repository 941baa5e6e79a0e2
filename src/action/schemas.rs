//! The JSON Schemas below `schemas/`, in memory: what `$ref` may reach, and nothing else.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;

/// The files below the deployment's `schemas/` folder by their path in it, with `/`. Only what was read is reachable: there
/// is no retriever for the network or for other paths.
#[derive(Clone, Debug, Default)]
pub struct Schemas(pub BTreeMap<String, Arc<Json>>);
