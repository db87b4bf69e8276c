package vm

import (
	"debug/elf"
	"fmt"

	"github.com/ruleout/ruleout/harness/problem"
)

// checkStatic makes sure that a program can run where there is nothing but itself.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("read init %s: %w", path, err), "init is a static binary for linux/amd64")
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return problem.Wrap(problem.Usage, fmt.Errorf("init %s is for %v", path, f.Machine), "build it with GOARCH=amd64")
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return problem.Wrap(problem.Usage, fmt.Errorf("init %s is not static: it asks for a dynamic linker", path), "build it with CGO_ENABLED=0")
		}
	}
	return nil
}
