#!/usr/bin/env bash
# Packs everything that is published into a folder: the MSBuild task, and the command line as a .NET tool, which is native
# code on Linux and portable elsewhere.
#
#   build/pack.sh FOLDER [MSBUILD-ARGUMENT...]      for example -p:Version=1.2.3
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: build/pack.sh FOLDER [MSBUILD-ARGUMENT...]" >&2; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
pack=(dotnet pack -c Release -o "$folder" -v quiet -nologo "$@")
"${pack[@]}" src/Tasks
# One package for each kind of machine, and the one that names them.
"${pack[@]}" src/Action -r any
"${pack[@]}" src/Action -r linux-x64
"${pack[@]}" src/Action
