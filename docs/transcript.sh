#!/bin/sh
# Puts the real output of a run into the README, between the two marks.
# Run by go generate; needs QEMU and a kernel (make setup).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command='ruleout run scenarios/dup-ack.yaml'
bin/$command >"$work/first" 2>&1 # the first run of a build boots the machine, and says so
{
    echo '```console'
    echo "$ $command"
    # Progress goes to standard error; a terminal shows both.
    PATH=$PWD/bin:$PATH sh -c "$command" 2>&1
    echo '```'
} >"$work/transcript"
awk -v transcript="$work/transcript" '
    /^<!-- transcript, / { print; while ((getline line < transcript) > 0) print line; skip = 1; next }
    /^<!-- end of transcript -->/ { skip = 0 }
    !skip
' README.md >"$work/README.md"
cat "$work/README.md" >README.md
