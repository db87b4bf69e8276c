// Package vmtest runs a package's tests inside a deterministic virtual machine, as root, on a
// kernel that has netem:
//
//	func TestMain(m *testing.M) { vmtest.Main(m) }
//
// On the host, [Main] boots the test binary itself as the guest's init. Each test then has a
// clone of its own, with the same -test flags, and what it prints is shown in the order of the
// tests; there are as many clones at a time as processors. So no test sees what another one
// left behind, and one that measures time does not pay for the kernel's cleaning up after it.
// All benchmarks share one clone, and so does everything when a coverage profile is asked for.
// A template is kept for each build of the binary, so the first run of a build takes some 5 s
// longer. In the guest the working directory is writable, with a copy of the package's testdata.
//
// The binary must be static, so tests run with CGO_ENABLED=0. QEMU and a kernel must be
// there: $RULEOUT_KERNEL names one of the store, otherwise it is the default one. What is
// missing is an error with a hint, never a silent skip.
//
// The trap: time in the guest is virtual. A test that sleeps for an hour takes no time,
// and one that computes for a second takes several.
package vmtest
