//! What stands around `result` in an answer's body (SPEC 8.1). The text is written in one place and its size is counted by
//! writing it, so that the two cannot disagree.

use std::io;

/// The body's beginning, up to the result.
pub(super) const HEAD: &[u8] = br#"{"status":"success","result":"#;

/// The longest request id (SPEC 8.1).
const LONGEST_ID: usize = 128;

/// What stands around `result` in the answer to one request.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The request's id.
    pub request_id: &'a str,
    /// Whether other requests may get the same result: then the limit has to leave room for whatever their ids are and for
    /// what is said of its age.
    pub kept: bool,
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
    /// Whether the result is this request's own.
    pub age: Age,
}

/// Where an answer has its result from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// From the backend, or from an earlier send of the same request.
    #[default]
    New,
    /// From the cache.
    Cached,
    /// From the cache, where it has expired.
    Stale,
}

impl Age {
    /// What an answer says of it.
    fn mark(self) -> &'static [u8] {
        match self {
            Self::New => b"",
            Self::Cached => br#","cached":true"#,
            Self::Stale => br#","cached":true,"stale":true"#,
        }
    }
}

impl Tally {
    /// No other tally has a longer tail.
    const LONGEST: Self = Self { row_count: u64::MAX, changed: true, truncated: true, age: Age::Stale };
}

impl Envelope<'_> {
    /// Writes the rest of the body, from the end of the result on.
    pub(super) fn write_tail(self, tally: Tally, out: &mut impl io::Write) -> io::Result<()> {
        let Tally { row_count, changed, truncated, age } = tally;
        let plural = if row_count == 1 { "" } else { "s" };
        let changed = if changed { " changed" } else { "" };
        write!(out, r#","row_count":{row_count},"message":"{row_count} row{plural}{changed}","request_id":"#)?;
        serde_json::to_writer(&mut *out, self.request_id)?;
        out.write_all(if truncated { br#","truncated":true"# } else { b"" })?;
        out.write_all(age.mark())?;
        out.write_all(b"}")
    }

    /// The bytes that [`Self::write_tail`] writes, and those to spare.
    pub(super) fn tail_len(self, tally: Tally) -> usize {
        let mut count = Count(0);
        self.write_tail(tally, &mut count).expect("counting cannot fail");
        count.0 + self.spare()
    }

    /// The bytes that the answer to another request may need more than this one.
    pub(super) fn spare(self) -> usize {
        if self.kept { LONGEST_ID.saturating_sub(self.request_id.len()) + Age::Stale.mark().len() } else { 0 }
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
