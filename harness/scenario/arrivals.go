package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/trace"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// CurvePoint is a rate at a time.
type CurvePoint struct {
	// At is the time of the point, from the start of the measured window. Each point is later than the one before.
	At Duration `yaml:"at" json:"at" min:"0s"`
	// Rate of arrivals at this time; 0/s is none.
	Rate Frequency `yaml:"rate" json:"rate" min:"0/s" max:"100000/s"`
}

// Bursts turn arrivals on and off. A burst begins with the measured window, and so in the warm-up at whole multiples of
// on and off before that.
type Bursts struct {
	// On is how long requests arrive.
	On Duration `yaml:"on" json:"on" min:"1ms" max:"1h"`
	// Off is how long none does after that.
	Off Duration `yaml:"off" json:"off" min:"1ms" max:"1h"`
}

// Replay is requests at the times of real ones. The first of the recording arrives with the measured window, or when
// the load begins if at or phase says so; what does not fit into the load's time is left out. Only times are replayed:
// all requests ask for the load's path. The record of a run holds them, so that a run is made again without the file.
type Replay struct {
	// Log is the path of an access log in the common or combined format, which are Apache's, and nginx's default.
	// Relative to the scenario's file. Lines that are not of this format are counted and left out. A log has whole
	// seconds: the seed draws where in its second a request is, and a second that does not fit as a whole is left out.
	Log string `yaml:"log,omitempty" json:"log,omitempty"`
	// Capture is the path of a pcap or pcapng file: each TCP connection that a SYN opens in it is a request. SYNs that
	// were sent again count once.
	Capture string `yaml:"capture,omitempty" json:"capture,omitempty"`
	// Port is that of the service in the capture. Without it, SYNs to all ports are taken.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// Skip is how much of the recording's beginning is left out, in its own time.
	Skip Duration `yaml:"skip,omitempty" json:"skip,omitempty" min:"1ms" max:"87600h"`
	// Faster is by how many times the recording's time passes faster than it did: with 60, an hour takes a minute.
	Faster int `yaml:"faster,omitempty" json:"faster" default:"1" min:"1" max:"1000000"`

	recording Recording
}

// Recording is what was read of the file of a [Replay].
type Recording struct {
	// Times of requests, see [trace.Times], and their grain in ns, in the recording's own time.
	Times string `json:"times"`
	Grain int64  `json:"grain"`
	// Requests that are replayed, Total of those in the file, and Broken lines or packets in it.
	Requests int   `json:"requests"`
	Total    int64 `json:"total"`
	Broken   int64 `json:"broken"`
	// Repeated is the SYNs that were sent again.
	Repeated int64 `json:"repeated,omitempty"`
}

// Recording is what was read of the file.
func (r *Replay) Recording() Recording { return r.recording }

// plainReplay is a Replay without its methods, for JSON.
type plainReplay Replay

// MarshalJSON writes the recording with the keys.
func (r *Replay) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*plainReplay
		Recording Recording `json:"recording"`
	}{(*plainReplay)(r), r.recording})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Replay) UnmarshalJSON(data []byte) error {
	both := struct {
		*plainReplay
		Recording *Recording `json:"recording"`
	}{(*plainReplay)(r), &r.recording}
	if err := json.Unmarshal(data, &both); err != nil {
		return err
	}
	times, err := trace.Times(r.recording.Times, r.recording.Grain)
	if err == nil && len(times) != r.recording.Requests {
		err = fmt.Errorf("%d times of a recording with %d requests", len(times), r.recording.Requests)
	}
	return err
}

// withoutFiles returns the loads with what is replayed alone: not of which file it was read, which part of it that is,
// nor what else is in it. Files that give the same requests give the same scenario.
func withoutFiles(loads []Traffic) []Traffic {
	loads = slices.Clone(loads)
	for i := range loads {
		h := loads[i].HTTP
		if h == nil || h.Replay == nil {
			continue
		}
		bare, r := *h, h.Replay.recording
		bare.Replay = &Replay{Faster: h.Replay.Faster,
			recording: Recording{Times: r.Times, Grain: r.Grain, Requests: r.Requests}}
		loads[i].HTTP = &bare
	}
	return loads
}

// Base is when a replay begins: with the load, and not in the warm-up.
func (h *HTTPLoad) Base() Duration {
	if h.At != nil {
		return *h.At
	}
	return 0
}

