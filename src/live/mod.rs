//! What only a live backend can tell of an action: whether its tables and columns are there, its statements can be typed and
//! answered, and what they cost. Asked for `lint --live`, and in the background while the gateway serves. Callers are never
//! kept waiting: they see what was found last.

mod by_tables;
mod examine;
mod judge;
mod lint;
mod watch;

pub use examine::{costs, distinct, examine, tables};
pub use lint::{examine_all, lint};
pub use watch::{Pace, Watch, watch};
