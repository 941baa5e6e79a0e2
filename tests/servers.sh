#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL and a throw-away MariaDB:
#
#   tests/servers.sh cargo nextest run postgres
#   tests/servers.sh bash          # a shell to work in
#
# The command finds them by DATADIP_TEST_POSTGRES and DATADIP_TEST_MYSQL; a server that such a variable names already is
# used as it is. They listen on free ports of loopback, keep their data in a temporary folder, trust everybody, and are
# gone with the command. POSTGRES_BIN names the folder of the PostgreSQL to use; the default is the newest one installed.
# What is not installed is installed with apt-get where that is allowed, and otherwise left out, which is said.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

say() { echo "tests/servers.sh: $*" >&2; }

# The folder with PostgreSQL's server: Debian keeps it out of the PATH.
postgres_bin() {
  local newest
  newest=$(find /usr/lib/postgresql -path '*/bin/initdb' -exec dirname {} + 2>/dev/null | sort -V | tail -n 1) || true
  if [ -n "${POSTGRES_BIN:-}" ]; then
    echo "$POSTGRES_BIN"
  elif [ -n "$newest" ]; then
    echo "$newest"
  elif command -v initdb >/dev/null; then
    dirname "$(command -v initdb)"
  fi
}

# MariaDB's server, which is not in everybody's PATH either.
mariadbd() { PATH=$PATH:/usr/sbin type -P mariadbd; }

# Installs packages without starting any service of theirs.
install_packages() {
  local root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    root=(sudo -n)
  fi
  command -v apt-get >/dev/null || return 1
  say "installing $*"
  # Debian's packages ask this program whether they may start a service; 101 is its no.
  local policy=/usr/sbin/policy-rc.d own='' status=0 log
  log=$(mktemp)
  if [ ! -e "$policy" ]; then
    own=yes
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod +x "$policy"
  fi
  {
    "${root[@]}" apt-get update -qq &&
      "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null || { status=$?; cat "$log" >&2; }
  [ -z "$own" ] || "${root[@]}" rm -f "$policy"
  rm -f "$log"
  return "$status"
}

missing=()
[ -n "${DATADIP_TEST_POSTGRES:-}" ] || [ -n "$(postgres_bin)" ] || missing+=(postgresql)
[ -n "${DATADIP_TEST_MYSQL:-}" ] || mariadbd >/dev/null || missing+=(mariadb-server-core)
if [ ${#missing[@]} -gt 0 ] && ! install_packages "${missing[@]}"; then
  say "please install ${missing[*]}: tests that need it are skipped"
fi

# Everything of the servers lives here. A cleaner of its own ends them when this script is gone, however it went: it waits
# for the end of a pipe that only this script holds open.
folder=$(mktemp -d "${TMPDIR:-/tmp}/datadip-servers.XXXXXX")
chmod 755 "$folder"
exec 9> >(
  trap '' INT TERM HUP
  cat >/dev/null
  for file in "$folder"/*/postmaster.pid "$folder"/mariadb.pid; do
    [ -e "$file" ] || continue
    pid=$(head -n 1 "$file")
    kill -QUIT "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -rf "$folder"
)
cleaner=$!
trap 'exec 9>&-; wait "$cleaner" || true' EXIT

# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id -u "$owner" >/dev/null 2>&1 || owner=nobody
  chown "$owner" "$folder"
  as=(runuser -u "$owner" --)
fi

# A port of loopback where nobody listens, below those that the system gives to clients.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Waits at most 30 s for a server, this shell's last job, to listen.
listens() {
  local port=$1 log=$2
  for _ in $(seq 300); do
    kill -0 $! 2>/dev/null || break
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  cat "$log" >&2
  say "the server does not start"
  return 1
}

start_postgres() {
  local bin=$1 port=$2 data=$folder/postgres log=$folder/postgres.log
  # Below root's home nobody else can run it.
  if ! "${as[@]}" test -x "$bin/initdb"; then
    cp -r "$bin/.." "$folder/postgres-programs"
    bin=$folder/postgres-programs/bin
  fi
  {
    "${as[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync
    # The tests' role owns its databases and is no superuser.
    echo 'CREATE ROLE datadip LOGIN CREATEDB' | "${as[@]}" "$bin/postgres" --single -D "$data" postgres
  } >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=500 -c deadlock_timeout=200ms \
    -c timezone=UTC >>"$log" 2>&1 </dev/null &
  listens "$port" "$log"
}

start_mariadb() {
  local bin=$1 port=$2 data=$folder/mariadb log=$folder/mariadb.log
  printf '%s\n' "CREATE USER datadip@localhost, datadip@'127.0.0.1';" \
    "GRANT ALL ON *.* TO datadip@localhost, datadip@'127.0.0.1';" >"$folder/mariadb.sql"
  "${as[@]}" mariadb-install-db --no-defaults --datadir="$data" --skip-test-db >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  "${as[@]}" "$bin" --no-defaults --datadir="$data" --port="$port" --bind-address=127.0.0.1 \
    --socket="$folder/mariadb.sock" --pid-file="$folder/mariadb.pid" --init-file="$folder/mariadb.sql" \
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync --max-connections=500 \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci --default-time-zone=+00:00 \
    >>"$log" 2>&1 </dev/null &
  listens "$port" "$log"
}

starting=()
if [ -z "${DATADIP_TEST_POSTGRES:-}" ] && bin=$(postgres_bin) && [ -n "$bin" ]; then
  port=$(free_port)
  start_postgres "$bin" "$port" 9>&- &
  starting+=($!)
  export DATADIP_TEST_POSTGRES="postgres://datadip@127.0.0.1:$port/postgres"
fi
if [ -z "${DATADIP_TEST_MYSQL:-}" ] && bin=$(mariadbd); then
  port=$(free_port)
  start_mariadb "$bin" "$port" 9>&- &
  starting+=($!)
  export DATADIP_TEST_MYSQL="mysql://datadip@127.0.0.1:$port/"
fi
for one in "${starting[@]}"; do wait "$one"; done

"$@" 9>&-
