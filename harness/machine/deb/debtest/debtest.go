// Package debtest builds packages and archives for tests: small, and as wrong as a test wants them. Nothing here shares
// code with package deb, which is what reads them.
package debtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Compress packs data; the kernel's build appends the size to all but gzip.
func Compress(f deb.Format, data []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch f {
	case deb.Plain:
		return data
	case deb.XZ:
		w, err = xz.NewWriter(&out)
	case deb.Gzip:
		w = gzip.NewWriter(&out)
	case deb.Zstd:
		w, err = zstd.NewWriter(&out)
	case deb.LZ4:
		z := lz4.NewWriter(&out)
		err = z.Apply(lz4.LegacyOption(true))
		w = z
	default:
		panic(f)
	}
	must(err)
	_, err = w.Write(data)
	must(err)
	must(w.Close())
	return out.Bytes()
}

// Entry is one entry of a tar archive; a regular file unless Type says otherwise.
type Entry struct {
	Name string
	Data []byte
	Tar  tar.Header // overrides
}

// Tarball packs entries. A size that differs from the data ends the archive there.
func Tarball(entries ...Entry) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := e.Tar
		h.Name, h.ModTime = e.Name, time.Unix(0, 0)
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		cut := h.Size != 0
		if !cut {
			h.Size = int64(len(e.Data))
		}
		must(w.WriteHeader(&h))
		if _, err := w.Write(e.Data); err != nil {
			panic(err)
		}
		if cut {
			_ = w.Flush() // complains that data is missing, as intended
			return out.Bytes()
		}
	}
	must(w.Close())
	return out.Bytes()
}

// Ar packs members, given as name and data in turn.
func Ar(members ...any) []byte {
	out := []byte("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		data := members[i+1].([]byte)
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", members[i], 0, 0, 0, "100644", len(data))
		out = append(out, data...)
		if len(data)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// Dir is a directory.
func Dir(name string) Entry { return Entry{Name: name, Tar: tar.Header{Typeflag: tar.TypeDir}} }

// File is a file.
func File(name string, data []byte) Entry { return Entry{Name: name, Data: data} }

// Link is a symbolic link.
func Link(name, target string) Entry {
	return Entry{Name: name, Tar: tar.Header{Typeflag: tar.TypeSymlink, Linkname: target}}
}

// HardLink is a hard link.
func HardLink(name, target string) Entry {
	return Entry{Name: name, Tar: tar.Header{Typeflag: tar.TypeLink, Linkname: target}}
}
