//! A result apart from what stands around it, to be answered again.

use super::{Age, Encoded, Envelope, envelope::Tally};

/// The result of an answer: each request that gets it again has an answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    result: Box<[u8]>,
    tally: Tally,
}

impl Kept {
    /// The result of an answer whose envelope said that it may be kept.
    pub fn of(answer: &Encoded) -> Self {
        let Encoded { row_count, truncated, changed, .. } = *answer;
        Self { result: answer.result().into(), tally: Tally { row_count, changed, truncated, age: Age::New } }
    }

    /// The answer to another request. It is within the limits of the first.
    pub fn answer(&self, request_id: &str, age: Age) -> Encoded {
        Encoded::around(&self.result, Tally { age, ..self.tally }, Envelope { request_id, kept: false })
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.result.len()
    }
}
