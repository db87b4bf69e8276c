package box

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/run/status"
)

// Status is a program whose status is read.
type Status struct {
	status.Source
	// Needs is a word that the program has to know. Lines of the file Config that begin with it are left out for one that
	// does not, and its status is not read.
	Needs  string `json:"needs,omitempty"`
	Config string `json:"config,omitempty"`
	// Every is the time between two readings.
	Every time.Duration `json:"every"`
	// Missing says why it cannot be read; else it is empty.
	Missing string `json:"missing,omitempty"`
}

// watched is a program whose status is read in the run.
type watched struct {
	*Status
	reader *status.Reader
	done   chan struct{} // closed after the last reading; nil before the run
}

// suit leaves out of a program's configuration what the program does not know, before it starts.
func (b *box) suit(p *program) error {
	for i := range b.config.Status {
		s := &b.config.Status[i]
		if s.Program != p.Name || s.Needs == "" || s.Missing != "" {
			continue
		}
		file, err := find(p.Command[0], b.config.Image.Env)
		if err != nil {
			return err
		}
		if knows, err := contains(file, s.Needs); err != nil || knows {
			continue // start says what is wrong with a program that cannot be read
		}
		s.Missing = fmt.Sprintf("%s does not know %s", file, s.Needs)
		text, err := os.ReadFile(s.Config)
		if err != nil {
			return err
		}
		lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(l string) bool {
			return strings.HasPrefix(l, s.Needs)
		})
		if err := os.WriteFile(s.Config, []byte(strings.Join(lines, "")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// contains tells whether a file has a word in it. It keeps but a piece of the file, for nothing here is ever collected.
func contains(file, word string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	piece, have := make([]byte, 64<<10), 0
	for {
		n, err := f.Read(piece[have:])
		have += n
		if bytes.Contains(piece[:have], []byte(word)) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		have = copy(piece, piece[max(0, have-len(word)):have]) // it may stand across two pieces
	}
}

// openStatus connects to the programs whose status is read, and asks each once.
func (b *box) openStatus() error {
	for i := range b.config.Status {
		w := &watched{Status: &b.config.Status[i]}
		b.status = append(b.status, w)
		if w.Missing != "" {
			continue
		}
		var err error
		if w.reader, err = status.NewReader(w.Source, int(b.config.Duration/w.Every)+2); err != nil {
			return fmt.Errorf("read status of %s: %w", w.Program, err)
		}
		w.reader.Open()
	}
	return nil
}

// followStatus has readings made from the beginning of the measured window to its end.
func (b *box) followStatus(start int64) {
	for _, w := range b.status {
		if w.reader == nil {
			continue
		}
		moments := status.Moments(start, b.config.Duration, w.Every)
		w.done = make(chan struct{})
		go func() {
			defer close(w.done)
			w.reader.Follow(moments, w.Every)
		}()
	}
}

// statusLogs is what was read. The last answer may be on its way.
func (b *box) statusLogs() (list []status.Log) {
	for _, w := range b.status {
		missing := status.Log{Program: w.Program, Kind: w.Kind, Missing: w.Missing}
		switch {
		case w.reader == nil:
			list = append(list, missing)
			continue
		case w.done == nil:
			list = append(list, w.reader.Log())
			continue
		}
		limit := time.NewTimer(w.Every + look)
		select {
		case <-w.done:
			list = append(list, w.reader.Log())
		case <-limit.C: // the run was broken off
			missing.Missing = "the run ended before the last reading"
			list = append(list, missing)
		}
		limit.Stop()
	}
	return list
}
