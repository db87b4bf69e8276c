package httphead

import "math"

// Limits of what a reader of chunks puts up with.
const (
	// ChunkLineLimit is the longest line before a chunk, its extensions included, in bytes. Package net/http has the same.
	ChunkLineLimit = 4096
	// TrailerLimit is the longest trailer section in bytes.
	TrailerLimit = 32 << 10
)

// Chunks reads a body in the chunked transfer coding (RFC 9112, 7.1), in whatever pieces it comes. The zero
// value stands at the beginning of a body. It keeps nothing of the body and does not allocate.
//
// Chunk extensions and trailer fields are read over, once they have the form that the RFC gives them. As in a
// head, lines end with CR and LF. Blanks after a size are allowed, since servers exist that pad it.
type Chunks struct {
	state   chunkState
	left    int64 // of the chunk; while its size is read, the size so far
	line    int   // bytes of the present line before a chunk, or of the trailer section
	content int64
}

type chunkState uint8

const (
	chunkStart  chunkState = iota // at the first digit of a size
	chunkSize                     // after a digit
	chunkBlank                    // in blanks after the size
	chunkExt                      // in extensions
	chunkLF                       // after the CR of the size
	chunkData                     // in the content
	dataCR                        // after the content
	dataLF                        // after the CR after the content
	trailerLine                   // at the beginning of a line of the trailer section
	trailerName                   // in the name of a field
	trailerText                   // in the value of a field
	trailerLF                     // after the CR of a field
	trailerEnd                    // after the CR of the empty line
	chunksOver                    // after the body
)

// Read takes the next piece. It returns how many bytes of it belong to the body, which are all of them unless
// the body ends in this piece, and whether it does. The error is [ErrMalformed], and final.
func (c *Chunks) Read(b []byte) (n int, done bool, err error) {
	for n < len(b) && c.state != chunksOver {
		if c.state == chunkData {
			take := min(int64(len(b)-n), c.left)
			n += int(take)
			c.content += take
			if c.left -= take; c.left == 0 {
				c.state = dataCR
			}
			continue
		}
		if !c.step(b[n]) {
			return n, false, ErrMalformed
		}
		n++
	}
	return n, c.state == chunksOver, nil
}

// Content is how many bytes of content have come.
func (c *Chunks) Content() int64 { return c.content }

// Least is a number of bytes that are still to come at least, if the body is well formed: who waits for them
// does not wait for what may never come. It is 0 after the body.
func (c *Chunks) Least() int64 {
	switch c.state {
	case chunksOver:
		return 0
	case chunkData:
		return c.left + int64(len("\r\n0\r\n\r\n"))
	}
	return 1
}

// step takes one byte that is no content, and tells whether it may stand there.
func (c *Chunks) step(b byte) bool {
	switch c.state {
	case chunkStart, chunkSize, chunkBlank, chunkExt:
		if c.line++; c.line > ChunkLineLimit {
			return false
		}
		return c.size(b)
	case chunkLF:
		c.line = 0
		if c.state = chunkData; c.left == 0 {
			c.state = trailerLine
		}
		return b == '\n'
	case dataCR:
		c.state = dataLF
		return b == '\r'
	case dataLF:
		c.state, c.left = chunkStart, 0
		return b == '\n'
	}
	if c.line++; c.line > TrailerLimit {
		return false
	}
	return c.trailer(b)
}

// size takes a byte of the line before a chunk.
func (c *Chunks) size(b byte) bool {
	digit, isDigit := hex(b)
	switch {
	case c.state == chunkExt:
		if b == '\r' {
			c.state = chunkLF
			return true
		}
		return text(b)
	case isDigit && c.state != chunkBlank:
		if c.left > math.MaxInt64>>4 {
			return false // 7.1: a recipient has to look out for sizes that do not fit
		}
		c.state, c.left = chunkSize, c.left<<4|digit
		return true
	case c.state == chunkStart:
		return false // no size
	}
	switch b {
	case '\r':
		c.state = chunkLF
	case ';':
		c.state = chunkExt
	case ' ', '\t':
		c.state = chunkBlank
	default:
		return false
	}
	return true
}

// trailer takes a byte of the trailer section.
func (c *Chunks) trailer(b byte) bool {
	switch c.state {
	case trailerLine:
		if b == '\r' {
			c.state = trailerEnd
			return true
		}
		c.state = trailerName
		return tokenBytes[b]
	case trailerName:
		if b == ':' {
			c.state = trailerText
			return true
		}
		return tokenBytes[b]
	case trailerText:
		if b == '\r' {
			c.state = trailerLF
			return true
		}
		return text(b)
	case trailerLF:
		c.state = trailerLine
		return b == '\n'
	}
	c.state = chunksOver // trailerEnd
	return b == '\n'
}

func hex(b byte) (int64, bool) {
	switch {
	case '0' <= b && b <= '9':
		return int64(b - '0'), true
	case 'a' <= b && b <= 'f':
		return int64(b-'a') + 10, true
	case 'A' <= b && b <= 'F':
		return int64(b-'A') + 10, true
	}
	return 0, false
}
