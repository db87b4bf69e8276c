package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

var want = regexp.MustCompile(`# want: (".*")$`)

// Every file in testdata/invalid is wrong in the lines with a comment
//
//	# want: "the message"
//
// and nowhere else.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 80)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			wants := map[int]string{}
			for i, line := range strings.Split(string(data), "\n") {
				if m := want.FindStringSubmatch(line); m != nil {
					wants[i+1], err = strconv.Unquote(m[1])
					require.NoError(t, err)
				}
			}
			require.NotEmpty(t, wants)

			s, err := Load(file, nil)
			require.Nil(t, s)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			var list *yamldoc.Errors
			require.ErrorAs(t, err, &list)
			got := map[int]string{}
			for _, e := range list.List {
				require.Equal(t, file, e.File)
				require.NotContains(t, got, e.Line, "a second message for line %d: %s", e.Line, e.Msg)
				got[e.Line] = e.Msg
				// The carets are below the line, and not below the comment.
				comment := strings.Index(e.Source, "# want")
				require.Positive(t, e.Col)
				require.LessOrEqual(t, e.Col, comment+1)
				require.Positive(t, e.Width)
			}
			require.Equal(t, wants, got)
		})
	}
}

// What the file shows to a person, to the letter.
func TestErrorText(t *testing.T) {
	_, err := Parse("scenarios/x.yaml", []byte(`version: 1
name: x
duration: 10s
nodes:
  client:
  edge:
  web: {service: {php: }}
links:
  - {between: [client, edge], dely: 20ms}
  - {between: [edge, wéb], delay: 3}
load:
`+"  - {from: client,\tto: wbe, http: {rate: 1/s}}\n"), nil)
	require.EqualError(t, err, `scenarios/x.yaml:9:31: unknown key "dely"
    9 |   - {between: [client, edge], dely: 20ms}
      |                               ^^^^
   hint: did you mean "delay"? valid keys: between, profile, delay, rate, back, queue, queue-bytes, discipline, mtu
scenarios/x.yaml:10:22: no node "wéb"
   10 |   - {between: [edge, wéb], delay: 3}
      |                      ^^^
   hint: did you mean "web"? there is: client, edge, web
scenarios/x.yaml:10:35: "3" needs a unit, such as 3s or 3ms
   10 |   - {between: [edge, wéb], delay: 3}
      |                                   ^
scenarios/x.yaml:12:24: no node "wbe"
   12 |   - {from: client,	to: wbe, http: {rate: 1/s}}
      |                   	    ^^^
   hint: did you mean "web"? there is: client, edge, web`)
}

func TestHintForAHostInTheWay(t *testing.T) {
	_, err := Load("testdata/invalid/load-no-path-a-host-between.yaml", nil)
	var list *yamldoc.Errors
	require.ErrorAs(t, err, &list)
	require.Equal(t, "make edge a router, with the key role", list.List[0].Hint)
}

func TestLongLinesAreCut(t *testing.T) {
	_, err := Parse("x.yaml", []byte("version: 1 "+strings.Repeat(" ", 500)+"\x1b[31m"), nil)
	require.ErrorContains(t, err, "control character U+001B")
	require.NotContains(t, err.Error(), "\x1b", "an escape sequence must not reach the terminal")
	for _, line := range strings.Split(err.Error(), "\n") {
		require.Less(t, len([]rune(line)), 170)
	}
}

func TestManyMistakesAreCounted(t *testing.T) {
	_, err := Parse("x.yaml", []byte("version: 1\n"+strings.Repeat("? {}\n: 1\n", 1000)), nil)
	var list *yamldoc.Errors
	require.ErrorAs(t, err, &list)
	require.Len(t, list.List, yamldoc.MostErrors)
	require.Positive(t, list.More)
	require.Less(t, len(err.Error()), 10_000)
}

func TestMissingFile(t *testing.T) {
	_, err := Load("testdata/none.yaml", nil)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func TestEmptyFile(t *testing.T) {
	for what, data := range map[string]string{"nothing": "", "a comment": "# nothing yet\n", "null": "~",
		"a separator": "---\n"} {
		_, err := Parse("x.yaml", []byte(data), nil)
		require.ErrorContains(t, err, "x.yaml:1:1: empty", what)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse("x.yaml", []byte("#"+strings.Repeat("x", yamldoc.MostBytes)), nil)
	require.ErrorContains(t, err, "larger than 256KiB")
}
