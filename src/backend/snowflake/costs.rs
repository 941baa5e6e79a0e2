//! What statements cost (FACTS 3.6): the account's history tells the credits of each, hours later, to who asks for many at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::{
    api::Api,
    run,
    submission::{Submission, tag},
};
use crate::backend::{Failure, Retry, service::background};

/// The costs of so many statements are known or waited for.
const MAX_JOBS: usize = 100_000;
/// After that the history tells no more of a statement: it leaves some out, such as those that took no time.
const TOLD_WITHIN: Duration = Duration::from_secs(48 * 60 * 60);
/// So many are asked for at once.
const BATCH: usize = 1_000;
/// How long one answer may take: a warehouse may have to wake.
const LONGEST: Duration = Duration::from_secs(120);
/// The credits of statements. The history leaves out what took about a tenth of a second or less.
const CREDITS: &str = "\
SELECT QUERY_ID AS ID, CREDITS_ATTRIBUTED_COMPUTE AS CREDITS \
FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY \
WHERE START_TIME >= DATEADD(HOUR, -48, CURRENT_TIMESTAMP()) \
AND QUERY_ID IN (SELECT VALUE::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";

/// How the history is asked.
#[derive(Clone, Debug)]
pub struct CostQuery {
    /// How often.
    pub every: Duration,
    /// The warehouse that asks.
    pub warehouse: String,
}

/// What statements cost, as far as it is told.
#[derive(Debug)]
pub struct Costs {
    api: Arc<Api>,
    query: CostQuery,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The statements in the order in which they ran, each with its credits once they are told.
    order: VecDeque<(Arc<str>, Instant)>,
    credits: HashMap<Arc<str>, Option<f64>>,
    total: f64,
    /// Whether somebody asks the history.
    asking: bool,
}

impl Costs {
    /// Of an account.
    pub fn new(api: Arc<Api>, query: CostQuery) -> Arc<Self> {
        Arc::new(Self { api, query, known: Mutex::default() })
    }

    /// A statement ran: its cost is asked for with those of others.
    pub fn ran(self: &Arc<Self>, id: &Arc<str>) {
        let mut known = self.known();
        if known.credits.insert(id.clone(), None).is_none() {
            known.order.push_back((id.clone(), Instant::now()));
        }
        if known.order.len() > MAX_JOBS
            && let Some((oldest, _)) = known.order.pop_front()
        {
            known.credits.remove(&oldest);
        }
        if !std::mem::replace(&mut known.asking, true) {
            background::spawn(ask(Arc::downgrade(self), self.query.every));
        }
    }

    /// The credits of a statement, once they are told.
    pub fn of(&self, id: &str) -> Option<f64> {
        *self.known().credits.get(id)?
    }

    /// The credits of all statements that were told so far.
    pub fn total(&self) -> f64 {
        self.known().total
    }

    /// The statements whose cost is not told yet.
    fn open(&self) -> Vec<Arc<str>> {
        let known = self.known();
        let open =
            known.order.iter().filter(|(id, ran)| ran.elapsed() < TOLD_WITHIN && known.credits.get(id) == Some(&None));
        open.map(|(id, _)| id.clone()).collect()
    }

    async fn join(&self) -> Result<(), Failure> {
        for ids in self.open().chunks(BATCH) {
            let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
            let bindings = json!({ "1": { "type": "TEXT", "value": Json::from(ids).to_string() } });
            let submission = Submission {
                text: CREDITS,
                bindings: bindings.as_object().cloned().unwrap_or_default(),
                warehouse: Some(&self.query.warehouse),
                role: None,
                tag: tag(None, None),
            };
            let order = submission.order(&self.api, Retry::default(), Instant::now() + LONGEST);
            let rows = run::all(&self.api, &order).await.map_err(|refused| refused.failure)?;
            let mut known = self.known();
            for row in rows {
                let cell = |name: &str| row.get(name).and_then(Option::as_deref);
                let credits = cell("CREDITS").and_then(|credits| credits.parse::<f64>().ok());
                let Some((id, credits)) = cell("ID").zip(credits) else { continue };
                let told = known.credits.get_mut(id).filter(|told| told.is_none()).map(|told| *told = Some(credits));
                known.total += told.map_or(0.0, |()| credits);
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks as long as the account is in use. Where nothing is open, no warehouse is woken.
async fn ask(costs: Weak<Costs>, every: Duration) {
    loop {
        sleep(every).await;
        let Some(costs) = costs.upgrade() else { return };
        if let Err(failure) = costs.join().await {
            let Failure { code, message, .. } = failure;
            tracing::warn!(code, "the costs of statements on Snowflake are not told: {message}");
        }
    }
}
