#!/usr/bin/env bash
# Builds the image of the GitHub action. Where a registry answers, as the runner does it: from source, on the Dockerfile's base images. Where none does, with no registry: publishes with
# this machine's SDK, on a base made from Debian packages.
#
#   build/action-image.sh TAG                      builds TAG
#   build/action-image.sh TAG --published FOLDER   with an executable that has been published already
#
# Environment: SDK_IMAGE and RUNTIME_IMAGE, the base images; a RUNTIME_IMAGE that is local needs no registry.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly LOCAL_BASE=isolated-agents/python:bookworm
readonly DEFAULT_BASE=mcr.microsoft.com/dotnet/runtime-deps:10.0
readonly PUBLISH=artifacts/publish/IsolatedAgents.Action/release_linux-x64

say() { printf 'action-image: %s\n' "$*"; }
die() { printf 'action-image: error: %s\n' "$*" >&2; exit 2; }
has_image() { docker image inspect "$1" >/dev/null 2>&1; }
build() { # ARGUMENTS…: what the builder says is of interest only where it fails
  local log
  log=$(mktemp)
  docker build "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; rm -f "$log"; die "docker build failed; its last lines are above"; }
  rm -f "$log"
}
can_have() { has_image "$1" || timeout 60 docker pull --quiet "$1" >/dev/null 2>&1; }

[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || die "usage: build/action-image.sh TAG [--published FOLDER]"
tag=$1
shift
published=
if [ "${1:-}" = --published ]; then
  [ -x "${2:-}/isolated-agents" ] || die "'${2:-}' holds no isolated-agents; name the folder that dotnet publish filled"
  published=$(cd "$2" && pwd)
  shift 2
fi
[ $# -eq 0 ] || die "unexpected argument '$1'"
command -v docker >/dev/null || die "the docker client is missing; run build/setup.sh"

base=${RUNTIME_IMAGE:-$DEFAULT_BASE}
if [ -z "$published" ] && [ -z "${RUNTIME_IMAGE:-}" ] && can_have "$base" && can_have "${SDK_IMAGE:-mcr.microsoft.com/dotnet/sdk:10.0}"; then
  say "building from source"
  build -t "$tag" ${SDK_IMAGE:+--build-arg "SDK_IMAGE=$SDK_IMAGE"} -f "$root/Dockerfile" "$root"
else
  if ! can_have "$base"; then
    [ -z "${RUNTIME_IMAGE:-}" ] || die "the image RUNTIME_IMAGE=$base is not there and cannot be pulled"
    base=$LOCAL_BASE
    has_image "$base" || "$root/build/setup.sh"
    say "no registry answers; the base is $base"
  fi
  context=$(mktemp -d)
  trap 'rm -rf "$context"' EXIT
  if [ -z "$published" ]; then
    say "publishing"
    (cd "$root" && dotnet publish src/Action -c Release -r linux-x64 -nologo -v quiet -p:UseSharedCompilation=false)
    published=$root/$PUBLISH
  fi
  # A context of its own: the repository's may hold other builds.
  cp -a "$published" "$context/published"
  find "$context" -name '*.pdb' -delete
  ln -sf isolated-agents "$context/published/isolated-agents-post"
  build -t "$tag" --build-arg "RUNTIME_IMAGE=$base" -f "$root/build/published.Dockerfile" "$context"
fi

# What the image adds to its base, in decimal MB as docker counts.
size=$(docker image inspect --format '{{.Size}}' "$tag")
say "$tag: $((size / 1000000)) MB$(has_image "$base" && echo ", $(((size - $(docker image inspect --format '{{.Size}}' "$base")) / 1000000)) MB beyond its base")"
