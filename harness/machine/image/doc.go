// Package image makes the file systems that programs in nodes run on: out of packages of the distribution, of OCI
// images, and of files of the user's.
//
// # Concept
//
// A [Spec] says what an image is made of, layer upon layer. [Store.Ensure] finds the image that was made of the same,
// or makes it: one ext4 file, the same to the byte on every machine that has the same packages, archives and files. A
// [Lock] pins the packages, so that the image is the same next year.
//
// None of it needs root, and nothing of a package or an archive is run. The machine's own apt says which packages
// are needed and fetches them, with a status of its own, which pretends that a few packages are there that programs
// in a node do not need (see assumed.go). Layers are laid upon each other in a tree in memory, with the contents of
// files in one file beside it. So owners, modes and links of the image are only entries in that tree, and no name
// can lead out of it.
//
// # Life cycle
//
// An image's directory is named after the hash of its spec. It is filled under another name and moved into place when
// it is complete; see package shelf. Images may be removed at any time, since they can be made again.
//
// # What is stored
//
//	image.json       what [Store.List] says about it
//	image.ext4       the file system
//	index.json.zst   each path, with type, mode, owner, and what programs need: for [Image.Check]
//	.debs/           packages by hash, shared by all images
//
// # Traps
//
//   - Maintainer scripts do not run. What the scripts of common packages would have done, users, directories, links,
//     stands in recipes.go. Another package may lack something: [Spec.Files] can add it.
//   - The packages of a spec and of those below it are resolved together, and come in the lowest that has any.
//   - All times are 2025-01-01: before the guest's clock, since PHP's opcache caches no file that is younger than two
//     seconds, and after 1970, since it caches none of that age either.
//   - Files of the user's belong to root. They have mode 0755 if they are executable, otherwise 0644, so that neither
//     the umask nor the user changes the image.
//   - Documentation, manuals, translations and units of systemd are left out of packages; nothing is left
//     out of the rest.
//   - An OCI layer may hold devices, pipes and sockets below /dev, and they are left out, since each node has its own
//     /dev. Anywhere else they are refused, and packages must have none at all.
package image
