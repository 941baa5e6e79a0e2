//! `datadip keygen`: a new API key. Only its hash is ever stored, so it is shown once.

use anyhow::anyhow;
use clap::Args;
use sha2::{Digest, Sha256};

use super::{
    Exit,
    output::{answer, say},
};

/// The arguments of `keygen`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip keygen cxone-prod

The caller sends the key as `Authorization: Bearer <key>` or `X-Api-Key: <key>`.")]
pub struct Keygen {
    /// What the key is called in datadip.yaml and in the log.
    #[arg(value_parser = key_name)]
    name: String,
}

impl Keygen {
    /// Prints the key, and the lines for `datadip.yaml`.
    pub fn run(self) -> anyhow::Result<Exit> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        let key = hex::encode(random);
        say("The key, shown only now, and the lines for datadip.yaml:");
        answer(format!("{key}\n\n{}", lines(&self.name, &key)))?;
        Ok(Exit::Fine)
    }
}

/// What to paste into `datadip.yaml`. Without `actions` a key may call every read.
fn lines(name: &str, key: &str) -> String {
    let sha256 = hex::encode(Sha256::digest(key));
    format!("access:\n  keys:\n    - name: {name}\n      sha256: {sha256}\n")
}

/// A name that needs no quotes in YAML and reads well in a log.
fn key_name(name: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    match begins && name.bytes().all(plain) && name.len() <= 64 {
        true => Ok(name.to_owned()),
        false => Err("expected a letter, then letters, digits, `.`, `_` or `-`, at most 64 in all".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_hold_the_hash_of_the_key_as_it_is_sent() {
        let expected = "access:\n  keys:\n    - name: ops\n      \
                        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";
        assert_eq!(lines("ops", "test"), expected);
    }

    #[test]
    fn a_name_is_plain_yaml() {
        assert!(key_name("cxone-prod_2.a").is_ok());
        for name in ["", "a b", "1", "-a", "a: b", "#a", "é", &"a".repeat(65)] {
            assert!(key_name(name).is_err(), "{name:?}");
        }
    }
}
