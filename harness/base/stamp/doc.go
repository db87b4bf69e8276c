// Package stamp tells whether a file is still the one that it was, and keeps what was worked out of files
// for as long as they are.
//
// # Concept
//
// A [Stamp] is what the file system says of a file without its content: device, inode, size, and the times at which content and
// inode were changed. Whoever writes to a file, or puts another one in its place, changes its stamp: the time of the inode's
// change is set by the kernel and by nobody else. A [Cache] keeps values by stamp, such as a file's hash.
//
// # The trap
//
// A file system's clock has steps, of a few milliseconds to two seconds. A file that is written twice within one has the same
// stamp before and after. So what is worked out of a file is kept only if the file had been left alone for longer than
// the largest step before it was read; until then it is worked out anew each time.
//
// What changes a file's content behind the file system's back (a bad disk, a write to the device) changes no stamp. Whoever
// has a reason to doubt calls [Cache.Forget].
package stamp
