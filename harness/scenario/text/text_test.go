package text_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/text"
)

// Every scenario of the repository, by way of its canonical form as in a record, is written as a file that means the
// same.
func TestOfMeansTheSame(t *testing.T) {
	var files []string
	for _, pattern := range []string{"scenarios/*.yaml", "scenarios/validate/*.yaml"} {
		found, err := filepath.Glob(golden.Repository(t, pattern))
		require.NoError(t, err)
		for i := 0; i < len(found); i += 1 + len(found)/40 { // some of the many
			files = append(files, found[i])
		}
	}
	for _, file := range files {
		f, err := scenario.Open(file)
		require.NoError(t, err)
		s, err := f.With(nil)
		if err != nil {
			continue // a file of another kind
		}
		canonical, err := s.Canonical()
		require.NoError(t, err)
		again, err := scenario.FromCanonical(canonical)
		require.NoError(t, err)
		out, err := text.Of(again)
		require.NoError(t, err)
		parsed, err := scenario.Parse(file, out, nil)
		require.NoError(t, err)
		require.Equal(t, s.Hash(), parsed.Hash(), file)
	}
	require.Greater(t, len(files), 40)
}

// What is written is what a person would have written, but for braces and quotes.
func TestOfReadsWell(t *testing.T) {
	const file = `{
  "version": 1,
  "name": "small",
  "duration": "1s",
  "nodes": {
    "client": {},
    "web": {
      "sysctls": {
        "net.ipv4.tcp_sack": "0"
      },
      "service": {
        "php": {
          "request": {
            "response": "20kB"
          }
        }
      }
    }
  },
  "links": [
    {
      "between": [
        "client",
        "web"
      ],
      "delay": "1.5ms",
      "rate": "100mbit"
    }
  ],
  "load": [
    {
      "from": "client",
      "to": "web",
      "http": {
        "rate": "3/s"
      }
    }
  ],
  "faults": [
    {
      "name": "copies",
      "link": [
        "client",
        "web"
      ],
      "from": "client",
      "select": {
        "packets": "pure-ack",
        "chance": "10%"
      },
      "do": {
        "duplicate": 2
      }
    }
  ]
}`
	s, err := scenario.Parse("small.yaml", []byte(file), nil)
	require.NoError(t, err)
	out, err := text.Of(s)
	require.NoError(t, err)
	require.Equal(t, file, string(out))
}
