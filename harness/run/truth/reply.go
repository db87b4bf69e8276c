package truth

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Payload is what a guest gets that is to answer.
const Payload = `{"ask":"netem"}`

// Reply is what a guest answers.
type Reply struct {
	Report *Report `json:"report,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Receive reads a [Reply].
func Receive(b []byte) (*Report, error) {
	var r Reply
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read what the guest says of netem: %w", err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	if r.Report == nil || r.Report.Schema != Schema {
		return nil, errors.New("the guest says nothing of netem")
	}
	return r.Report, nil
}
