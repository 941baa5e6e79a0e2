//! Reads the binary form of a value: whole numbers and floats in network order, and texts.

use super::Unreadable;

/// What is left of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Unreadable> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Unreadable> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Unreadable> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn f32(&mut self) -> Result<f32, Unreadable> {
        self.array().map(f32::from_be_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Unreadable> {
        self.array().map(f64::from_be_bytes)
    }

    /// A count of things of which each takes at least `size` bytes.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.i32()?).map_err(|_| Unreadable::Malformed)?;
        if count > self.0.len() / size { Err(Unreadable::Malformed) } else { Ok(count) }
    }

    /// A value inside this one, after its length; `None` is null.
    pub(super) fn value(&mut self) -> Result<Option<&'a [u8]>, Unreadable> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| Unreadable::Malformed)?).map(Some),
        }
    }

    /// A text that ends with a zero byte.
    pub(super) fn terminated(&mut self) -> Result<&'a str, Unreadable> {
        let length = self.0.iter().position(|&byte| byte == 0).ok_or(Unreadable::Malformed)?;
        let text = self.take(length)?;
        self.u8()?;
        text_of(text)
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Makes sure that nothing is left.
    pub(super) fn end(self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(Unreadable::Malformed) }
    }
}

/// Bytes as text.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed)
}
