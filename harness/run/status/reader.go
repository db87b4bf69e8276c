package status

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Log is what was read of a program.
type Log struct {
	Program string `json:"program"`
	Kind    string `json:"kind"`
	// Missing says why there is no status at all; else it is empty.
	Missing string `json:"missing,omitempty"`
	// Rows are the readings, one for each moment that was asked for: the figures in their order, counters from any
	// origin. A row that is nil is a gap.
	Rows [][]int64 `json:"rows"`
	// Gaps is how many those are, and Because why the first of them is one.
	Gaps    int    `json:"gaps,omitempty"`
	Because string `json:"because,omitempty"`
}

// Moments are those of readings from the start of a window to its end, both included, in ns of CLOCK_MONOTONIC.
func Moments(start int64, window, every time.Duration) (list []int64) {
	for t := time.Duration(0); t < window; t += every {
		list = append(list, start+int64(t))
	}
	return append(list, start+int64(window))
}

// opening bounds the first question.
const opening = 5 * time.Second

// Reader asks one program.
type Reader struct {
	source   Source
	language language
	timer    *os.File
	alarm    int // descriptor of timer, whose method Fd would make it block
	conn     conn
	owed     bool  // the program has not answered the last question
	asked    int64 // questions, so far
	made     int64 // connections, so far
	figures  int
	scratch  []int64 // one reading
	values   []int64 // all readings
	log      Log
	take     func(b []byte) (int, error)
	word     [8]byte // of the timer
}

// NewReader returns one that has memory for so many readings.
func NewReader(s Source, readings int) (*Reader, error) {
	l, err := languageOf(s.Kind)
	if err != nil {
		return nil, err
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	n := len(metric.Status(s.Kind))
	r := &Reader{source: s, language: l, timer: os.NewFile(uintptr(fd), "timer"), alarm: fd,
		figures: n, conn: conn{buf: make([]byte, bufferSize)}, scratch: make([]int64, n), values: make([]int64, readings*n),
		log: Log{Program: s.Program, Kind: s.Kind, Rows: make([][]int64, 0, readings)}}
	r.take = func(b []byte) (int, error) { return r.language.answer(b, r.scratch) }
	return r, nil
}

// Open connects and asks once. A program that cannot be asked is no error: the log says why.
func (r *Reader) Open() {
	if err := r.read(time.Now().Add(opening)); err != nil {
		r.log.Missing = reason(err)
		r.conn.close()
	}
}

// Follow asks at the moments, in ns of CLOCK_MONOTONIC, and returns after the last answer. patience is how long that
// may take.
func (r *Reader) Follow(moments []int64, patience time.Duration) {
	if r.log.Missing != "" {
		return
	}
	for i, at := range moments {
		limit := at + int64(patience)
		if i+1 < len(moments) {
			limit = moments[i+1]
		}
		err := r.sleep(at)
		if err == nil {
			err = r.read(time.Now().Add(time.Duration(limit - agent.Now())))
		}
		if err != nil {
			r.gap(err)
			continue
		}
		r.keep()
	}
}

// Log is what was read; it is whole once Follow has returned.
func (r *Reader) Log() Log { return r.log }

// Close ends the connection.
func (r *Reader) Close() {
	r.conn.close()
	r.timer.Close()
}

// sleep waits until a moment. The runtime's own timers would be late by a millisecond.
func (r *Reader) sleep(until int64) error {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(max(until, 1))}
	if err := unix.TimerfdSettime(r.alarm, unix.TFD_TIMER_ABSTIME, &at, nil); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	if _, err := r.timer.Read(r.word[:]); err != nil {
		return fmt.Errorf("wait for timer: %w", err)
	}
	if binary.NativeEndian.Uint64(r.word[:]) == 0 {
		return errors.New("the timer did not expire")
	}
	return nil
}

// read asks and waits for the answer. A late answer to an earlier question is waited for and thrown away: it says
// nothing of now, and nor would one that had to wait behind it.
func (r *Reader) read(limit time.Time) (err error) {
	if r.owed {
		if err := r.conn.within(limit); err != nil {
			return err
		}
		if err := r.answer(); err != nil {
			return err
		}
		return errLate
	}
	if r.conn.isOpen() && r.conn.ended() {
		r.conn.close()
	}
	if !r.conn.isOpen() {
		if err := r.conn.dial(r.source.Socket); err != nil {
			return err
		}
		r.made++
		if err := r.conn.within(limit); err != nil {
			return err
		}
		if err := r.language.greet(&r.conn); err != nil {
			r.conn.close()
			return err
		}
	}
	if err := r.conn.within(limit); err != nil {
		return err
	}
	if err := r.conn.send(r.language.question()); err != nil {
		r.conn.close()
		return err
	}
	r.asked++
	r.owed = true
	return r.answer()
}

// errLate is that of a reading in whose time the program was still busy with the one before.
var errLate = fmt.Errorf("a late answer: %w", os.ErrDeadlineExceeded)

// answer waits for the answer to the last question. After any other error than that it is late, the connection is of no
// use.
func (r *Reader) answer() error {
	err := r.conn.until(r.take)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		r.owed = false
		if err != nil {
			r.conn.close()
		}
	}
	return err
}

// keep adds the reading to the log, without what it has added itself.
func (r *Reader) keep() {
	row := r.values[len(r.log.Rows)*r.figures:][:r.figures:r.figures]
	copy(row, r.scratch)
	question, connection, level := r.language.own()
	for i := range row {
		row[i] -= of(question, i)*r.asked + of(connection, i)*r.made + of(level, i)
	}
	r.log.Rows = append(r.log.Rows, row)
}

func of(own []int64, i int) int64 {
	if own == nil {
		return 0
	}
	return own[i]
}

func (r *Reader) gap(err error) {
	if r.log.Gaps == 0 {
		r.log.Because = reason(err)
	}
	r.log.Gaps++
	r.log.Rows = append(r.log.Rows, nil)
}