// plainArrivals makes what means the same the same.
func (h *HTTPLoad) plainArrivals() {
	if len(h.Curve) == 0 {
		h.Curve = nil
	}
	if len(h.Times) == 0 {
		h.Times = nil
	}
}

// mostTimes is how long the times of all replays of a scenario may be in letters: it is in every record of a run.
const mostTimes = 768 << 10

// readReplays reads the files that loads replay.
func (s *Scenario) readReplays(d *yamldoc.Document) {
	size := 0
	for i := range s.Load {
		h := s.Load[i].HTTP
		if h == nil || h.Replay == nil || (h.Replay.Log == "") == (h.Replay.Capture == "") || h.Replay.Faster < 1 {
			continue
		}
		r, path := h.Replay, fmt.Sprintf("load[%d].http.replay", i)
		key, file := "log", r.Log
		if file == "" {
			key, file = "capture", r.Capture
		}
		if size += s.readReplay(d, join(path, key), file, h); size > mostTimes {
			d.Fail(path, fmt.Sprintf("the replays are too long: their times take more than %v in each record",
				Size(mostTimes)), "make for shorter, or faster smaller")
			return
		}
	}
}

// readReplay reads one file, and returns how long its times are.
func (s *Scenario) readReplay(d *yamldoc.Document, path, name string, h *HTTPLoad) int {
	f, err := os.Open(s.HostPath(name))
	if err != nil {
		if reason := (*fs.PathError)(nil); errors.As(err, &reason) {
			err = reason.Err
		}
		d.Fail(path, fmt.Sprintf("%s: %v", quote(name), err), "paths are relative to the scenario's file")
		return 0
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		d.Fail(path, quote(name)+" is not a regular file", "it is read twice, so it cannot be a pipe")
		return 0
	}
	r := h.Replay
	length, faster := s.begin(h.At)+h.For-h.Base(), Duration(r.Faster)
	if length <= 0 {
		return 0 // what is wrong with the load is said elsewhere
	}
	length = min(length, (1<<62)/faster)
	window := trace.Window{Skip: time.Duration(r.Skip), Length: time.Duration(length * faster), Port: r.Port}
	read := trace.Log
	if r.Capture != "" {
		read = trace.Capture
	}
	t, err := read(f, window)
	switch {
	case errors.Is(err, trace.ErrEmpty) && r.Log != "":
		d.Fail(path, fmt.Sprintf("%s has no line of an access log", quote(name)),
			`the common format begins: 192.0.2.1 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1"`)
	case errors.Is(err, trace.ErrEmpty):
		msg := quote(name) + " has no SYN"
		if r.Port > 0 {
			msg += fmt.Sprintf(" to port %d", r.Port)
		}
		if t.Broken > 0 {
			msg += ", and " + quantity.Plural(t.Broken, "packet") + " that cannot be read"
		}
		d.Fail(path, msg, "connections are replayed that begin in the capture, by their SYNs without ACK")
	case errors.Is(err, trace.ErrNotCapture):
		d.Fail(path, fmt.Sprintf("%s: %v", quote(name), err), "tcpdump -w and Wireshark write such files; "+
			"an access log goes with the key log")
	case errors.Is(err, trace.ErrUnreadable):
		d.Fail(path, fmt.Sprintf("%s is a capture, but %v", quote(name), err),
			"frames are to be of Ethernet, Linux cooked (tcpdump -i any) or bare IP, and have their times")
	case errors.Is(err, trace.ErrTooMany):
		d.Fail(path, fmt.Sprintf("%s: %v in the time that is replayed", quote(name), err),
			"shorten the load with for, or let the recording's time pass slower")
	case err != nil:
		d.Fail(path, fmt.Sprintf("%s: %v", quote(name), err), "")
	case len(t.Times) == 0:
		d.Fail(path, fmt.Sprintf("%s has no request in the time that is replayed", quote(name)),
			"see skip, faster and for; of a log, only whole seconds are replayed")
	default:
		r.recording = Recording{Times: t.Text(), Grain: t.Grain, Requests: len(t.Times), Total: t.Total,
			Broken: t.Broken, Repeated: t.Repeated}
		return len(r.recording.Times)
	}
	return 0
}
