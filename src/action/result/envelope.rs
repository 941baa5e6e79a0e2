//! What stands around `result` in an answer's body (SPEC 8.1). The text is written in one place and its size is counted by
//! writing it, so that the two cannot disagree.

use std::io;

/// The body's beginning, up to the result.
pub(super) const HEAD: &[u8] = br#"{"status":"success","result":"#;

/// What stands around `result` in the answer to one request.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The request's id.
    pub request_id: &'a str,
}

/// What an answer says of its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// `row_count`.
    pub row_count: u64,
    /// Whether that counts rows changed rather than rows in the result: for `message`.
    pub changed: bool,
    /// Whether rows were left out.
    pub truncated: bool,
}

impl Tally {
    /// No other tally has a longer tail.
    const LONGEST: Self = Self { row_count: u64::MAX, changed: true, truncated: true };
}

impl Envelope<'_> {
    /// Writes the rest of the body, from the end of the result on.
    pub(super) fn write_tail(self, tally: Tally, out: &mut impl io::Write) -> io::Result<()> {
        let Tally { row_count, changed, truncated } = tally;
        let plural = if row_count == 1 { "" } else { "s" };
        let changed = if changed { " changed" } else { "" };
        write!(out, r#","row_count":{row_count},"message":"{row_count} row{plural}{changed}","request_id":"#)?;
        serde_json::to_writer(&mut *out, self.request_id)?;
        out.write_all(if truncated { br#","truncated":true}"# } else { b"}" })
    }

    /// The bytes that [`Self::write_tail`] writes.
    pub(super) fn tail_len(self, tally: Tally) -> usize {
        let mut count = Count(0);
        self.write_tail(tally, &mut count).expect("counting cannot fail");
        count.0
    }

    /// The bytes of the longest tail of any answer.
    pub(super) fn longest_tail(self) -> usize {
        self.tail_len(Tally::LONGEST)
    }

    /// The bytes of an answer without rows: no limit below that can be kept.
    pub(super) fn smallest_body(self) -> usize {
        HEAD.len() + b"[]".len() + self.tail_len(Tally::default())
    }
}

/// Counts bytes instead of keeping them.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
