package image

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// limits bound an image. Sizes in bytes.
type limits struct {
	entries int
	size    int64 // of the image
	total   int64 // of all that is unpacked, with what a later layer covers
}

// defaultLimits: the guest has the whole image in its memory map, and a web server with its language takes
// 100 to 500 MB.
var defaultLimits = limits{entries: 500_000, size: 2 << 30, total: 4 << 30}

// content is a part of the spool.
type content struct {
	at, size int64
	elf      *ELF
	script   string // the interpreter's line
}

// spool keeps the contents of files, one behind the other in one file.
type spool struct {
	f    *os.File
	w    *bufio.Writer
	end  int64
	most int64
}

func newSpool(file string, most int64) (*spool, error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 256<<10), most: most}, nil
}

// add reads the contents of a file to their end.
func (s *spool) add(r io.Reader) (content, error) {
	c := content{at: s.end}
	n, err := io.Copy(s.w, deb.Bound(r, s.most-s.end))
	s.end += n
	c.size = n
	if err != nil {
		return c, err
	}
	if err := s.w.Flush(); err != nil {
		return c, err
	}
	s.inspect(&c)
	return c, nil
}

// text keeps a small file.
func (s *spool) text(text string) (content, error) {
	c := content{at: s.end, size: int64(len(text))}
	_, err := s.w.WriteString(text)
	s.end += c.size
	if err == nil {
		err = s.w.Flush()
	}
	return c, err
}

// open reads a file's contents.
func (s *spool) open(c content) *io.SectionReader { return io.NewSectionReader(s.f, c.at, c.size) }

// read returns the contents of a small file.
func (s *spool) read(c content) (string, error) {
	if c.size > 16<<20 {
		return "", fmt.Errorf("a text of %d MiB: %w", c.size>>20, deb.ErrTooLarge)
	}
	b, err := io.ReadAll(s.open(c))
	return string(b), err
}

// inspect notes what a program needs.
func (s *spool) inspect(c *content) {
	head := make([]byte, min(c.size, 256))
	if _, err := s.f.ReadAt(head, c.at); err != nil {
		return // a file that cannot be read fails later, when it is written
	}
	c.elf, c.script = needs(head, s.open(*c))
}
