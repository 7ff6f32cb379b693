#!/bin/sh
# The puppet for images without Python: puppet.sh VERB [ARGUMENT…] [-- VERB …]. POSIX sh; BusyBox is enough. As puppet.py,
# but errors are the tool's message instead of an errno's name. Verbs: exit signal sleep trap-term stdout sha256 lines oneline nonewline
# both stdin env ids fds mount cwd forkbomb daemon memory read write unlink symlink list tcp resolve proc1 output print-file.

# A JSON string: quotes, backslashes and control characters escaped.
quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' | tr -d '\000-\010\013-\037' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }')"
}

# tried VERB PATH COMMAND…: runs it and tells what came of it.
tried() {
  verb=$1 subject=$2
  shift 2
  if message=$("$@" 2>&1 >/dev/null); then
    printf '{"verb": %s, "path": %s, "ok": true}\n' "$(quoted "$verb")" "$(quoted "$subject")"
  else
    printf '{"verb": %s, "path": %s, "ok": false, "error": %s}\n' "$(quoted "$verb")" "$(quoted "$subject")" "$(quoted "$message")"
  fi
}

put() { printf '%s' "$2" >"$1"; }

# The same bytes for the same seed: a linear congruence, one byte a step, written as octal escapes.
bytes() {
  awk -v count="$1" -v seed="${2:-1}" 'BEGIN { for (i = 0; i < count; i++) { seed = (seed * 1103515245 + 12345) % 2147483648; printf "\\%03o", int(seed / 65536) % 256 } }' |
    { IFS= read -r escapes || true; printf "$escapes"; }
}

