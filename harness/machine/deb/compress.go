package deb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/xi2/xz"
)

// Format is a compression format, told by its magic bytes.
type Format string

// The formats that [Expand] reads.
const (
	Plain Format = ""
	XZ    Format = "XZ"
	Gzip  Format = "gzip"
	Zstd  Format = "zstd"
	// LZ4 is the frame format of "lz4 -l", which the kernel's build uses.
	LZ4 Format = "LZ4"
)

// MaxWindow bounds the memory that a compressed stream can make its decoder take, in bytes.
// The kernel's build compresses images with "zstd -22 --ultra", whose window is 128 MiB
// (scripts/Makefile.lib), and "xz --lzma2=dict=32MiB" (scripts/xz_wrap.sh).
const MaxWindow = 128 << 20

var magics = []struct {
	format Format
	magic  []byte
}{
	{XZ, []byte("\xfd7zXZ\x00")},
	{Gzip, []byte("\x1f\x8b")},
	{Zstd, []byte("\x28\xb5\x2f\xfd")},
	{LZ4, []byte("\x02\x21\x4c\x18")},
}

// FormatOf tells the format of a stream by its first bytes, of which 6 are enough.
func FormatOf(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, m.magic) {
			return m.format
		}
	}
	return Plain
}

// Expand returns a reader of what r holds uncompressed, and the format that it found.
// What is in no known format is handed through. The reader reports a stream that ends
// too early as io.ErrUnexpectedEOF; the caller bounds how much it reads, and closes it.
//
// window bounds the memory that the stream can make its decoder take, in bytes.
func Expand(r io.Reader, window int64) (*Expander, Format, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) { // shorter than any magic is plain
		return nil, Plain, err
	}
	f := FormatOf(head)
	err = nil
	var in io.Reader
	closer := func() {}
	switch f {
	case Plain:
		in = b
	case XZ:
		// ulikunitz/xz has no x86 filter, which the kernel's build uses for images
		// (scripts/xz_wrap.sh), and is 1.4 times slower.
		in, err = xz.NewReader(b, uint32(window))
	case Gzip:
		in, err = gzip.NewReader(b)
	case Zstd:
		var z *zstd.Decoder
		z, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(uint64(window)))
		if err == nil {
			in, closer = z, z.Close
		}
	case LZ4:
		in = lz4.NewReader(b)
	}
	if err != nil {
		return nil, f, streamError(f, window, err)
	}
	return &Expander{in: in, format: f, window: window, close: closer}, f, nil
}

// Expander reads what a stream holds uncompressed.
type Expander struct {
	in     io.Reader
	format Format
	window int64
	close  func() // gives back what the decoder holds
}

// Close gives back what the decoder holds.
func (e *Expander) Close() { e.close() }

func (e *Expander) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = streamError(e.format, e.window, err)
	}
	return n, err
}

// streamError says what is wrong with a compressed stream. Each library has its own
// way to say that it ends too early, and an own prefix.
func streamError(f Format, window int64, err error) error {
	if f == Plain {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, xz.ErrBuf) {
		return fmt.Errorf("%s data ends too early: %w", f, io.ErrUnexpectedEOF)
	}
	if errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("%s data needs a window of more than %d MiB: %w", f, window>>20, ErrTooLarge)
	}
	return fmt.Errorf("%s data is damaged: %w", f, err)
}

// ErrTooLarge is the reason for giving up on input that grows without bound.
var ErrTooLarge = errors.New("too large")

// Bound returns a reader that fails with ErrTooLarge instead of returning more than most bytes of r.
func Bound(r io.Reader, most int64) io.Reader { return &bounded{r, most} }

type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	// One byte more than allowed tells "exactly full" from "too large".
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.in.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// ReadAll reads r to its end, which must come within max bytes.
func ReadAll(r io.Reader, max int64) ([]byte, error) {
	return io.ReadAll(&bounded{r, max})
}

// Until returns a reader that ends with the context's error, when it has one.
func Until(ctx context.Context, r io.Reader) io.Reader { return &contextReader{ctx, r} }

// contextReader ends with the context's error.
type contextReader struct {
	ctx context.Context
	in  io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.in.Read(p)
}
