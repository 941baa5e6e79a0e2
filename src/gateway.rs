//! What a call may touch, as one snapshot, and the handle that a reload swaps.

use std::{collections::HashMap, sync::Arc};

use crate::{backend::Backend, catalog::Catalog, limit::Limiter, settings::Settings};

/// Settings, catalog, backends and limits that belong together. Immutable; a call keeps the one it began with.
#[derive(Debug)]
pub struct Gateway {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The actions.
    pub catalog: Arc<Catalog>,
    /// The backends by name.
    pub backends: HashMap<String, Arc<dyn Backend>>,
    /// The limits for all calls together.
    pub limiter: Arc<Limiter>,
}
