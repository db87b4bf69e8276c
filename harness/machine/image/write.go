package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Microsoft/hcsshim/ext4/tar2ext4"
	"github.com/klauspost/compress/zstd"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// epoch is the time of all files, 2025-01-01.
var epoch = time.Unix(1735689600, 0)

// perEntry is about what a file takes in ext4 besides its contents: its inode and its name, bytes.
const perEntry = 300

// write makes the ext4 file and the index.
func (b *build) write(ctx context.Context, i *Image) error {
	entries, err := b.entries()
	if err != nil {
		return err
	}
	i.Entries = len(entries)
	size := int64(0)
	for _, e := range entries {
		size += perEntry + (e.Size+4095)&^4095
	}
	if size > b.limits.size {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("it has %d MiB, and an image may have %d: %w", size>>20, b.limits.size>>20, deb.ErrTooLarge),
			"leave out what the programs do not need: ruleout image show tells what is largest")
	}
	i.Path = filepath.Join(i.dir, ext4File)
	out, err := os.Create(i.Path)
	if err != nil {
		return err
	}
	defer out.Close()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := b.tar(ctx, w)
		w.CloseWithError(err)
		done <- err
	}()
	err = tar2ext4.ConvertTarToExt4(r, out, tar2ext4.MaximumDiskSize(b.limits.size))
	r.CloseWithError(io.ErrClosedPipe)
	if werr := <-done; err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("write the file system: %w", err)
	}
	if err := padBitmaps(out); err != nil {
		return fmt.Errorf("write the file system: %w", err)
	}
	h := sha256.New()
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if i.Size, err = io.Copy(h, deb.Until(ctx, out)); err != nil {
		return err
	}
	i.Hash = fmt.Sprintf("sha256:%x", h.Sum(nil))
	if err := out.Close(); err != nil {
		return err
	}
	return writeIndex(filepath.Join(i.dir, indexFile), entries)
}

// tar writes the tree as an archive: sorted, and hard links behind all files.
func (b *build) tar(ctx context.Context, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 256<<10)
	t := tar.NewWriter(buffered)
	first := map[*node]string{}
	var links [][2]string
	header := func(name string, n *node) *tar.Header {
		h := &tar.Header{Name: name, Mode: int64(n.mode), Uid: n.uid, Gid: n.gid, ModTime: epoch, AccessTime: epoch,
			ChangeTime: epoch,
			Format:     tar.FormatPAX}
		for key, value := range n.xattrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords["SCHILY.xattr."+key] = value
		}
		return h
	}
	root := header("./", b.tree.root)
	root.Typeflag = tar.TypeDir
	if err := t.WriteHeader(root); err != nil {
		return err
	}
	err := b.tree.each(func(name string, n *node) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := header(name, n)
		switch n.kind {
		case 'd':
			h.Typeflag = tar.TypeDir
			h.Name += "/"
			return t.WriteHeader(h)
		case 'l':
			h.Typeflag, h.Linkname = tar.TypeSymlink, n.link
			return t.WriteHeader(h)
		}
		if at, ok := first[n]; ok {
			links = append(links, [2]string{name, at})
			return nil
		}
		first[n] = name
		h.Typeflag, h.Size = tar.TypeReg, n.data.size
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(t, b.spool.open(n.data))
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: l[0], Linkname: l[1], ModTime: epoch}); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// Entry is a file, a directory or a symbolic link of an image.
type Entry struct {
	Path string `json:"path"` // absolute
	Type string `json:"type"` // file, dir, link
	Mode uint32 `json:"mode"` // 07777
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Size int64  `json:"size,omitempty"` // of a file, bytes
	Link string `json:"link,omitempty"` // target of a symbolic link
	Same string `json:"same,omitempty"` // path of the file that this is another name of
	From string `json:"from,omitempty"` // the package, or "OCI", "files", "ruleout"
	// What a program needs, and the line behind #! of a script.
	ELF    *ELF   `json:"elf,omitempty"`
	Script string `json:"script,omitempty"`
}

var kinds = map[byte]string{'f': "file", 'd': "dir", 'l': "link"}

// entries lists the tree, parents before children, sorted.
func (b *build) entries() ([]Entry, error) {
	var list []Entry
	first := map[*node]string{}
	err := b.tree.each(func(name string, n *node) error {
		e := Entry{Path: "/" + name, Type: kinds[n.kind], Mode: n.mode, UID: n.uid, GID: n.gid, Link: n.link, From: n.from}
		if n.kind == 'f' {
			if at, ok := first[n]; ok {
				e.Same = at
			} else {
				first[n] = e.Path
				e.Size = n.data.size
			}
			e.ELF, e.Script = n.data.elf, n.data.script
		}
		list = append(list, e)
		return nil
	})
	return list, err
}

func writeIndex(file string, entries []Entry) error {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close() //nolint:errcheck // EncodeAll leaves nothing behind
	var text strings.Builder
	enc := json.NewEncoder(&text)
	for _, e := range entries {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	return os.WriteFile(file, z.EncodeAll([]byte(text.String()), nil), 0o644)
}
