package complete

import (
	"os"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	var cli struct {
		Make struct {
			File  []string `arg:"" complete:"yaml"`
			Color string   `enum:"red,green" help:"The colour." default:"red"`
			Dry   bool     `help:"Do nothing."`
		} `cmd:"" help:"Make it."`
		Hide struct{} `cmd:"" hidden:""`
	}
	parser, err := kong.New(&cli)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.yaml", nil, 0o600))
	require.NoError(t, os.WriteFile("a.txt", nil, 0o600))
	require.NoError(t, os.Mkdir("b", 0o700))
	for _, c := range []struct{ words, want []string }{
		{nil, []string{"make\tMake it."}},
		{[]string{"h"}, nil},
		{[]string{"make", "--c"}, []string{"--color\tThe colour."}},
		{[]string{"make", "--color", "g"}, []string{"green"}},
		{[]string{"make", "--color=r"}, []string{"--color=red"}},
		{[]string{"make", "--color", "=", "g"}, []string{"green"}}, // as bash takes it apart
		{[]string{"make", "--dry", ""}, []string{"a.yaml", "b/"}},
		{[]string{"make", "x.yaml", "a"}, []string{"a.yaml"}},
		{[]string{"make", "--", "--c"}, nil},
	} {
		require.Equal(t, c.want, Words(parser.Model.Node, c.words), "%q", c.words)
	}
}
