#!/usr/bin/env bash
# The main job, end to end: packs the MSBuild task and builds samples/review with it, whose build ends with an agent that
# reviews this repository in a sandbox. Prints the head of what the agent wrote.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
command -v dotnet >/dev/null || { echo "demo: the .NET SDK is missing (dotnet is not on the path)" >&2; exit 1; }
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# A compiler or build server that stays behind would hold on to the package that the next run replaces.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

build/setup.sh

# NuGet keeps what it once unpacked under a version, so each run packs a version of its own, into a cache of its own.
feed=artifacts/package/release
cache=$root/artifacts/demo/packages
version=0.1.0-demo.$(date -u +%Y%m%d%H%M%S)
mkdir -p "$feed"
rm -rf "$cache" "$feed"/IsolatedAgents.Tasks.*-demo.*nupkg samples/review/review-output
echo "demo: packing IsolatedAgents.Tasks $version"
dotnet pack src/Tasks -c Release -p:Version="$version" -o "$feed" -v quiet -nologo -p:UseSharedCompilation=false

echo "demo: building samples/review"
sample=(samples/review/Review.csproj -p:IsolatedAgentsVersion="$version" -p:RestorePackagesPath="$cache" -nologo)
dotnet restore "${sample[@]}" --force -v quiet
dotnet build "${sample[@]}" --no-restore -v normal -tl:off -p:UseSharedCompilation=false "$@"

echo
echo "demo: samples/review/review-output/review.md begins"
echo
head -n 40 samples/review/review-output/review.md
