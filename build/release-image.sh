#!/usr/bin/env bash
# Makes a release of the GitHub action: its image, built and pushed once, and an action file that names that image by its digest, so that jobs pull it and need not build it from source.
#
#   build/release-image.sh NAME FILE                       NAME is the image's name with its registry and without a tag; FILE gets the action file of the release
#   build/release-image.sh NAME FILE --published FOLDER    with an executable that has been published already
#
# The tag is the version in Directory.Build.props. The engine must be logged in to the registry. Environment: that of build/action-image.sh.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'release-image: %s\n' "$*"; }
die() { printf 'release-image: error: %s\n' "$*" >&2; exit 2; }

[ $# -ge 2 ] && [ "${1#-}" = "$1" ] && [ "${2#-}" = "$2" ] || die "usage: build/release-image.sh NAME FILE [--published FOLDER]"
name=$1
file=$2
shift 2
# A digest and a tag are ours to give, and a name without a registry would be another place's than the one that is meant.
case "$name" in *@*) die "'$name' has a digest; name the image without one" ;; esac
case "${name##*/}" in *:*) die "'$name' has a tag; name the image without one" ;; esac
case "${name%%/*}" in *.* | *:* | localhost) ;; *) die "'$name' names no registry; write HOST/NAME" ;; esac
[ "${name#*/}" != "$name" ] || die "'$name' is a registry alone; write HOST/NAME"

version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props")
[ -n "$version" ] || die "Directory.Build.props names no version"
tag=$name:$version
"$root/build/action-image.sh" "$tag" "$@"
say "pushing $tag"
docker push --quiet "$tag" >/dev/null || die "the registry did not take $tag"
# The registry's own: what the engine calls the image is another hash.
digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$tag" | grep -xE "$(printf '%s' "$name" | sed 's/[.[\*^$]/\\&/g')@sha256:[0-9a-f]{64}" | tail -n 1) \
  || die "the engine names no digest of $tag"
# What jobs will be given is what was built here.
docker pull --quiet "$digest" >/dev/null || die "the registry does not give $digest"
[ "$(docker image inspect --format '{{.Id}}' "$digest")" = "$(docker image inspect --format '{{.Id}}' "$tag")" ] || die "$digest is not the image that was pushed"

[ "$(grep -cx '  image: Dockerfile' "$root/action.yml")" = 1 ] || die "action.yml does not have its one line 'image: Dockerfile'"
sed "s|^  image: Dockerfile\$|  image: docker://$digest|" "$root/action.yml" >"$file.part"
mv "$file.part" "$file"
say "$file names $digest"
