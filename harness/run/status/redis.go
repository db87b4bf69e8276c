package status

import "bytes"

// redis speaks RESP (the command INFO). Sections are asked for one by one, since several at once need redis 7.0.
type redis struct{}

// sections are how many are asked for in a reading.
const sections = 3

var redisQuestion = []byte("INFO clients\r\nINFO memory\r\nINFO stats\r\n")

var (
	redisOnce  = sparse("redis", map[string]int64{"redis.commands": sections})
	redisLevel = sparse("redis", map[string]int64{"redis.clients": 1})
	redisKeys  = sources("redis")
)

func (*redis) greet(*conn) error { return nil }

func (*redis) question() []byte { return redisQuestion }

func (*redis) own() (question, connection, level []int64) { return redisOnce, nil, redisLevel }

func (*redis) answer(b []byte, into []int64) (n int, err error) {
	var found marks
	for range sections {
		text, used, err := bulk(b[n:])
		if used == 0 || err != nil {
			return 0, err
		}
		n += used
		some, err := keyed(text, redisKeys, into)
		if err != nil {
			return 0, err
		}
		found |= some
	}
	if found != whole(len(redisKeys)) {
		return 0, malformed("figures are missing")
	}
	return n, nil
}

// bulk reads a bulk string of RESP: $LENGTH, then so many bytes. n is 0 while more has to come.
func bulk(b []byte) (text []byte, n int, err error) {
	head, rest, ok := line(b)
	switch {
	case !ok && len(b) > 512:
		return nil, 0, malformed("no reply of redis")
	case !ok:
		return nil, 0, nil
	case len(head) > 0 && head[0] == '-':
		return nil, 0, malformed(string(head))
	case len(head) == 0 || head[0] != '$':
		return nil, 0, malformed("no reply of redis")
	}
	size, ok := number(head[1:])
	if !ok || size > bufferSize {
		return nil, 0, malformed("a reply of redis without a length, or too long")
	}
	if int64(len(rest)) < size+2 {
		return nil, 0, nil
	}
	if !bytes.HasPrefix(rest[size:], []byte("\r\n")) {
		return nil, 0, malformed("a reply of redis is longer than it says")
	}
	return rest[:size], len(b) - len(rest) + int(size) + 2, nil
}
