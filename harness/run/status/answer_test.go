package status

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Answers in the forms of the programs of Debian 12, shortened; HAProxy's is made up after its manual.
const (
	fpmText = "X-Powered-By: PHP/8.2.29\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
		"Content-type: text/plain;charset=UTF-8\r\n\r\n" +
		"pool:                 www\nprocess manager:      static\nstart time:           01/Jan/2025:00:00:00 +0000\n" +
		"start since:          3\naccepted conn:        41\nlisten queue:         2\nmax listen queue:     7\n" +
		"listen queue len:     511\nidle processes:       6\nactive processes:     4\ntotal processes:      10\n" +
		"max active processes: 9\nmax children reached: 1\nslow requests:        3\n"
	stubText  = "Active connections: 5 \nserver accepts handled requests\n 16 15 31 \nReading: 1 Writing: 2 Waiting: 3 \n"
	redisText = "# Clients\r\nconnected_clients:3\r\ncluster_connections:0\r\nblocked_clients:1\r\n"
)

func reply(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func redisReplies() string {
	return reply(redisText) + reply("# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n") +
		reply("# Stats\r\ntotal_connections_received:4\r\ntotal_commands_processed:99\r\nrejected_connections:1\r\n"+
			"evicted_keys:2\r\nkeyspace_hits:30\r\nkeyspace_misses:4\r\n")
}

func stubAnswer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"+
		"Connection: keep-alive\r\n\r\n%s", len(body), body)
}

func fpmAnswer(text string) string {
	b := record(nil, fcgiStderr, []byte("a notice"))
	half := len(text) / 2
	b = record(b, fcgiStdout, []byte(text[:half]))
	b = append(b, fcgiVersion, fcgiStdout, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)-half))
	b = append(append(append(b, 5, 0), text[half:]...), 0, 0, 0, 0, 0) // padded
	b = record(b, fcgiStdout, nil)
	return string(record(b, fcgiEnd, make([]byte, 8)))
}

func rows(pairs ...string) string {
	b := packet(1, []byte{2})
	b = append(b, packet(2, []byte("\x03def…Variable_name"))...)
	b = append(b, packet(3, []byte("\x03def…Value"))...)
	b = append(b, packet(4, []byte{packetEOF, 0, 0, 2, 0})...)
	for i := 0; i < len(pairs); i += 2 {
		row := append([]byte{byte(len(pairs[i]))}, pairs[i]...)
		row = append(append(row, byte(len(pairs[i+1]))), pairs[i+1]...)
		b = append(b, packet(5, row)...)
	}
	return string(append(b, packet(6, []byte{packetEOF, 0, 0, 2, 0})...))
}

func mariadbRows() string {
	return rows("Aborted_clients", "1", "Aborted_connects", "2", "Connection_errors_accept", "3",
		"Connection_errors_tcpwrap", "4", "Connections", "50", "Innodb_row_lock_current_waits", "5",
		"Innodb_row_lock_waits", "6", "Queries", "70", "Questions", "60", "Slow_queries", "8", "Threads_connected", "9",
		"Threads_running", "10")
}

const haproxyText = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis," +
	"status,req_tot,\n" +
	"visitors,FRONTEND,,,3,5,2000,40,1,2,0,0,1,,,,,OPEN,41,\n" +
	"servers,s1,0,0,1,2,,20,1,2,,0,,7,7,7,7,UP,,\n" +
	"servers,BACKEND,2,9,1,2,200,20,1,2,0,0,,3,4,5,6,UP,,\n\n> "

// whole answers by kind, and the figures that they have.
var answers = map[string]struct {
	text string
	want []int64
}{
	"fpm":     {fpmAnswer(fpmText), []int64{4, 6, 2, 7, 41, 1, 3}},
	"nginx":   {stubAnswer(stubText), []int64{5, 1, 2, 3, 16, 15, 31}},
	"redis":   {redisReplies(), []int64{3, 1, 1048576, 99, 1, 2, 30, 4}},
	"mariadb": {mariadbRows(), []int64{9, 10, 5, 50, 60, 70, 8, 1, 2, 7, 6}},
	"haproxy": {haproxyText, []int64{2, 3, 40, 41, 1, 3, 4, 5, 6}},
}

func speaker(t testing.TB, kind string) (language, []int64) {
	l, err := languageOf(kind)
	require.NoError(t, err)
	return l, make([]int64, len(metric.Status(kind)))
}

