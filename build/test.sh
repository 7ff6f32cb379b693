#!/usr/bin/env bash
# Builds everything and runs every test project. The last line of the output is `N passed, N failed[, N skipped]`; the exit
# code is 0 only if tests ran, none failed and no test project broke.
#
#   build/test.sh              all projects under tests/ whose name ends with .Tests
#   build/test.sh Core Tasks   those whose name contains one of the words
#
# Environment: IA_TEST_SECONDS (default 900), the time that one test project may take; IA_FUZZ_SECONDS (default 10), that of one fuzz target.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
readonly LABEL=dev.isolated-agents.session
readonly PODMAN_SOCKET=/run/podman/podman.sock
results=$root/artifacts/test-results

passed=0 failed=0 skipped=0 broken=0
start=$SECONDS

# Whatever happens, the counts are the last line.
finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ "${ready:-no}" = yes ]; then
    clean_up || true
  fi
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1 # the script itself did not get to its end: a build error, a missing engine, Ctrl+C
  fi
  [ $((failed + broken)) -eq 0 ] && [ "$passed" -gt 0 ] || [ "$status" -ne 0 ] || status=1
  if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

containers() { # ENGINE: the ids of our sessions' containers there
  case "$1" in
    docker) docker ps -aq --no-trunc --filter "label=$LABEL" 2>/dev/null || true ;;
    podman) [ ! -S "$PODMAN_SOCKET" ] || podman --url "unix://$PODMAN_SOCKET" ps -aq --no-trunc --filter "label=$LABEL" 2>/dev/null || true ;;
  esac
}

remove() { # ENGINE ID
  case "$1" in
    docker) docker rm -f "$2" ;;
    podman) podman --url "unix://$PODMAN_SOCKET" rm -f "$2" ;;
  esac >/dev/null 2>&1 || true
}

inspect() { # ENGINE ID FORMAT
  case "$1" in
    docker) docker inspect --format "$3" "$2" ;;
    podman) podman --url "unix://$PODMAN_SOCKET" inspect --format "$3" "$2" ;;
  esac 2>/dev/null || true
}

# Removes containers that appeared since we began and that nobody owns any more. Other people's runs may be going on.
clean_up() {
  local engine id owner state
  for engine in docker podman; do
    for id in $(containers "$engine"); do
      case " $before " in *" $id "*) continue ;; esac
      owner=$(inspect "$engine" "$id" '{{index .Config.Labels "dev.isolated-agents.owner-pid"}}')
      state=$(inspect "$engine" "$id" '{{.State.Status}}')
      if [[ "$owner" =~ ^[0-9]+$ ]] && [ -d "/proc/$owner" ]; then continue; fi
      if ! [[ "$owner" =~ ^[0-9]+$ ]] && [ "$state" = running ]; then continue; fi
      echo "test: removing container ${id:0:12}, which a test left behind ($engine)"
      remove "$engine" "$id"
    done
  done
  if [ "$(pid_of podman)" != "$podman_before" ]; then build/setup.sh --stop=podman; fi
  if [ "$(pid_of dockerd)" != "$docker_before" ]; then build/setup.sh --stop=docker; fi
}

pid_of() { cat "/run/isolated-agents/$1.pid" 2>/dev/null || true; }

# count LOG WHAT: a figure of the runner's own summary, which is the last thing that it writes; 0 where it did not come so far.
count() {
  awk -v what="  $2:" '/^Test run summary:/ { found = 0; seen = 1 } seen && index($0, what) == 1 { found = $NF } END { print found + 0 }' "$1"
}

# run_project PROJECT [LABEL [ARGUMENTS]]: the label tells a second run of the same tests from the first.
run_project() {
  local project=$1 label=${2:-} name folder log output code=0 target began=$SECONDS p f s
  shift $(($# > 1 ? 2 : 1))
  name=$(basename "$project" .csproj)
  folder=$results/$name$label
  log=$folder/output.log
  mkdir -p "$folder"
  target=$(dotnet msbuild "$project" -nologo -p:Configuration=Release -getProperty:TargetPath)
  if [ ! -f "$target" ]; then
    echo "test: $name was not built ($target is missing)"
    failed=$((failed + 1)) broken=$((broken + 1))
    return 0
  fi
  echo "test: $name${label:+ ($label)}"
  # Who starts this in the background ignores Ctrl+C for it, and the tests are about Ctrl+C.
  timeout --kill-after=20 "${IA_TEST_SECONDS:-900}" env --default-signal=INT,QUIT dotnet exec "$target" --report-trx --report-trx-filename "$name.trx" \
    --results-directory "$folder" --progress off --no-ansi "$@" >"$log" 2>&1 </dev/null || code=$?

  p=$(count "$log" succeeded) f=$(count "$log" failed) s=$(count "$log" skipped)
  # 0: all passed. 2: a test failed. 8: no test ran, which is right where all are skipped. All else is not a test's failure.
  case "$code" in
    0) [ $((p + s)) -gt 0 ] || output="ran no test" ;;
    2) [ "$f" -gt 0 ] || output="failed outside its tests" ;;
    8) [ "$s" -gt 0 ] || output="ran no test" ;;
    124 | 137) output="did not end in ${IA_TEST_SECONDS:-900} s" ;;
    *) output="broke (exit code $code)" ;;
  esac
  if [ "$f" -gt 0 ]; then
    sed -n 's/^failed /  FAILED /p' "$log" | tee -a "$results/failed.txt"
  fi
  if [ -n "${output:-}" ]; then
    echo "  BROKEN $name $output" | tee -a "$results/failed.txt"
    f=$((f + 1)) broken=$((broken + 1))
  fi
  if [ -n "${output:-}" ]; then
    echo "  its output ($log):"
    # A crash says why at the top or at the end.
    awk -v all="$(wc -l <"$log")" 'NR <= 40 || NR > all - 110 { print "  | " $0; next } NR == 41 { print "  | …" }' "$log"
  elif [ "$f" -gt 0 ]; then
    echo "  what they say (all of it: $log):"
    # A failed test's part begins with its name and is indented; what the tests' programs print is not.
    awk '/^failed / { left = 16 } left > 0 && (/^failed / || /^  /) { print "  | " $0; left-- }' "$log"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  echo "  $p passed, $f failed, $s skipped in $((SECONDS - began)) s"
}

