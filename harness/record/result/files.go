package result

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Files lists the records that arguments name: files, and all JSON files in directories. Several reports whether the
// arguments can name more than one, also if there is only one.
func Files(args []string) (files []string, several bool, err error) {
	several = len(args) > 1
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() { // [Read] says that it is not there
			files = append(files, arg)
			continue
		}
		several = true
		found, err := filepath.Glob(filepath.Join(escape(arg), "*.json"))
		if err != nil {
			return nil, false, fmt.Errorf("list records in %s: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, false, problem.Wrap(problem.Usage, fmt.Errorf("no record in %s", arg),
				"records end in .json and are kept in results/runs, or in the directory of --out")
		}
		files = append(files, found...)
	}
	return files, several, nil
}

// escape takes the meaning from what filepath.Glob would take for a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
