//! Addresses as PostgreSQL prints them.

use std::fmt::Write;

use super::{Unreadable, reader::Reader};

/// `inet` and `cidr`. An address by itself shows no length of its network; a `cidr` always does.
pub(super) fn network(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    let (family, bits, is_cidr, length) = (value.u8()?, value.u8()?, value.u8()? != 0, value.u8()?);
    let address = value.take(usize::from(length))?;
    value.end()?;
    // PostgreSQL's own numbers for the families, the same on every system.
    let all = match (family, address) {
        (2, &[a, b, c, d]) => {
            write!(out, "{a}.{b}.{c}.{d}").expect("a String takes everything");
            32
        }
        (3, _) => {
            version_6(address.try_into().map_err(|_| Unreadable::Malformed)?, out);
            128
        }
        _ => return Err(Unreadable::Malformed),
    };
    if is_cidr || bits != all {
        write!(out, "/{bits}").expect("a String takes everything");
    }
    Ok(())
}

/// The longest run of at least two zero groups becomes `::`; an IPv4 address inside is written as one.
fn version_6(address: [u8; 16], out: &mut String) {
    let groups: [u16; 8] = std::array::from_fn(|at| u16::from_be_bytes([address[at * 2], address[at * 2 + 1]]));
    let mut best = 0..0;
    let mut at = 0;
    while at < 8 {
        let zeros = groups[at..].iter().take_while(|group| **group == 0).count();
        if zeros > best.len().max(1) {
            best = at..at + zeros;
        }
        at += zeros.max(1);
    }
    at = 0;
    while at < 8 {
        if best.start == at && !best.is_empty() {
            out.push_str("::");
            at = best.end;
            continue;
        }
        if at > 0 && at != best.end {
            out.push(':');
        }
        if at == 6 && best.start == 0 && (best.len() == 6 || best.len() == 5 && groups[5] == 0xffff) {
            let [.., a, b, c, d] = address;
            write!(out, "{a}.{b}.{c}.{d}").expect("a String takes everything");
            return;
        }
        write!(out, "{:x}", groups[at]).expect("a String takes everything");
        at += 1;
    }
}

/// `macaddr` and `macaddr8`.
pub(super) fn hardware(bytes: &[u8], out: &mut String) {
    for (at, byte) in bytes.iter().enumerate() {
        let colon = if at > 0 { ":" } else { "" };
        write!(out, "{colon}{byte:02x}").expect("a String takes everything");
    }
}
