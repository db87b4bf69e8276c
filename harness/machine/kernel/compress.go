package kernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/xi2/xz"
)

// format is a compression format, told by its magic bytes.
type format string

const (
	plain     format = ""
	xzip      format = "XZ"
	gzipped   format = "gzip"
	zstandard format = "zstd"
	// lz4Legacy is the frame format of "lz4 -l", which the kernel's build uses.
	lz4Legacy format = "LZ4"
)

// maxWindow bounds the memory that a compressed stream can make its decoder take, in bytes.
// The kernel's build compresses images with "zstd -22 --ultra", whose window is 128 MiB
// (scripts/Makefile.lib), and "xz --lzma2=dict=32MiB" (scripts/xz_wrap.sh).
const maxWindow = 128 << 20

// moduleWindow is that of a module, which may be unpacked while its package is: modules are compressed with
// "xz --lzma2=dict=1MiB" and zstd's usual level, whose window is 2 MiB (scripts/Makefile.modinst); level 19 has 8 MiB.
const moduleWindow = 16 << 20

var magics = []struct {
	format format
	magic  []byte
}{
	{xzip, []byte("\xfd7zXZ\x00")},
	{gzipped, []byte("\x1f\x8b")},
	{zstandard, []byte("\x28\xb5\x2f\xfd")},
	{lz4Legacy, []byte("\x02\x21\x4c\x18")},
}

func formatOf(head []byte) format {
	for _, m := range magics {
		if bytes.HasPrefix(head, m.magic) {
			return m.format
		}
	}
	return plain
}

// expand returns a reader of what r holds uncompressed, and the format that it found.
// What is in no known format is handed through. The reader reports a stream that ends
// too early as io.ErrUnexpectedEOF; the caller bounds how much it reads, and closes it.
//
// window bounds the memory that the stream can make its decoder take, in bytes.
func expand(r io.Reader, window int64) (*expander, format, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) { // shorter than any magic is plain
		return nil, plain, err
	}
	f := formatOf(head)
	err = nil
	var in io.Reader
	closer := func() {}
	switch f {
	case plain:
		in = b
	case xzip:
		// ulikunitz/xz has no x86 filter, which the kernel's build uses for images
		// (scripts/xz_wrap.sh), and is 1.4 times slower.
		in, err = xz.NewReader(b, uint32(window))
	case gzipped:
		in, err = gzip.NewReader(b)
	case zstandard:
		var z *zstd.Decoder
		z, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(uint64(window)))
		if err == nil {
			in, closer = z, z.Close
		}
	case lz4Legacy:
		in = lz4.NewReader(b)
	}
	if err != nil {
		return nil, f, streamError(f, window, err)
	}
	return &expander{in: in, format: f, window: window, close: closer}, f, nil
}

// expander reads what a stream holds uncompressed.
type expander struct {
	in     io.Reader
	format format
	window int64
	close  func() // gives back what the decoder holds
}

func (e *expander) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = streamError(e.format, e.window, err)
	}
	return n, err
}

// streamError says what is wrong with a compressed stream. Each library has its own
// way to say that it ends too early, and an own prefix.
func streamError(f format, window int64, err error) error {
	if f == plain {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, xz.ErrBuf) {
		return fmt.Errorf("%s data ends too early: %w", f, io.ErrUnexpectedEOF)
	}
	if errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("%s data needs a window of more than %d MiB: %w", f, window>>20, errTooLarge)
	}
	return fmt.Errorf("%s data is damaged: %w", f, err)
}

// errTooLarge is the reason for giving up on input that grows without bound.
var errTooLarge = errors.New("too large")

// bounded is a reader that fails with errTooLarge instead of returning more than left bytes.
type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	// One byte more than allowed tells "exactly full" from "too large".
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.in.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, errTooLarge
	}
	return n, err
}

// readAll reads r to its end, which must come within max bytes.
func readAll(r io.Reader, max int64) ([]byte, error) {
	return io.ReadAll(&bounded{r, max})
}
