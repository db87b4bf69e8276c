package deb

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// A .deb is an ar archive of debian-binary, control.tar.* and data.tar.*, in this
// order; see deb(5). It is read once, from front to back.

// arMagic begins every ar archive.
const arMagic = "!<arch>\n"

// archive reads the members of an ar archive, see ar(5).
type archive struct {
	r    *bufio.Reader
	left int64 // unread bytes of the current member
	pad  int64 // of the current member: 1 if its size is odd
}

func newArchive(r io.Reader) (*archive, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	head, err := b.Peek(len(arMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) != arMagic {
		return nil, fmt.Errorf("not a .deb: %s", KindOf(head))
	}
	_, err = b.Discard(len(arMagic))
	return &archive{r: b}, err
}

// KindOf names what a file is that should have been a .deb.
func KindOf(head []byte) string {
	switch {
	case len(head) == 0:
		return "it is empty"
	case bytes.HasPrefix(head, []byte("\xed\xab\xee\xdb")):
		return "it is an RPM package"
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "it is an ELF file"
	case bytes.HasPrefix(head, []byte("MZ")):
		return "it is a bare kernel image, which comes without its modules"
	case FormatOf(head) != Plain:
		return fmt.Sprintf("it is a bare %s file", FormatOf(head))
	}
	return fmt.Sprintf("it begins with %q", head)
}

// next skips to the next member. It returns io.EOF at the end of the archive.
func (a *archive) next() (name string, size int64, err error) {
	if _, err := io.CopyN(io.Discard, a.r, a.left+a.pad); err != nil {
		// The padding of the last member may be missing: dpkg accepts that too.
		if errors.Is(err, io.EOF) && a.left == 0 {
			return "", 0, io.EOF
		}
		return "", 0, unexpected(err)
	}
	a.left, a.pad = 0, 0
	var h [60]byte
	if _, err := io.ReadFull(a.r, h[:]); err != nil {
		return "", 0, err // io.EOF if there is nothing, io.ErrUnexpectedEOF within a header
	}
	if string(h[58:]) != "`\n" || bytes.ContainsFunc(h[:58], unicode.IsControl) {
		return "", 0, errors.New("ar member header is damaged")
	}
	name = strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	size, err = strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("ar member %q has the impossible size %q", name, strings.TrimSpace(string(h[48:58])))
	}
	a.left, a.pad = size, size&1
	return name, size, nil
}

// Read reads from the current member.
func (a *archive) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > a.left {
		p = p[:a.left]
	}
	n, err := a.r.Read(p)
	a.left -= int64(n)
	if a.left > 0 {
		err = unexpected(err)
	}
	return n, err
}

// unexpected turns an end of file where more was promised into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Control is the metadata of a package: field name → value, see deb-control(5).
type Control map[string]string

// Read reads a package. It calls begin with the control fields before anything of
// the data is read, then visit for every entry of the data archive, in order.
func Read(r io.Reader, lim Limits, begin func(Control) error, visit func(*tar.Header, io.Reader) error) error {
	a, err := newArchive(r)
	if err != nil {
		return err
	}
	var members []string
	for {
		name, size, err := a.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return where(fmt.Sprintf("behind %s", last(members)), err)
		}
		base, isTar := strings.CutSuffix(strings.TrimRight(name, "."), ".tar")
		if i := strings.Index(name, ".tar."); i >= 0 {
			base, isTar = name[:i], true
		}
		switch {
		case name == "debian-binary" && len(members) == 0:
			v, err := ReadAll(a, 1<<10)
			if err != nil {
				return where(name, err)
			}
			if !strings.HasPrefix(string(v), "2.") {
				return fmt.Errorf("package format %q is not 2.x", strings.TrimSpace(string(v)))
			}
		case len(members) == 0:
			return fmt.Errorf("not a .deb: its first member is %q, not debian-binary", name)
		case base == "control" && isTar && len(members) == 1:
			c, err := readControl(a, lim)
			if err != nil {
				return where(name, err)
			}
			if err := begin(c); err != nil {
				return err
			}
		case base == "data" && isTar && len(members) == 2:
			if err := ReadTar(a, lim, visit); err != nil {
				return where(name, err)
			}
		case strings.HasPrefix(name, "_"): // deb(5): later additions, ignored
			continue
		default:
			return fmt.Errorf("member %q (%d bytes) cannot follow %s", name, size, last(members))
		}
		members = append(members, name)
	}
	if len(members) < 3 {
		return where(fmt.Sprintf("behind %s", last(members)), io.ErrUnexpectedEOF)
	}
	return nil
}

func last(names []string) string {
	if len(names) == 0 {
		return "the ar header"
	}
	return names[len(names)-1]
}

// where says in which part of a package an error arose, and that the package is
// truncated if it is.
func where(part string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w", part, &Truncated{err})
	}
	return fmt.Errorf("%s: %w", part, err)
}

// Truncated is an error of a package that ends too early.
type Truncated struct{ err error }

func (t *Truncated) Error() string {
	if t.err == io.ErrUnexpectedEOF { //nolint:errorlint // only the bare error has nothing to add
		return "the package is truncated"
	}
	return "the package is truncated: " + t.err.Error()
}
func (t *Truncated) Unwrap() error { return t.err }

// readControl reads the file "control" of a control archive.
func readControl(r io.Reader, lim Limits) (Control, error) {
	var c Control
	err := ReadTar(r, lim, func(h *tar.Header, r io.Reader) error {
		if name, err := CleanName(h.Name); err != nil || name != "control" || h.Typeflag != tar.TypeReg {
			return err
		}
		text, err := ReadAll(r, 1<<20)
		if err != nil {
			return where(h.Name, err)
		}
		c, err = ParseControl(text)
		return err
	})
	if err == nil && c["Package"] == "" {
		err = errors.New("it names no package")
	}
	// Names and versions get into messages, and there they must not do anything else.
	for _, field := range []string{"Package", "Version", "Architecture"} {
		if err == nil && strings.ContainsFunc(c[field], func(r rune) bool { return r <= ' ' || r > '~' }) {
			err = fmt.Errorf("its %s is %q", strings.ToLower(field), c[field])
		}
	}
	return c, err
}

// ParseControl reads one paragraph of "Name: value" lines; continuation lines begin with a blank.
func ParseControl(text []byte) (Control, error) {
	c := Control{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			if len(c) > 0 {
				return c, nil
			}
		case line[0] == ' ' || line[0] == '\t':
			if name == "" {
				return nil, fmt.Errorf("control: line %q continues nothing", line)
			}
			c[name] += "\n" + strings.TrimSpace(line)
		default:
			field, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("control: line %q is not of the form Name: value", line)
			}
			name = field
			c[name] = strings.TrimSpace(value)
		}
	}
	return c, nil
}
