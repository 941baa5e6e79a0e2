#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL and a throw-away MariaDB:
#
#   tests/servers.sh cargo nextest run postgres
#   tests/servers.sh bash          # a shell to work in
#
# The command finds them by DATADIP_TEST_POSTGRES and DATADIP_TEST_MYSQL; a server that such a variable names already is
# used as it is. They listen on free ports of loopback, keep their data in a temporary folder, trust everybody, and are
# gone with the command. A command that is bash can call stop_postgres, start_postgres, stop_mariadb and start_mariadb.
# POSTGRES_BIN names the folder of the PostgreSQL to use; the default is the newest one installed. What is not installed
# is installed with apt-get where that is allowed, and otherwise left out, which is said.
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

# A port of loopback where nobody listens, below those that the system gives to clients.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Runs a program as somebody who may be a server: PostgreSQL refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u "$SERVERS_OWNER" -- "$@"; else "$@"; fi
}

# Starts a server in the background, its output in a log, and waits at most 30 s until it listens.
start_server() {
  local port=$1 log=$2
  shift 2
  as_owner "$@" >>"$log" 2>&1 </dev/null &
  for _ in $(seq 300); do
    kill -0 $! 2>/dev/null || break
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  cat "$log" >&2
  echo "the server does not start" >&2
  return 1
}

# Sends a server a signal and waits at most 10 s until it is gone.
stop_server() {
  local signal=$1 file=$2 pid
  [ -e "$file" ] && pid=$(head -n 1 "$file") || return 0
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.05; done
  kill -KILL "$pid"
}

start_postgres() { start_server "$POSTGRES_PORT" "$SERVERS/postgres.log" "$POSTGRES_BIN/postgres" -D "$SERVERS/postgres"; }
stop_postgres() { stop_server INT "$SERVERS/postgres/postmaster.pid"; }
start_mariadb() { start_server "$MARIADB_PORT" "$SERVERS/mariadb.log" "$MARIADBD" --defaults-file="$SERVERS/mariadb.cnf"; }
stop_mariadb() { stop_server TERM "$SERVERS/mariadb/mariadbd.pid"; }

make_postgres() {
  as_owner "$POSTGRES_BIN/initdb" -D "$SERVERS/postgres" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync
  cat >>"$SERVERS/postgres/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = ''
max_connections = 500
deadlock_timeout = 200ms
timezone = 'UTC'
fsync = off
full_page_writes = off
synchronous_commit = off
END
  # The tests' role owns its databases and is no superuser; another one is there for it to take on.
  printf '%s\n' 'CREATE ROLE datadip LOGIN CREATEDB' 'CREATE ROLE datadip_role ROLE datadip' |
    as_owner "$POSTGRES_BIN/postgres" --single -D "$SERVERS/postgres" postgres
}

make_mariadb() {
  as_owner mariadb-install-db --no-defaults --datadir="$SERVERS/mariadb" --skip-test-db
  echo "CREATE USER IF NOT EXISTS datadip@localhost, datadip@'127.0.0.1';" >"$SERVERS/mariadb.sql"
  echo "GRANT ALL ON *.* TO datadip@localhost, datadip@'127.0.0.1' WITH GRANT OPTION;" >>"$SERVERS/mariadb.sql"
  cat >"$SERVERS/mariadb.cnf" <<END
[mariadbd]
datadir = $SERVERS/mariadb
bind-address = 127.0.0.1
port = $MARIADB_PORT
socket = $SERVERS/mariadb/socket
pid-file = $SERVERS/mariadb/mariadbd.pid
init-file = $SERVERS/mariadb.sql
max-connections = 500
character-set-server = utf8mb4
default-time-zone = +00:00
innodb-flush-method = nosync
innodb-flush-log-at-trx-commit = 0
END
}

missing=()
[ -n "${DATADIP_TEST_POSTGRES:-}" ] || [ -n "$(postgres_bin)" ] || missing+=(postgresql)
# The program that makes MariaDB's tables asks one of its client's.
[ -n "${DATADIP_TEST_MYSQL:-}" ] || { mariadbd && type -P my_print_defaults; } >/dev/null ||
  missing+=(mariadb-server-core mariadb-client-core)
if [ ${#missing[@]} -gt 0 ] && ! install_packages "${missing[@]}"; then
  say "please install ${missing[*]}: tests that need it are skipped"
fi

# Everything of the servers lives here. A cleaner of its own ends them when this script is gone, however it went: it waits
# for the end of a pipe that only this script holds open.
SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/datadip-servers.XXXXXX")
SERVERS_OWNER=postgres
id -u "$SERVERS_OWNER" >/dev/null 2>&1 || SERVERS_OWNER=nobody
chmod 755 "$SERVERS"
[ "$(id -u)" != 0 ] || chown "$SERVERS_OWNER" "$SERVERS"
exec 9> >(
  trap '' INT TERM HUP
  cat >/dev/null
  stop_server QUIT "$SERVERS/postgres/postmaster.pid"
  stop_server KILL "$SERVERS/mariadb/mariadbd.pid"
  rm -rf "$SERVERS"
)
cleaner=$!
trap 'exec 9>&-; wait "$cleaner" || true' EXIT

# Makes a server and starts it; its log is shown where that fails.
launch() {
  "make_$1" >"$SERVERS/$1.log" 2>&1 || { cat "$SERVERS/$1.log" >&2; return 1; }
  "start_$1"
}

launched=()
if [ -z "${DATADIP_TEST_POSTGRES:-}" ] && POSTGRES_BIN=$(postgres_bin) && [ -n "$POSTGRES_BIN" ]; then
  # Below root's home nobody else can run it.
  if ! as_owner test -x "$POSTGRES_BIN/initdb"; then
    cp -r "$POSTGRES_BIN/.." "$SERVERS/postgres-programs"
    POSTGRES_BIN=$SERVERS/postgres-programs/bin
  fi
  POSTGRES_PORT=$(free_port)
  launch postgres 9>&- &
  launched+=($!)
  export DATADIP_TEST_POSTGRES="postgres://datadip@127.0.0.1:$POSTGRES_PORT/postgres" POSTGRES_BIN POSTGRES_PORT
fi
if [ -z "${DATADIP_TEST_MYSQL:-}" ] && MARIADBD=$(mariadbd); then
  MARIADB_PORT=$(free_port)
  launch mariadb 9>&- &
  launched+=($!)
  export DATADIP_TEST_MYSQL="mysql://datadip@127.0.0.1:$MARIADB_PORT/" MARIADBD MARIADB_PORT
fi
for one in "${launched[@]}"; do wait "$one"; done
export SERVERS SERVERS_OWNER
export -f as_owner start_server stop_server start_postgres stop_postgres start_mariadb stop_mariadb

"$@" 9>&-
