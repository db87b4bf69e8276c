package scenario

import "fmt"

// Abort is when a client closes the connection of a request that is not through. Exactly one key is set. What has come
// and was not read makes the kernel send RST, otherwise it sends FIN (RFC 9293, 3.10.4; RFC 2525, 2.17).
type Abort struct {
	// After is so long after the request was first written, or its connection asked for.
	After Duration `yaml:"after,omitempty" json:"after,omitempty" min:"1ms" max:"1h"`
	// Bytes is when so much of the answer has been read, its head included.
	Bytes Size `yaml:"bytes,omitempty" json:"bytes,omitempty" min:"1B" max:"64MB"`
}

// Slow is a slow way to read or write.
type Slow struct {
	// Bytes at once, at the most.
	Bytes Size `yaml:"bytes" json:"bytes" min:"1B" max:"1MiB"`
	// Every is the time from one piece to the next.
	Every Duration `yaml:"every" json:"every" min:"1ms" max:"1h"`
}

// manners checks how a client treats its requests and connections.
func (v *validation) manners(path string, h *HTTPLoad) {
	const kept = "connections that are closed after each request are never idle: set keepalive: true"
	if h.Probes && !h.Keepalive {
		v.fail(path+".probes", "probes without keepalive", kept)
	}
	if h.Idle > 0 && !h.Keepalive {
		v.fail(path+".idle", "idle without keepalive", kept)
	}
	if h.KeepaliveRequests > 0 && !h.Keepalive {
		v.fail(path+".keepalive-requests", "keepalive-requests without keepalive",
			"connections have one request each: set keepalive: true")
	}
	for _, t := range []struct {
		key  string
		less Duration
	}{{"connect-timeout", h.ConnectTimeout}, {"first-byte-timeout", h.FirstByteTimeout}} {
		if t.less > 0 && t.less >= h.Timeout {
			v.fail(join(path, t.key), fmt.Sprintf("%v, and timeout ends the request after %v", t.less, h.Timeout),
				"it would never act: make it shorter, or timeout longer")
		}
	}
	if a := h.Abort; a != nil {
		switch {
		case (a.After > 0) == (a.Bytes > 0):
			v.fail(path+".abort", "an abort has one of after and bytes", "")
		case a.After >= h.Timeout:
			v.fail(path+".abort.after", fmt.Sprintf("%v, and timeout ends the request after %v", a.After, h.Timeout), "")
		}
	}
	if h.Sends != nil && h.Writes > 0 {
		v.fail(path+".writes", "writes with sends", "sends says how the request is cut")
	}
	if h.Retries > 0 && h.Retry != RetryAlways {
		v.fail(path+".retries", "retries without retry: always", "set retry: always, or leave the key out")
	}
	if h.RetryWait > 0 && h.Retry == RetryOff {
		v.fail(path+".retry-wait", "retry-wait without retries", "leave the key out, or retry: off")
	}
}
