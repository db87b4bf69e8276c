package table_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/table"
)

func TestTable(t *testing.T) {
	tab := &table.Table{
		Header: []string{"", "what it Is", "µs"}, Right: []bool{false, false, true}, Most: []int{0, 8},
		Rows: [][]string{{"✓", "a word or two", "7"}, {"\x1b[31m✗\x1b[0m", "–", "1,204"}, {"", "a|b", ""}},
	}
	require.Equal(t, ""+
		"     what it      µs\n"+
		"     Is\n"+
		"  ✓  a word        7\n"+
		"     or two\n"+
		"  \x1b[31m✗\x1b[0m  –         1,204\n"+
		"     a|b\n", tab.Text("  "))
	require.Equal(t, ""+
		"|  | what it Is | µs |\n"+
		"|:--- |:--- | ---:|\n"+
		"| ✓ | a word or two | 7 |\n"+
		"| \x1b[31m✗\x1b[0m | – | 1,204 |\n"+
		"|  | a\\|b |  |\n", tab.Markdown())
	require.Equal(t, "run\n", (&table.Table{Header: []string{"run"}}).Text(""))
}
