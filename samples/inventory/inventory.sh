#!/bin/sh
# Takes stock of a workspace: files and bytes by extension, lines by extension, the ten largest files, and the SHA-256 of
# each project file. Writes inventory.csv (for machines) and inventory.txt (for people). POSIX sh; BusyBox is enough.
#
#   inventory.sh [WORKSPACE]   default: $ISOLATED_AGENTS_WORKSPACE or /workspace; output: $ISOLATED_AGENTS_OUTPUT or /output
set -eu
export LC_ALL=C

workspace=${1:-${ISOLATED_AGENTS_WORKSPACE:-/workspace}}
output=${ISOLATED_AGENTS_OUTPUT:-/output}
[ -d "$workspace" ] || { echo "inventory.sh: no such folder: $workspace" >&2; exit 2; }
mkdir -p "$output"
output=$(cd "$output" && pwd)
cd "$workspace"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/inventory.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Regular files in a fixed order. Build results and version control are not part of a stock; a name with a line break
# would be two lines, so it is counted and left out.
echo "Listing files"
list() { find . \( -type d \( -name .git -o -name bin -o -name obj -o -name artifacts -o -name node_modules \) -prune \) -o -type f "$@"; }
newline='
'
tab=$(printf '\t')
list ! -name "*$newline*" ! -path "*$newline*" -print | sort >"$scratch/files"
odd=$(list -path "*$newline*" -exec echo x \; | wc -l | tr -d ' ')

# One line a file: bytes, lines, path. wc reads many files at once; its totals are recognised by having no "./".
echo "Counting $(wc -l <"$scratch/files" | tr -d ' ') files"
tr '\n' '\0' <"$scratch/files" | xargs -0 -r wc -l -c -- 2>"$scratch/unreadable" |
  awk '$3 ~ /^\.\// { lines = $1; bytes = $2; sub(/^ *[0-9]+ +[0-9]+ /, ""); print bytes "\t" lines "\t" substr($0, 3) }' \
    >"$scratch/sizes" || true

# The extension of the file name, in lower case; names such as .gitignore and LICENSE have none. Only text has lines.
awk -F '\t' '
  {
    name = $3; sub(/.*\//, "", name)
    extension = "(none)"
    if (match(name, /.\.[^.]+$/)) extension = tolower(substr(name, RSTART + 2))
    files[extension]++; bytes[extension] += $1; lines[extension] += $2
  }
  END {
    binary = " dll exe pdb so a o png jpg jpeg gif ico zip gz tar nupkg snk pfx pdf woff woff2 ttf pyc binlog "
    for (e in files) printf "%s\t%d\t%.0f\t%s\n", e, files[e], bytes[e], index(binary, " " e " ") ? "" : lines[e]
  }' "$scratch/sizes" | sort -t "$tab" -k3,3nr -k1,1 >"$scratch/extensions"

sort -t "$tab" -k1,1nr -k3,3 "$scratch/sizes" | head -n 10 >"$scratch/largest"

echo "Hashing project files"
grep -E '\.(csproj|fsproj|vbproj|proj|props|targets|sln|slnx)$|/(global\.json|nuget\.config|NuGet\.Config|package\.json)$' "$scratch/files" |
  tr '\n' '\0' | xargs -0 -r sha256sum -- 2>>"$scratch/unreadable" |
  sed -e '/^\\/ { s/^\\//; s/\\\\/\\/g; }' -e "s#^\([0-9a-f]*\)  \./#\1$tab#" >"$scratch/hashes" || true # GNU escapes backslashes, BusyBox does not

# One table: kind, name, files, bytes, lines, sha256. Names are quoted; one that a spreadsheet would run as a formula gets
# an apostrophe in front.
{
  echo 'kind,name,files,bytes,lines,sha256'
  awk -F '\t' '
    function text(s) { gsub(/"/, "\"\"", s); return (s ~ /^[-=+@]/ ? "\"\047" : "\"") s "\"" }
    FILENAME ~ /extensions$/ { print "extension," text($1) "," $2 "," $3 "," $4 "," ; next }
    FILENAME ~ /largest$/ { print "largest," text($3) ",1," $1 "," $2 "," ; next }
    { print "project," text($2) ",1,,," $1 }' "$scratch/extensions" "$scratch/largest" "$scratch/hashes"
} >"$output/inventory.csv"

{
  awk -F '\t' '{ files++; bytes += $1 } END { printf "%d files, %.0f bytes\n", files, bytes }' "$scratch/sizes"
  echo
  printf '%-14s %8s %14s %10s\n' extension files bytes lines
  awk -F '\t' '{ printf "%-14s %8d %14.0f %10s\n", $1, $2, $3, $4 }' "$scratch/extensions"
  echo
  echo 'Largest files'
  awk -F '\t' '{ printf "%14.0f  %s\n", $1, $3 }' "$scratch/largest"
  echo
  echo 'Project files (SHA-256)'
  awk -F '\t' '{ printf "%s  %s\n", $1, $2 }' "$scratch/hashes"
  if [ "$odd" -gt 0 ]; then echo; echo "Left out: $odd with a line break in the path"; fi
  if [ -s "$scratch/unreadable" ]; then echo; echo "Left out: $(wc -l <"$scratch/unreadable" | tr -d ' ') that could not be read"; fi
} >"$output/inventory.txt"

echo "Inventory of $(head -n 1 "$output/inventory.txt"); see inventory.txt"
