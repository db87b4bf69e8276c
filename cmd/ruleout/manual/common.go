package manual

const tagline = "find out what a network fault does to a service, the same way every time"

// common is what holds for all commands, on the page of the command itself.
const common = `.SH EXIT STATUS
.TP
.B 0
All is well.
.TP
.B 1
An expectation failed, or a verdict is not the expected one.
An error with this status is a defect of ruleout.
.TP
.B 2
The command line or a file is wrong.
.TP
.B 3
This machine cannot do it. The hint says what is missing;
.BR ruleout\-doctor (1)
shows all of it.
.TP
.B 4
A run is invalid, or a replay differed.
.TP
.B 130
Interrupted.
.SH OUTPUT
Standard output has the result only.
Progress, notes and errors go to standard error.
With
.BR \-\-format=json ,
which every command has that prints a result, standard output is JSON,
and standard error has an object a line: an event, a note,
or in the end an error with the keys
.IR error ,
.I hint
and
.IR exit .
.SH ENVIRONMENT
.TP
.B RULEOUT_QEMU
The emulator to use, in place of qemu\-system\-x86_64 in PATH.
.TP
.B RULEOUT_GUEST
The guest program, if it is neither beside ruleout nor in ../libexec/ruleout.
.TP
.B XDG_CACHE_HOME
Kernels, images and VM templates are in the directory ruleout in it
(normally \(ti/.cache/ruleout).
.TP
.B NO_COLOR
If it is set, nothing is coloured.
.SH FILES
.TP
.I results/runs
Records of runs, unless
.B \-\-out
names another directory.
.TP
.I /usr/share/ruleout/scenarios
Scenarios that a package of ruleout installs.
`
