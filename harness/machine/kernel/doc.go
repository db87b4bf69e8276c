// Package kernel keeps the kernels that scenarios run on: it takes distribution
// packages apart and stores what a guest needs of them, ready to boot.
//
// # Concept
//
// A [Kernel] is one imported kernel: the uncompressed image, its configuration and
// all of its modules with their dependencies. A [Store] is a directory of them,
// normally <cache>/kernels with <cache> from [CacheDir]. Kernels come in through
// [Store.Add], from .deb files, through [Store.Pull], from the system's package
// manager, which verifies signatures, or through [Store.AddBuild], from a build that
// has no package. None of them needs root, and nothing that comes in is ever executed.
//
// Unpacking happens here and not in the guest because a frozen guest may have run
// fewer than 2^31 instructions, which a kernel that unpacks itself alone exceeds.
//
// # Life cycle
//
// A kernel's directory is named after the SHA-256 of the packages that it came from,
// is filled under a temporary name and renamed when complete, and is never written
// again. Processes may import, list and remove at the same time: the store's lock is
// held only to begin and to finish an import, and importing the same packages twice
// does the work once. What an interrupted import leaves behind is not locked,
// which is how [Store.GC] tells it from an import that is still going on.
//
// A build's directory is named after the name that the user gave and a generation. A build that replaces another one is
// the next generation: it is filled beside the one before, which is removed when it is complete, and of two the newer
// counts.
//
// # What is stored
//
//	kernel.json     what [Store.List] says about it
//	vmlinux         ELF, uncompressed: booted through its PVH entry point
//	config          as the package has it
//	modules.json    every module's path and dependencies, and what is built in
//	modules/…/*.ko.zst
//
// All modules are kept, since a later scenario may want any of them, but compressed
// with zstd at its fastest level whatever the package had: that makes a third of the
// size of plain modules (Debian before 6.12), and loads ten times faster than XZ
// (Debian since), a cost that every new template would pay.
//
// Modules of builds lose their debugging information first; signed ones are kept as they are.
//
// # Traps
//
//   - A build may have the release of a package, and records name kernels by release. So a build is found by its name,
//     its hash, or its release if no package has that, and package sweep refuses two kernels that differ and have one
//     release.
//   - Packages carry no modules.dep, it is made by depmod on installation. Dependencies
//     are read from each module's own .modinfo section. Soft dependencies and aliases are
//     not followed: name what you need.
//   - Some distributions split a kernel: linux-image has the image, linux-modules the
//     configuration and the modules (Ubuntu; Debian since 7.0 has a linux-binary as well).
//     Give [Store.Add] all the parts in one call.
//   - A release such as 6.1.0-56-cloud-amd64 names an ABI, not a build: two packages may
//     share it. [Kernel.Name] is unique within the store, [Kernel.Hash] everywhere.
package kernel
