#!/usr/bin/env bash
# Runs every check of the repository. Needs Rust and nothing else; uses cargo-nextest where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo fmt --version >/dev/null 2>&1; then
  cargo fmt --check
else
  echo "rustfmt is not installed: the formatting is not checked"
fi
if cargo clippy --version >/dev/null 2>&1; then
  # A later clippy knows more lints: only CI, whose version is known, takes them for failures.
  cargo clippy --locked --all-targets -- ${CI:+--deny warnings}
else
  echo "clippy is not installed: lints are not checked"
fi

if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked --no-fail-fast
else
  cargo test --locked --no-fail-fast --lib --bins --tests
fi
