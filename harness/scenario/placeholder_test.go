package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFillAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"--db={db}:3306":              "--db=<db>:3306",
		"{a}{b-2}":                    "<a><b-2>",
		"{{db}":                       "{db}",
		"{{db}}":                      "{db}}",
		"{{{db}":                      "{{db}",
		"{{.Name}} {} {1} {a b} {Db}": "{{.Name}} {} {1} {a b} {Db}",
		"${HOME} %{http_code}":        "${HOME} %{http_code}",
		`{"a": 1, "b": "{db}"}`:       `{"a": 1, "b": "<db>"}`,
	} {
		require.Equal(t, want, FillAddresses(text, func(node string) string { return "<" + node + ">" }), text)
	}
}

func TestAMisspeltNodeInACommandIsTold(t *testing.T) {
	_, err := Parse("x.yaml", []byte(strings.Replace(imaged, "command: [a, b]", `command: [a, "{clent}"]`, 1)), nil)
	require.ErrorContains(t, err, `did you mean "client"? there is: bare, client, web; {{clent} is the text {clent}`)
}
