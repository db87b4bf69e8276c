package trace

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Most is how many requests a trace holds at most: what an emulated machine serves in a minute, about.
const Most = 100_000

// Window says which part of a file is wanted.
type Window struct {
	// Skip is left out of the file's beginning, which is its earliest request.
	Skip time.Duration
	// Length of what is wanted. Of a log, whole seconds are taken: what came in one that ends later may have come later.
	Length time.Duration
	// Port, if not 0, is the one to which SYNs of a capture go.
	Port int
}

// Trace is when requests came.
type Trace struct {
	// Times in ns from the beginning of the window, in order.
	Times []int64
	// Grain in ns: a request came at its time or up to so much later. It is 1 s of an access log, 0 of a capture.
	Grain int64
	// Total is the requests of the whole file.
	Total int64
	// Broken is the lines or packets of the file that could not be read.
	Broken int64
	// Repeated is the SYNs of the file that had been sent before.
	Repeated int64
}

// ErrEmpty says that a file has no request at all.
var ErrEmpty = errors.New("no request in it")

// ErrTooMany says that a window has more than [Most] requests.
var ErrTooMany = fmt.Errorf("more than %d requests", Most)

// collect keeps what lies in a window. each goes through the file once, and hands out the time of each request in ns
// since 1970.
func collect(w Window, t *Trace, each func(add func(at int64) error) error) error {
	first := int64(0)
	err := each(func(at int64) error {
		if t.Total == 0 {
			first = at
		}
		first = min(first, at)
		t.Total++
		return nil
	})
	if err != nil {
		return err
	}
	if t.Total == 0 {
		return ErrEmpty
	}
	grain := max(t.Grain, 1)
	from := first + int64(w.Skip) - (first+int64(w.Skip))%grain
	length := int64(w.Length) - int64(w.Length)%grain
	err = each(func(at int64) error {
		if at < from || at-from >= length {
			return nil
		}
		if len(t.Times) == Most {
			return ErrTooMany
		}
		t.Times = append(t.Times, at-from)
		return nil
	})
	slices.Sort(t.Times)
	return err
}

// unit in which times are written: what is finer is noise of the clock that stamped the packets.
func unit(grain int64) int64 { return max(grain, int64(time.Microsecond)) }

// Text returns the times in letters: differences in units of the grain, or microseconds if that is longer, as varints
// (encoding/binary), in base64.
func (t *Trace) Text() string {
	var plain []byte
	last, unit := int64(0), unit(t.Grain)
	for _, at := range t.Times {
		plain = binary.AppendUvarint(plain, uint64(at/unit-last))
		last = at / unit
	}
	return base64.StdEncoding.EncodeToString(plain)
}

// Times reads what [Trace.Text] wrote of a trace with this grain.
func Times(text string, grain int64) ([]int64, error) {
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("times of a trace: %w", err)
	}
	var times []int64
	last, unit := uint64(0), uint64(unit(grain))
	for len(plain) > 0 {
		d, n := binary.Uvarint(plain)
		if n <= 0 || len(times) == Most || d > 1<<62/unit-last {
			return nil, errors.New("times of a trace: not what was written")
		}
		last += d
		times, plain = append(times, int64(last*unit)), plain[n:]
	}
	return times, nil
}
