package kernel

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// signed is the end of a module with a signature, which is of all bytes before it (scripts/sign-file.c).
const signed = "~Module signature appended~\n"

// debugSections are the beginnings of the names of sections that only debuggers read. Type information (.BTF) is none.
var debugSections = []string{".debug_", ".zdebug_", ".rela.debug_", ".rel.debug_", ".gdb_index", ".stab"}

func isDebug(s *elf.Section) bool {
	return s.Flags&elf.SHF_ALLOC == 0 && slices.ContainsFunc(debugSections, func(prefix string) bool {
		return strings.HasPrefix(s.Name, prefix)
	})
}

// withoutDebug is stripDebug of what is in memory.
func withoutDebug(file []byte) ([]byte, error) {
	var b bytes.Buffer
	_, err := stripDebug(&b, bytes.NewReader(file), int64(len(file)))
	return b.Bytes(), err
}

// stripDebug copies an ELF file of size bytes without the sections that only debuggers read, and returns the size of
// the copy. A build tree has modules and an image with them, ten times as large as what a kernel loads.
//
// Sections keep their numbers, which symbols and other sections use: one that is left out becomes empty, of the type
// SHT_NULL, which the kernel's loader passes over (elf_validity_cache_copy in kernel/module/main.c). Segments stay
// where they are. A file without such sections, a signed module, and what is no ELF file for amd64 are copied as they
// are.
func stripDebug(w io.Writer, r io.ReaderAt, size int64) (int64, error) {
	whole := func() (int64, error) { return io.Copy(w, io.NewSectionReader(r, 0, size)) }
	end := make([]byte, len(signed))
	if size < headerSize64 {
		return whole()
	}
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil && err != io.EOF {
		return 0, err
	}
	e, err := elf.NewFile(r)
	if err != nil || e.Class != elf.ELFCLASS64 || e.Data != elf.ELFDATA2LSB || string(end) == signed ||
		!slices.ContainsFunc(e.Sections, isDebug) {
		return whole()
	}
	return layOut(e).write(w, r)
}

// Sizes of the headers in a 64-bit file, bytes: of the file, a segment, a section.
const headerSize64, segmentSize64, sectionSize64 = 64, 56, 64

// layout is where the parts of a copy come from and go to.
type layout struct {
	parts  []part64
	table  []elf.Section64
	length int64 // of the parts, up to the table of sections
}

// part64 is a range of the file, and where it is in the copy.
type part64 struct{ from, size, to int64 }

// layOut plans the copy: headers and segments where they are, then the sections that stay, then their table.
func layOut(e *elf.File) *layout {
	l := &layout{table: make([]elf.Section64, len(e.Sections)), length: headerSize64}
	for _, p := range e.Progs {
		l.length = max(l.length, int64(p.Off+p.Filesz), headerSize64+int64(len(e.Progs))*segmentSize64)
	}
	fixed := l.length
	l.parts = []part64{{0, fixed, 0}}
	order := make([]int, len(e.Sections))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(e.Sections[a].Offset, e.Sections[b].Offset) })
	for _, i := range order {
		s := e.Sections[i]
		if isDebug(s) {
			continue
		}
		at := int64(s.Offset)
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL && at >= fixed {
			at = alignTo(l.length, int64(s.Addralign))
			l.parts = append(l.parts, part64{int64(s.Offset), int64(s.FileSize), at})
			l.length = at + int64(s.FileSize)
		}
		l.table[i] = elf.Section64{
			Type: uint32(s.Type), Flags: uint64(s.Flags), Addr: s.Addr, Off: uint64(at), Size: s.FileSize,
			Link: s.Link, Info: s.Info, Addralign: s.Addralign, Entsize: s.Entsize,
		}
	}
	l.length = alignTo(l.length, 8)
	return l
}

func alignTo(n, to int64) int64 {
	if to < 1 {
		return n
	}
	return (n + to - 1) / to * to
}

// write makes the copy. Names of sections and their sizes are taken from the file's own table.
func (l *layout) write(w io.Writer, r io.ReaderAt) (int64, error) {
	var h elf.Header64
	head := io.NewSectionReader(r, 0, headerSize64)
	if err := binary.Read(head, binary.LittleEndian, &h); err != nil {
		return 0, err
	}
	if int(h.Shentsize) != sectionSize64 || int(h.Shnum) != len(l.table) {
		return 0, fmt.Errorf("its table has %d sections of %d bytes, which is not understood", h.Shnum, h.Shentsize)
	}
	table := make([]elf.Section64, len(l.table))
	from := io.NewSectionReader(r, int64(h.Shoff), int64(len(table))*sectionSize64)
	if err := binary.Read(from, binary.LittleEndian, table); err != nil {
		return 0, err
	}
	for i := range table {
		l.table[i].Name = table[i].Name
		if t := elf.SectionType(table[i].Type); t == elf.SHT_NOBITS || t == elf.SHT_NULL {
			l.table[i] = table[i]
		}
	}
	h.Shoff = uint64(l.length)
	var start bytes.Buffer
	if err := binary.Write(&start, binary.LittleEndian, h); err != nil {
		return 0, err
	}
	l.parts[0] = part64{headerSize64, l.parts[0].size - headerSize64, headerSize64}
	n, err := start.WriteTo(w)
	for _, p := range l.parts {
		if err != nil {
			return n, err
		}
		n, err = copyPart(w, r, p, n)
	}
	if err == nil {
		n, err = pad(w, n, l.length)
	}
	if err == nil {
		err = binary.Write(w, binary.LittleEndian, l.table)
	}
	return n + int64(len(l.table))*sectionSize64, err
}

// copyPart writes a part after n bytes, and returns how many there are then.
func copyPart(w io.Writer, r io.ReaderAt, p part64, n int64) (int64, error) {
	n, err := pad(w, n, p.to)
	if err != nil {
		return n, err
	}
	if _, err := io.CopyN(w, io.NewSectionReader(r, p.from, p.size), p.size); err != nil {
		return n, err
	}
	return n + p.size, nil
}

// pad writes zeros until there are to bytes.
func pad(w io.Writer, n, to int64) (int64, error) {
	_, err := w.Write(make([]byte, to-n))
	return to, err
}
