package cross

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Record is what this package reads of a record: the fields that docs/reference/record.md names.
type Record struct {
	Valid          bool  `json:"valid"`
	InvalidBecause []any `json:"invalid_because"`
	Scenario       struct {
		Name      string   `json:"name"`
		Canonical Scenario `json:"canonical"`
	} `json:"scenario"`
	Provenance struct {
		Kernel string `json:"kernel"`
	} `json:"provenance"`
	Faults []Receipt `json:"faults"`
	Load   struct {
		Planned   float64            `json:"planned"`
		Sent      float64            `json:"sent"`
		Completed float64            `json:"completed"`
		Errors    float64            `json:"errors"`
		ByError   map[string]float64 `json:"by_error"`
		LateMax   float64            `json:"late_ns_max"`
	} `json:"load"`
	Metrics map[string]struct {
		Value float64 `json:"value"`
	} `json:"metrics"`
	Counters map[string]map[string]float64 `json:"counters"`
}

// Receipt is what a record says of a fault, beyond its metrics.
type Receipt struct {
	Name     string             `json:"name"`
	In       float64            `json:"in"`
	Out      float64            `json:"out"`
	Messages float64            `json:"messages"`
	Kinds    map[string]float64 `json:"kinds"`
	Forged   []struct {
		Count float64 `json:"count"`
	} `json:"forged"`
}

// Scenario is what this package reads of a scenario in its canonical form: times are in ns.
type Scenario struct {
	Duration int64 `json:"duration"`
	Warmup   int64 `json:"warmup"`
	Nodes    map[string]struct {
		Role    string `json:"role"`
		Service struct {
			PHP struct {
				Port     int    `json:"port"`
				Database string `json:"database"`
			} `json:"php"`
			SQL  port `json:"sql"`
			UDP  port `json:"udp"`
			DNS  port `json:"dns"`
			Bulk port `json:"bulk"`
		} `json:"service"`
		Resolver struct {
			Servers []string `json:"servers"`
			Timeout int64    `json:"timeout"`
		} `json:"resolver"`
	} `json:"nodes"`
	Links []struct {
		Between [2]string `json:"between"`
	} `json:"links"`
	Load []struct {
		From string `json:"from"`
		To   string `json:"to"`
		UDP  *struct {
			Rate    float64 `json:"rate"`
			Size    int     `json:"size"`
			For     int64   `json:"for"`
			Timeout int64   `json:"timeout"`
			Port    int     `json:"port"`
		} `json:"udp"`
		Bulk *struct {
			Flows int   `json:"flows"`
			Bytes int   `json:"bytes"`
			At    int64 `json:"at"`
			Port  int   `json:"port"`
		} `json:"bulk"`
		HTTP struct {
			Host      string  `json:"host"`
			Arrivals  string  `json:"arrivals"`
			Rate      float64 `json:"rate"`
			At        *int64  `json:"at"`
			For       int64   `json:"for"`
			Timeout   int64   `json:"timeout"`
			Port      int     `json:"port"`
			KeepAlive bool    `json:"keepalive"`
			IPv6      bool    `json:"ipv6"`
			// Arrivals that are not at one rate, and requests that are not sent as they are planned.
			Bursts  any `json:"bursts"`
			Batch   int `json:"batch"`
			Retries int `json:"retries"`
			Abort   any `json:"abort"`
		} `json:"http"`
	} `json:"load"`
	Faults []Fault `json:"faults"`
}

// port is that of a service.
type port struct {
	Port int `json:"port"`
}

// Fault is a fault of a scenario.
type Fault struct {
	Name   string    `json:"name"`
	Link   [2]string `json:"link"`
	From   string    `json:"from"`
	Select struct {
		Packets string `json:"packets"`
		Family  string `json:"family"`
		Longer  int    `json:"longer"`
		ECN     string `json:"ecn"`
		DSCP    *int   `json:"dscp"`
		Payload *struct {
			Min int `json:"min"`
			Max int `json:"max"`
		} `json:"payload"`
		After  *struct{} `json:"after"`
		Last   bool      `json:"last"`
		Port   int       `json:"port"`
		From   int       `json:"from-port"`
		To     int       `json:"to-port"`
		Listed []int     `json:"ordinals"`
		Flow   string    `json:"flow"`
		Chance float64   `json:"chance"`
		Nth    int       `json:"nth"`
		Every  int       `json:"every"`
		First  int       `json:"first"`
		Burst  int       `json:"burst"`
		Per    string    `json:"per"`
	} `json:"select"`
	Do    map[string]json.RawMessage `json:"do"`
	At    int64                      `json:"at"`
	For   int64                      `json:"for"`
	Every int64                      `json:"every"`
	Times int64                      `json:"times"`
}

// Does tells whether the fault's action is the one of this name.
func (f *Fault) Does(action string) bool {
	v, ok := f.Do[action]
	return ok && string(v) != "false" && string(v) != "0" && string(v) != `""`
}

// ReadRecord reads a record from its file.
func ReadRecord(file string) (*Record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read record %s: %w", file, err)
	}
	return &r, nil
}

// Before tells whether the run's kernel is older than a release.
func (r *Record) Before(major, minor int) bool {
	var a, b int
	_, _ = fmt.Sscanf(r.Provenance.Kernel, "%d.%d", &a, &b)
	return a < major || a == major && b < minor
}

// Value finds a metric, a counter as NODE.GROUP.NAME, or a field of a receipt as receipt.NAME.FIELD.
func (r *Record) Value(name string) (float64, bool) {
	if m, ok := r.Metrics[name]; ok {
		return m.Value, true
	}
	if rest, ok := strings.CutPrefix(name, "receipt."); ok {
		fault, field, _ := strings.Cut(rest, ".")
		for _, f := range r.Faults {
			if f.Name != fault {
				continue
			}
			switch field {
			case "in":
				return f.In, true
			case "out":
				return f.Out, true
			case "messages":
				return f.Messages, true
			}
		}
		return 0, false
	}
	node, counter, _ := strings.Cut(name, ".")
	v, ok := r.Counters[node][counter]
	return v, ok
}

// Has tells whether the record has a figure.
func (r *Record) Has(name string) bool {
	_, ok := r.Value(name)
	return ok
}

// Set changes a figure, for tests that want to see it noticed.
func (r *Record) Set(name string, v float64) {
	if m, ok := r.Metrics[name]; ok {
		m.Value = v
		r.Metrics[name] = m
		return
	}
	if rest, ok := strings.CutPrefix(name, "receipt."); ok {
		fault, field, _ := strings.Cut(rest, ".")
		for i := range r.Faults {
			if f := &r.Faults[i]; f.Name == fault {
				*map[string]*float64{"in": &f.In, "out": &f.Out, "messages": &f.Messages}[field] = v
			}
		}
		return
	}
	node, counter, _ := strings.Cut(name, ".")
	r.Counters[node][counter] = v
}
