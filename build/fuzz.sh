#!/usr/bin/env bash
# Fuzzes what reads bytes from outside, guided by coverage: AFL++ drives the instrumented assemblies through SharpFuzz.
# Exits with 1 if any input was found that breaks a target.
#
#   build/fuzz.sh                          every target, ten minutes each
#   build/fuzz.sh --seconds 30 policy      one target, 30 seconds
#
# Targets are the folders of tests/Fuzzing/Corpus. What was found is in artifacts/fuzz/findings/TARGET.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_ROLL_FORWARD=Major
# The target is the runtime, which AFL++ neither knows nor may bind to a processor; what it reports of crashes is kept as files.
export AFL_SKIP_BIN_CHECK=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_AUTORESUME=0

seconds=600 targets=()
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) targets+=("$1"); shift ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls tests/Fuzzing/Corpus)

if ! command -v afl-fuzz >/dev/null; then
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update >/dev/null
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install afl++ >/dev/null
fi

work=$root/artifacts/fuzz
rm -rf "$work"
dotnet tool restore --verbosity quiet
dotnet publish tests/Fuzzing -c Release -nologo -v quiet -o "$work/bin"
for assembly in IsolatedAgents.Core IsolatedAgents.Protocol; do
  dotnet tool run sharpfuzz -- "$work/bin/$assembly.dll"
done

failed=0
for target in "${targets[@]}"; do
  findings=$work/findings/$target
  mkdir -p "$findings"
  if ! afl-fuzz -V "$seconds" -t 5000 -m none -i "tests/Fuzzing/Corpus/$target" -o "$findings" -- dotnet "$work/bin/IsolatedAgents.Fuzzing.dll" "$target" >"$findings/output.log" 2>&1; then
    tail -n 20 "$findings/output.log"
    echo "fuzz: $target could not be fuzzed"
    failed=1
    continue
  fi
  value() { awk -F ' *: *' -v name="$1" '$1 == name { print $2 }' "$findings/default/fuzzer_stats"; }
  crashes=$(find "$findings/default/crashes" "$findings/default/hangs" -name 'id:*' | wc -l)
  echo "fuzz: $target: $(value execs_done) runs, $(value edges_found) edges, $(value corpus_count) inputs, $crashes findings"
  if [ "$crashes" -gt 0 ]; then failed=1; fi
done
exit "$failed"
