package nightly

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ruleout/ruleout/harness/record/result"
)

// stateFormat of the file that this package writes.
const stateFormat = 1

// State is what a night has to know of those before it.
type State struct {
	Format int `json:"format"`
	// Places are by "dup-ack on 6.1".
	Places map[string]*Memory `json:"places"`
}

// Memory is what is known of a scenario on a kernel.
type Memory struct {
	// Baseline is the sum of the one that the evidence is about. With another one, it begins again.
	Baseline string `json:"baseline"`
	// Night is the last one that was counted.
	Night string `json:"night"`
	// Hash of the scenario, Key and Digests are of its runs: the next night with the same key has to find
	// the same digests.
	Hash    string            `json:"hash"`
	Key     string            `json:"key"`
	Digests map[uint64]string `json:"digests"`
	// Series are by metric; those without evidence are left out.
	Series map[string]Evidence `json:"series"`
}

// Evidence is that a series has changed.
type Evidence struct {
	// R is what it is after the night, Before what it was when the night began, so that a night that is
	// judged again counts once.
	R      float64 `json:"r"`
	Before float64 `json:"before"`
	// Since is the night from which on R has been above 1, or empty; Earlier is what Since was before the night.
	Since   string `json:"since,omitempty"`
	Earlier string `json:"earlier,omitempty"`
}

// stateFile is the file of a state: damage shows by the sum.
type stateFile struct {
	Sum   string          `json:"sum"`
	State json.RawMessage `json:"state"`
}

// ReadState reads a state's file. That it is not there, or is damaged, does not stop a night: there is a new state
// then, and lost says why. The error is for a file that cannot be read at all.
func ReadState(path string) (s *State, lost string, err error) {
	empty := &State{Places: map[string]*Memory{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, "there is none yet", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read state: %w", err)
	}
	var f stateFile
	s = new(State)
	if err := json.Unmarshal(data, &f); err != nil {
		return empty, fmt.Sprintf("it is damaged (%v)", err), nil
	}
	if result.Sum(f.State) != f.Sum {
		return empty, "it is damaged (its contents do not fit its sum)", nil
	}
	if err := json.Unmarshal(f.State, s); err != nil {
		return empty, fmt.Sprintf("it is damaged (%v)", err), nil
	}
	if s.Format != stateFormat {
		return empty, fmt.Sprintf("it has format %d, and this build reads %d", s.Format, stateFormat), nil
	}
	if s.Places == nil {
		s.Places = empty.Places
	}
	return s, "", nil
}

// Write puts the state into a file that appears whole or not at all.
func (s *State) Write(path string) error {
	s.Format = stateFormat
	state, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	data, err := json.Marshal(stateFile{Sum: result.Sum(state), State: state})
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return writeFile(path, append(data, '\n'))
}
