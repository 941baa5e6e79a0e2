#!/usr/bin/env bash
# Runs every check of the repository. Needs Rust and nothing else: the databases that tests run on are started here, and
# installed where that is allowed. Uses cargo-nextest where it is installed.
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

# Runs the tests whose names contain a text, or all of them, with the servers that they need.
run_tests() {
  if cargo nextest --version >/dev/null 2>&1; then
    tests/servers.sh cargo nextest run --locked --no-fail-fast ${CI:+--profile ci} "$@"
  else
    tests/servers.sh cargo test --locked --no-fail-fast --lib --bins --tests "$@"
  fi
}

run_tests
if bin=$(tests/postgres-18.sh); then
  echo "the tests of PostgreSQL once more, on PostgreSQL 18"
  DATADIP_TEST_POSTGRES='' POSTGRES_BIN=$bin run_tests postgres
else
  echo "the tests were not run on PostgreSQL 18"
fi
