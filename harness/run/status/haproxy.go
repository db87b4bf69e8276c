package status

import "bytes"

// haproxy speaks to HAProxy's stats socket, in its interactive mode, in which a connection has more than one command
// (HAProxy's management guide, section 9.3).
type haproxy struct{}

var (
	haproxyBegin    = []byte("prompt\n")
	haproxyQuestion = []byte("show stat\n")
	haproxyPrompt   = []byte("\n> ")
)

func (*haproxy) greet(c *conn) error {
	if err := c.send(haproxyBegin); err != nil {
		return err
	}
	return c.until(func(b []byte) (int, error) {
		if i := bytes.Index(b, haproxyPrompt); i >= 0 {
			return i + len(haproxyPrompt), nil
		}
		return 0, nil
	})
}

func (*haproxy) question() []byte { return haproxyQuestion }

func (*haproxy) own() (question, connection, level []int64) { return nil, nil, nil }

// haproxyColumns say which column of which line is a figure, in the order of the figures.
var haproxyColumns = [...]struct{ kind, column string }{
	{"BACKEND", "qcur"}, {"FRONTEND", "scur"}, {"FRONTEND", "stot"}, {"FRONTEND", "req_tot"}, {"FRONTEND", "ereq"},
	{"BACKEND", "econ"}, {"BACKEND", "eresp"}, {"BACKEND", "wretr"}, {"BACKEND", "wredis"},
}

// answer reads the CSV of "show stat", which an empty line and a prompt end. Lines of several frontends are added up.
func (*haproxy) answer(b []byte, into []int64) (n int, err error) {
	end := bytes.Index(b, haproxyPrompt)
	if end < 0 {
		return 0, nil
	}
	head, rest, ok := line(b[:end])
	names, found := bytes.CutPrefix(head, []byte("# "))
	if !ok || !found {
		return 0, malformed("no statistics of HAProxy")
	}
	service := column(names, "svname")
	var columns [len(haproxyColumns)]int
	for i, c := range haproxyColumns {
		if columns[i] = column(names, c.column); columns[i] < 0 || service < 0 {
			return 0, malformed("HAProxy has no column " + c.column)
		}
		into[i] = 0
	}
	for len(rest) > 0 {
		var l []byte
		if l, rest, ok = line(rest); !ok {
			l, rest = rest, nil
		}
		kind := field(l, service)
		for i, c := range haproxyColumns {
			if string(kind) != c.kind {
				continue
			}
			text := field(l, columns[i])
			if len(text) == 0 { // HAProxy leaves out what the mode does not have
				continue
			}
			v, ok := number(text)
			if !ok {
				return 0, malformed(c.column + " is no number")
			}
			into[i] += v
		}
	}
	return end + len(haproxyPrompt), nil
}

// column finds the index of a name in a line with commas, or -1.
func column(names []byte, name string) int {
	for i := 0; len(names) > 0; i++ {
		word, rest, _ := bytes.Cut(names, []byte(","))
		if string(word) == name {
			return i
		}
		names = rest
	}
	return -1
}

// field is the one with an index in a line with commas; empty if there are fewer. Quotes are only around text, in
// columns behind those that are of use here.
func field(l []byte, i int) []byte {
	for ; i > 0; i-- {
		_, rest, ok := bytes.Cut(l, []byte(","))
		if !ok {
			return nil
		}
		l = rest
	}
	word, _, _ := bytes.Cut(l, []byte(","))
	return word
}
