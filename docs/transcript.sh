#!/bin/sh
# Puts the real output of a run into the README, between the two marks, without the tables in the middle of the report.
# Run by go generate; needs QEMU and a kernel (make setup).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command='ruleout run scenarios/dup-ack.yaml'
bin/$command >"$work/first" 2>&1 # the first run of a build boots the machine, and says so
# Progress goes to standard error; a terminal shows both.
PATH=$PWD/bin:$PATH sh -c "$command" >"$work/output" 2>&1
{
    echo '```console'
    echo "$ $command"
    awk '
        /^Load$/ { skip = 1; print "… load, latency, services, queues, load of the nodes, TCP counters …\n" }
        /^Expectations$/ { skip = 0 }
        !skip
    ' "$work/output"
    echo '```'
} >"$work/transcript"
awk -v transcript="$work/transcript" '
    /^<!-- transcript, / { print; while ((getline line < transcript) > 0) print line; skip = 1; next }
    /^<!-- end of transcript -->/ { skip = 0 }
    !skip
' README.md >"$work/README.md"
cat "$work/README.md" >README.md
