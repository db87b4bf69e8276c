package image

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Places in ext4's superblock and group descriptors, Documentation/filesystems/ext4/super.rst and group_descr.rst.
const (
	superBlock     = 1024
	sbBlocks       = 0x04
	sbLogBlockSize = 0x18
	sbPerGroup     = 0x20 // blocks
	sbInodes       = 0x28 // inodes a group
	sbIncompat     = 0x60
	sbDescSize     = 0xfe
	incompat64     = 0x80
	gdInodeBitmap  = 0x04
)

// padBitmaps sets the bits of each group's inode bitmap that stand for no inode. tar2ext4 leaves them clear, which
// Linux does not mind and e2fsck calls an error.
func padBitmaps(f interface {
	io.ReaderAt
	io.WriterAt
}) error {
	super := make([]byte, 1024)
	if _, err := f.ReadAt(super, superBlock); err != nil {
		return err
	}
	le := binary.LittleEndian
	block := int64(1024) << le.Uint32(super[sbLogBlockSize:])
	perGroup, inodes := int64(le.Uint32(super[sbPerGroup:])), int64(le.Uint32(super[sbInodes:]))
	if block < 1024 || block > 64<<10 || perGroup == 0 || inodes > block*8 || inodes%8 != 0 {
		return fmt.Errorf("blocks of %d bytes with %d inodes in groups of %d are not what is expected", block,
			inodes, perGroup)
	}
	desc := int64(32)
	if le.Uint32(super[sbIncompat:])&incompat64 != 0 {
		desc = int64(le.Uint16(super[sbDescSize:]))
	}
	groups := (int64(le.Uint32(super[sbBlocks:])) + perGroup - 1) / perGroup
	table := max(block, 2*1024) // the block behind the superblock
	pad := make([]byte, block-inodes/8)
	for i := range pad {
		pad[i] = 0xff
	}
	for g := range groups {
		var at [4]byte
		if _, err := f.ReadAt(at[:], table+g*desc+gdInodeBitmap); err != nil {
			return err
		}
		if _, err := f.WriteAt(pad, int64(le.Uint32(at[:]))*block+inodes/8); err != nil {
			return err
		}
	}
	return nil
}
