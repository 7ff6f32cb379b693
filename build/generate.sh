#!/usr/bin/env bash
# Writes anew what follows from the product's tables: pages of docs/, the task's policy parameters, parts of the targets and of action.yml, and the JSON Schemas.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build tests/Core.Tests -c Release -v q -nologo
IA_UPDATE_GOLDEN=1 dotnet exec "$(dotnet msbuild tests/Core.Tests -nologo -p:Configuration=Release -getProperty:TargetPath)" --no-ansi --progress off \
  --filter 'FullyQualifiedName~GeneratedFile|FullyQualifiedName~SchemaTests'
