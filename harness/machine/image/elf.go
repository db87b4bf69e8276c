package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// ELF is what a program or a library needs.
type ELF struct {
	Machine string   `json:"machine,omitempty"` // if it is not x86-64, such as EM_AARCH64
	Interp  string   `json:"interp,omitempty"`  // the dynamic linker; empty for static programs and most libraries
	Needs   []string `json:"needs,omitempty"`   // names of libraries
	Paths   []string `json:"paths,omitempty"`   // where to look for them, $ORIGIN as it stands: RUNPATH or RPATH
	// Level is n of the x86-64-vn that the file says it needs, or 0: see the psABI, section "Micro-Architecture Levels".
	Level int `json:"level,omitempty"`
}

// mostDynamic is how long the dynamic section and its strings may be, bytes.
const mostDynamic = 16 << 20

// needs tells what a file needs to run: of a program of the processor, or of a script.
func needs(head []byte, r io.ReaderAt) (*ELF, string) {
	if rest, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		return nil, strings.Trim(string(line), " \t")
	}
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return nil, ""
	}
	f, err := elf.NewFile(r)
	if err != nil || (f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN) {
		return nil, "" // damaged, or an object file
	}
	e := &ELF{}
	if f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
		e.Machine = f.Machine.String()
		return e, ""
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			text, _ := io.ReadAll(p.Open())
			e.Interp = strings.TrimRight(string(text), "\x00")
		}
	}
	// A hostile file may have strings that unpack to a thousand times their size.
	for _, s := range f.Sections {
		if (s.Type == elf.SHT_DYNAMIC || s.Type == elf.SHT_STRTAB) &&
			(s.Flags&elf.SHF_COMPRESSED != 0 || s.Size > mostDynamic) {
			return e, ""
		}
	}
	e.Needs, _ = f.ImportedLibraries()
	e.Paths = paths(f, elf.DT_RUNPATH)
	if len(e.Paths) == 0 {
		e.Paths = paths(f, elf.DT_RPATH)
	}
	e.Level = level(f)
	return e, ""
}

func paths(f *elf.File, tag elf.DynTag) []string {
	list, _ := f.DynString(tag)
	var all []string
	for _, p := range list {
		all = append(all, slices.DeleteFunc(strings.Split(p, ":"), func(s string) bool { return s == "" })...)
	}
	return all
}

// From the x86-64 psABI, "Program Property".
const (
	ntGNUProperty = 5
	isaNeeded     = 0xc0008002 // GNU_PROPERTY_X86_ISA_1_NEEDED, a bit for each level
)

// level reads the note in which a program says what processor it needs.
func level(f *elf.File) int {
	s := f.Section(".note.gnu.property")
	if s == nil || s.Size > 4096 || s.Flags&elf.SHF_COMPRESSED != 0 {
		return 0
	}
	note, err := s.Data()
	if err != nil {
		return 0
	}
	le := binary.LittleEndian
	for len(note) >= 16 {
		size, kind := int(le.Uint32(note[4:])), le.Uint32(note[8:])
		if string(note[12:16]) != "GNU\x00" || size < 0 || size > len(note)-16 {
			return 0
		}
		desc := note[16 : 16+size]
		for kind == ntGNUProperty && len(desc) >= 12 {
			n := int(le.Uint32(desc[4:]))
			if le.Uint32(desc) == isaNeeded {
				for l := 4; l > 1; l-- {
					if le.Uint32(desc[8:])&(1<<(l-1)) != 0 {
						return l
					}
				}
			}
			if n < 0 || n > len(desc)-8 {
				break
			}
			desc = desc[min(len(desc), 8+(n+7)&^7):]
		}
		note = note[min(len(note), 16+(size+7)&^7):]
	}
	return 0
}
