//! The `datadip` binary.

fn main() {}
