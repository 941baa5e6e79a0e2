//! The plans of the statements of a call, for those who simulate it.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::timeout;

use crate::backend::{Backend, Bound};

/// How long the plans of one call may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the backend's planner says of each statement, made without its values: `{"cost", "plan"}`, null where it says
/// nothing. Null for all of them where there is no planner.
pub async fn plans(backend: &dyn Backend, statements: &[Bound]) -> Json {
    let Some(inspect) = backend.inspect().filter(|_| !statements.is_empty()) else { return Json::Null };
    let asked = async {
        let mut plans = Vec::with_capacity(statements.len());
        for bound in statements {
            let plan = inspect.plan(&bound.statement).await;
            plans.push(plan.map_or(Json::Null, |plan| json!({ "cost": plan.cost, "plan": plan.plan })));
        }
        if plans.iter().all(Json::is_null) { Json::Null } else { Json::Array(plans) }
    };
    timeout(PATIENCE, asked).await.unwrap_or(Json::Null)
}