// However an answer is cut, more is waited for, and what comes after it is left.
func TestAnswers(t *testing.T) {
	for kind, c := range answers {
		l, into := speaker(t, kind)
		require.NotEmpty(t, l.question())
		for cut := range c.text {
			n, err := l.answer([]byte(c.text[:cut]), into)
			require.NoError(t, err, "%s: %q", kind, c.text[:cut])
			require.Zero(t, n, "%s: %q", kind, c.text[:cut])
		}
		n, err := l.answer([]byte(c.text+c.text), into)
		require.NoError(t, err, kind)
		require.Equal(t, len(c.text), n, kind)
		require.Equal(t, c.want, into, kind)
		require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = l.answer([]byte(c.text)[:len(c.text):len(c.text)], into) })-
			testing.AllocsPerRun(10, func() { _ = bytes.Clone([]byte(c.text)) }), kind)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	huge := strings.Repeat("9", 40)
	for _, c := range []struct{ kind, text, want string }{
		{"fpm", "HTTP/1.1 200 OK\r\n\r\n", "no record of FastCGI"},
		{"fpm", string(record(nil, 99, nil)), "an unknown record"},
		{"fpm", string(record(nil, fcgiEnd, nil)), "no head"},
		{"fpm", fpmAnswer("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n"), "Status: 404 Not Found"},
		{"fpm", fpmAnswer(strings.ReplaceAll(fpmText, "slow requests", "slow")), "figures are missing"},
		{"fpm", fpmAnswer(strings.ReplaceAll(fpmText, "slow requests", "idle processes")), "figures are missing"},
		{"fpm", fpmAnswer(strings.ReplaceAll(fpmText, " 41\n", " "+huge+"\n")), "accepted conn is no number"},
		{"fpm", fpmAnswer(strings.ReplaceAll(fpmText, " 41\n", " -41\n")), "accepted conn is no number"},
		{"fpm", fpmAnswer(fpmText+strings.Repeat("x", 60_000)) + fpmAnswer(""), ""},
		{"nginx", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0-OpenSSH_9.2"},
		{"nginx", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 Not Found"},
		{"nginx", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too long"},
		{"nginx", "HTTP/1.1 200 OK\r\n\r\n", "its length is not said"},
		{"nginx", stubAnswer("<h1>Welcome</h1>"), "no stub_status"},
		{"nginx", stubAnswer(stubText + "7"), "something else"},
		{"nginx", stubAnswer(strings.ReplaceAll(stubText, "16 15 31", "16 15")), "are missing"},
		{"nginx", stubAnswer(strings.ReplaceAll(stubText, "31", huge)), "something else"},
		{"redis", "-NOAUTH Authentication required.\r\n", "NOAUTH"},
		{"redis", strings.Repeat("x", 600), "no reply of redis"},
		{"redis", "+OK\r\n", "no reply of redis"},
		{"redis", "$99999999\r\n", "too long"},
		{"redis", "$-1\r\n", "without a length"},
		{"redis", "$1\r\nabc", "longer than it says"},
		{"redis", reply(redisText) + reply(redisText) + reply(redisText), "figures are missing"},
		{"mariadb", string(packet(1, append([]byte{packetError, 0x10, 4}, "#08004Too many connections"...))),
			"Too many connections"},
		{"mariadb", string(packet(1, nil)), "an empty packet"},
		{"mariadb", string(packet(1, []byte{7})), "no result of two columns"},
		{"mariadb", "\xff\xff\xff\x00", "too long"},
		{"mariadb", rows("Questions", "60"), "figures are missing"},
		{"mariadb", rows("Questions", "sixty"), "Questions is no number"},
		{"mariadb", string(append([]byte(rows())[:len(rows())-9], packet(5, []byte("\xfaQuestions"))...)), "cut off"},
		{"haproxy", "Unknown command.\n\n> ", "no statistics"},
		{"haproxy", "# pxname,svname,\n\n> ", "no column"},
		{"haproxy", strings.ReplaceAll(haproxyText, ",40,", ",forty,"), "stot is no number"},
	} {
		l, into := speaker(t, c.kind)
		n, err := l.answer([]byte(c.text), into)
		if c.want == "" {
			require.NoError(t, err, c.text)
			continue
		}
		require.ErrorIs(t, err, errAnswer, "%s %q", c.kind, c.text)
		require.ErrorContains(t, err, c.want, "%s %q", c.kind, c.text)
		require.Zero(t, n)
	}
}

// Whatever comes, an answer is one, is none, or more has to come.
func FuzzAnswer(f *testing.F) {
	for _, c := range answers {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range metric.StatusKinds() {
			l, into := speaker(t, kind)
			n, err := l.answer(b, into)
			require.LessOrEqual(t, n, len(b))
			require.False(t, err != nil && n > 0)
		}
	})
}

func TestFiguresAndKindsAreOfOneMind(t *testing.T) {
	for _, kind := range metric.StatusKinds() {
		l, into := speaker(t, kind)
		question, connection, level := l.own()
		for _, own := range [][]int64{question, connection, level} {
			require.Contains(t, []int{0, len(into)}, len(own), kind)
		}
		for i, f := range metric.Status(kind) {
			require.True(t, strings.HasPrefix(f.Name, kind+"."), f.Name)
			if question != nil {
				require.False(t, f.Level && question[i] != 0, f.Name)
			}
			if level != nil {
				require.False(t, !f.Level && level[i] != 0, f.Name)
			}
		}
	}
	_, err := languageOf("postgres")
	require.ErrorContains(t, err, `no status of "postgres"`)
}
