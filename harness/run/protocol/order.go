package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Number of the protocol. The command refuses a guest program that speaks another one.
const Number = 3

// Order is what is to be run, but for the seed.
type Order struct {
	// Scenario in its canonical form, see [scenario.Scenario.Canonical].
	Scenario json.RawMessage `json:"scenario"`
	// Snap is how many bytes of each packet are captured, at most; 0 captures none. It
	// changes the run, since it takes CPU time.
	Snap int `json:"snap,omitempty"`
	// Images of the scenario that nodes have, by name.
	Images map[string]Image `json:"images,omitempty"`
}

// Image is a file system for programs.
type Image struct {
	// Dir is where it is mounted.
	Dir string `json:"dir"`
	// Defaults are its settings for programs.
	Defaults Defaults `json:"defaults,omitzero"`
}

// Defaults are settings of an image for its programs, as an OCI image has them.
type Defaults struct {
	Env  []string `json:"env,omitempty"` // NAME=VALUE
	User string   `json:"user,omitempty"`
	Dir  string   `json:"dir,omitempty"`
}

// Marshal returns the order as JSON, with the scenario's text as it is.
func (o Order) Marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		return nil, fmt.Errorf("encode the order of a run: %w", err)
	}
	return b.Bytes(), nil
}

// Draw is what tells one run of a scenario from another.
type Draw struct {
	// Seed of everything that is drawn.
	Seed uint64 `json:"seed"`
}

// Host is what the guest program needs of its host.
type Host interface {
	io.Writer
	// Freeze has the machine frozen, and returns the payload of each clone of it.
	Freeze() ([]byte, error)
	// Attach hands over size bytes of a file that can be mapped.
	Attach(name string, file int, offset, size int64) error
}

// RingName is the name under which what was captured on a link is attached.
func RingName(link int) string { return fmt.Sprintf("ring %d", link) }

// RingLink is the link to which a name of [RingName] belongs.
func RingLink(name string) (link int, err error) {
	if _, err := fmt.Sscanf(name, "ring %d", &link); err != nil {
		return 0, fmt.Errorf("an attachment %q: %w", name, err)
	}
	return link, nil
}
