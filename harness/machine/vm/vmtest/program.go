package vmtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// library is a path in what ldd prints: "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)", or the loader's own
// without an arrow.
var library = regexp.MustCompile(`(?m)(?:=> |^\s+)(/\S+) \(0x`)

// pack adds a program of the host, and the libraries that it needs, to the guest's files.
func pack(ctx context.Context, files map[string][]byte, program string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("pack %s for the guest: %w", program, err),
			"bin/ruleout setup --tests installs it, or says how")
	}
	needed, err := exec.CommandContext(ctx, "ldd", path).Output()
	if err != nil {
		return fmt.Errorf("list the libraries of %s: ldd: %w", path, err)
	}
	if files[programDir+"/"+program], err = os.ReadFile(path); err != nil {
		return fmt.Errorf("pack %s for the guest: %w", program, err)
	}
	for _, m := range library.FindAllSubmatch(needed, -1) {
		name := string(m[1])
		if files[name], err = os.ReadFile(name); err != nil {
			return fmt.Errorf("pack %s for the guest: %w", program, err)
		}
	}
	return nil
}