output() {
  folder=${ISOLATED_AGENTS_OUTPUT:-/output}
  for spec in "$@"; do
    kind=${spec%%=*} rest=${spec#*=}
    name=${rest%%:*} extra=
    case "$rest" in *:*) extra=${rest#*:} ;; esac
    path=$folder/$name
    case "$kind" in
      at) folder=$rest; continue ;;
      file) tried output "$spec" sh -c 'mkdir -p "$(dirname "$1")" && head -c "${2:-5}" /dev/zero | tr "\0" x >"$1"' sh "$path" "$extra" ;;
      folder) tried output "$spec" mkdir -p "$path" ;;
      symlink) tried output "$spec" ln -s "$extra" "$path" ;;
      hardlink) case "$extra" in /*) ;; *) extra=$folder/$extra ;; esac; tried output "$spec" ln "$extra" "$path" ;;
      fifo) tried output "$spec" mkfifo "$path" ;;
      setuid) tried output "$spec" sh -c 'echo "#!/bin/sh" >"$1" && chmod 6755 "$1"' sh "$path" ;;
      sparse) tried output "$spec" truncate -s "$extra" "$path" ;;
      many) tried output "$spec" sh -c 'mkdir -p "$1/many"; i=0; while [ $i -lt "$2" ]; do : >"$1/many/$i" || exit 1; i=$((i + 1)); done' sh "$folder" "$name" ;;
      deep) tried output "$spec" sh -c 'cd "$1"; i=0; while [ $i -lt "$2" ]; do mkdir d && cd d || exit 1; i=$((i + 1)); done; : >bottom' sh "$folder" "$name" ;;
      *) echo "puppet.sh: unknown output $kind" >&2; exit 64 ;;
    esac
  done
}

proc1() {
  for name in environ cmdline maps mem io; do tried "proc1 read" "/proc/1/$name" head -c 64 "/proc/1/$name"; done
  for number in 0 1 2 3; do tried "proc1 write" "/proc/1/fd/$number" sh -c 'printf forged >"$1"' sh "/proc/1/fd/$number"; done
  for number in 0 15 9 19; do tried "proc1 kill -$number" 1 kill -$number 1; done
  tried kill-all -1 kill -9 -1
}

ids() {
  awk -v uid="$(id -u)" -v gid="$(id -g)" -v groups="$(id -G)" '
    BEGIN { gsub(/ /, ", ", groups); printf "{\"verb\": \"ids\", \"uid\": %s, \"gid\": %s, \"groups\": [%s]", uid, gid, groups }
    /^(CapEff|CapPrm|CapBnd|CapInh|CapAmb|NoNewPrivs|Seccomp|Seccomp_filters):/ { sub(/:$/, "", $1); printf ", \"%s\": \"%s\"", $1, $2 }
    END { print "}" }' /proc/self/status
}

run() {
  verb=$1
  shift
  case "$verb" in
    exit) exit "$1" ;;
    signal) kill -"$1" $$ ; sleep 5 ;;
    sleep) printf '{"verb": "sleep", "seconds": %s}\n' "$1"; sleep "$1" ;;
    trap-term) trap '' TERM INT HUP; printf '{"verb": "trap-term", "pid": %s}\n' $$; sleep "${1:-600}" ;;
    stdout) bytes "$@" ;;
    sha256) printf '{"verb": "sha256", "bytes": %s, "sha256": "%s"}\n' "$1" "$(bytes "$@" | sha256sum | cut -d ' ' -f 1)" ;;
    lines) awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) print "line " i }' ;;
    oneline) head -c "$1" /dev/zero | tr '\0' x; echo ;;
    nonewline) printf '%s' "$*" ;;
    both) i=1; while [ $i -le "$1" ]; do echo "out $i"; echo "err $i" >&2; i=$((i + 1)); done ;;
    stdin) printf '{"verb": "stdin", "ok": true, "bytes": %s}\n' "$(wc -c | tr -d ' ')" ;;
    env) printf '{"verb": "env", "lines": %s}\n' "$(quoted "$(env | sort)")" ;;
    cwd) printf '{"verb": "cwd", "path": %s}\n' "$(quoted "$(pwd)")" ;;
    ids) ids ;;
    fds) printf '{"verb": "fds", "fds": %s}\n' "$(quoted "$(cd /proc/$$/fd && for f in *; do [ ! -e "$f" ] && [ ! -L "$f" ] || echo "$f $(readlink "$f")"; done)")" ;;
    mount) printf '{"verb": "mount", "lines": %s}\n' "$(quoted "$(cat /proc/self/mountinfo)")" ;;
    forkbomb) i=0; while [ $i -lt "$1" ]; do sleep 60 & i=$((i + 1)); done; printf '{"verb": "forkbomb", "started": %s}\n' "$i" ;;
    daemon) setsid sh -c 'trap "" TERM INT HUP; echo "{\"verb\": \"daemon\", \"pid\": $$}"; sleep "$1"' sh "${1:-600}" & sleep 0.2 ;;
    memory) tried memory "$1" awk -v n="$1" 'BEGIN { s = "x"; while (length(s) < 1048576) s = s s; for (i = 0; i < n; i++) a[i] = s i }' ;;
    read) tried read "$1" cat "$1" ;;
    write) tried write "$1" put "$1" "${2:-written by the puppet}" ;;
    unlink) tried unlink "$1" rm "$1" ;;
    symlink) tried symlink "$2" ln -s "$1" "$2" ;;
    list) tried list "$1" ls -a "$1" ;;
    print-file) cat "$1" ;;
    tcp) tried tcp "$1:$2" nc -w "${3:-5}" "$1" "$2" </dev/null ;;
    resolve) tried resolve "$1" nslookup "$1" ;;
    proc1) proc1 ;;
    output) output "$@" ;;
    *) echo "puppet.sh: unknown verb $verb" >&2; exit 64 ;;
  esac
}

# Cuts the arguments at each "--". Arguments with a "--" of their own are not for this puppet.
while [ $# -gt 0 ]; do
  count=0
  for argument in "$@"; do
    [ "$argument" != -- ] || break
    count=$((count + 1))
  done
  rest=$(($# - count))
  i=0
  # Moves the first `count` to the end, runs them from there, and drops them.
  while [ $i -lt $count ]; do first=$1; shift; set -- "$@" "$first"; i=$((i + 1)); done
  if [ "$rest" -gt 0 ]; then
    after=$((rest - 1))
    shift # the --
    # Now: what comes after, then the verb. Run the verb with the last `count` arguments.
    eval "run $(i=$((after + 1)); while [ $i -le $# ]; do printf ' "${%d}"' "$i"; i=$((i + 1)); done)"
    kept=$(i=1; while [ $i -le $after ]; do printf ' "${%d}"' "$i"; i=$((i + 1)); done)
    eval "set -- $kept"
  else
    run "$@"
    break
  fi
done
