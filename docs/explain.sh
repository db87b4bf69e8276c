#!/bin/sh
# Puts what ruleout explain says about scenarios/dup-ack.yaml into the guide, between the two marks. Run by go generate;
# needs QEMU and a kernel (make setup).
set -eu
cd "$(dirname "$0")/.."
guide=docs/guides/read-a-result.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin/ruleout run scenarios/dup-ack.yaml --out "$work/runs" >"$work/run" 2>&1
{
    echo '```console'
    echo '$ ruleout explain results/runs/dup-ack-1-….json'
    bin/ruleout explain "$work"/runs/dup-ack-1-*.json 2>/dev/null
    echo '```'
} >"$work/transcript"
awk -v transcript="$work/transcript" '
    /^<!-- explain, / { print; while ((getline line < transcript) > 0) print line; skip = 1; next }
    /^<!-- end of explain -->/ { skip = 0 }
    !skip
' $guide >"$work/guide.md"
cat "$work/guide.md" >$guide