command -v dotnet >/dev/null || { echo "test: the .NET SDK is missing (dotnet is not on the path)" >&2; exit 1; }
docker_before=$(pid_of dockerd)
podman_before=$(pid_of podman)
before= ready=yes
build/setup.sh --for-tests
# The engines are there now: a test that cannot reach one has failed, and is not one to skip.
export IA_REQUIRE_DOCKER=1 IA_REQUIRE_PODMAN=1 IA_REQUIRE_WORKFLOW_TOOLS=1 IA_REQUIRE_MODEL_CLIENTS=1 IA_REQUIRE_AGENTS=1 IA_REQUIRE_SSH=1 IA_REQUIRE_CLOCK=1
before=$({ containers docker; containers podman; } | tr '\n' ' ')

echo "test: building"
dotnet build -c Release IsolatedAgents.sln -nologo -v quiet -p:UseSharedCompilation=false
# The command line is tested as it is shipped: as native code.
dotnet publish src/Action -c Release -r linux-x64 -nologo -v quiet -p:UseSharedCompilation=false
export IA_TEST_COMMAND_LINE=$root/artifacts/publish/IsolatedAgents.Action/release_linux-x64/isolated-agents

rm -rf "$results"
mkdir -p "$results"
shopt -s nullglob
# Lines and layout of the sources are the formatter's: one test, of a few seconds.
if [ $# -eq 0 ] || [[ " $* " == *Format* ]]; then
  if dotnet tool restore >"$results/format.log" 2>&1 && dotnet csharpier check src tests >>"$results/format.log" 2>&1; then
    passed=$((passed + 1))
    echo "test: the sources are formatted"
  else
    failed=$((failed + 1))
    grep -m 20 Error "$results/format.log" || tail -n 20 "$results/format.log"
    echo "  FAILED format: run 'dotnet csharpier format src tests'" | tee -a "$results/failed.txt"
  fi
fi
for project in tests/*.Tests/*.csproj; do
  wanted=$([ $# -eq 0 ] && echo yes || echo no)
  for word in "$@"; do
    case "$(basename "$project")" in *"$word"*) wanted=yes ;; esac
  done
  if [ "$wanted" = yes ]; then
    run_project "$project"
    case "$project" in
      *Sandbox.Tests.csproj)
        # The route to a sandbox must not matter: the same tests over the one that needs nothing but the engine's API. Those of faults choose theirs.
        IA_TEST_TRANSPORT=attach IA_TEST_DELIVERY=copy run_project "$project" attach-copy \
          --filter 'FullyQualifiedName!~.Faults.&FullyQualifiedName!~.CommandLine.&FullyQualifiedName!~.RealAgents.'
        ;;
    esac
  fi
done
# Every target of the fuzzer is a test: a few seconds each, from the corpus on.
fuzz() {
  local name line
  build/fuzz.sh --seconds "${IA_FUZZ_SECONDS:-10}" >"$results/fuzz.log" 2>&1 || true
  for name in tests/Fuzzing/Corpus/*/; do
    name=$(basename "$name")
    line=$(grep "^fuzz: $name: " "$results/fuzz.log" || echo "fuzz: $name did not run")
    echo "$line"
    case "$line" in
      *" 0 findings") passed=$((passed + 1)) ;;
      *) failed=$((failed + 1)); tail -n 20 "$results/fuzz.log"; echo "  FAILED $line" >>"$results/failed.txt" ;;
    esac
  done
}
if [ $# -eq 0 ] || [[ " $* " == *Fuzz* ]]; then fuzz; fi
if [ $((passed + failed + skipped)) -eq 0 ]; then echo "test: no test ran"; fi
echo "test: $((SECONDS - start)) s in all"
if [ -s "$results/failed.txt" ]; then echo "test: what failed:"; cat "$results/failed.txt"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
