// Package stamp detects whether a file has changed, and caches values that were computed from files.
//
// # Concept
//
// A [Stamp] is the metadata of a file: device, inode, size, and the times at which content and inode changed. A write
// to the file, or another file in its place, changes the stamp: only the kernel sets the time of the inode's change. A
// [Cache] keeps values by stamp, such as the hash of a file.
//
// # The trap
//
// The clock of a file system has steps, of a few milliseconds to two seconds. A file that is written twice within one
// step has the same stamp before and after. So a value is kept only if the file was older than the largest step when it
// was read. Until then it is computed each time.
//
// A bad disk, or a write to the device, changes the content without changing the stamp. A caller that doubts a value
// calls [Cache.Forget].
package stamp
