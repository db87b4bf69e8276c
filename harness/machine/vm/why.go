package vm

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// printedLines is how much of a console is shown of a kernel that does not boot.
const printedLines = 12

// printedOnBoot boots a kernel that does not boot once more, and returns the last lines that it prints when it is to
// print everything: usually it is told to be quiet, which saves instructions.
func printedOnBoot(ctx context.Context, c Config) []string {
	c.Machine, c.loud = machines[0], true
	f, err := bootFrozen(ctx, &c, "")
	if err == nil {
		f.discard()
		return nil
	}
	var (
		panicked *PanicError
		reset    *ResetError
		died     *DiedError
		lines    []string
	)
	switch {
	case errors.As(err, &panicked):
		lines = panicked.Console
	case errors.As(err, &reset):
		lines = reset.Console
	case errors.As(err, &died):
		lines = died.Console
	}
	return lines[:min(len(lines), printedLines)]
}

// bootCauses are what a kernel prints, or QEMU says, and what it lacks then.
var bootCauses = []struct {
	sign *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`PVH ELF Note`), "build it with CONFIG_PVH"},
	{regexp.MustCompile(`Unable to mount root fs|Cannot open root device`),
		"it did not take its initramfs: build it with CONFIG_BLK_DEV_INITRD"},
	{regexp.MustCompile(`No working init found|Failed to execute /init|Requested init .* failed`),
		"it could not run its first program: build it with CONFIG_BINFMT_ELF and CONFIG_64BIT"},
	{regexp.MustCompile(`not enough memory|Out of memory|out of memory`),
		"give it more: --set machine.memory=768MiB"},
}

// bootHint says what to do about a kernel that does not boot, by the errors and by what it printed.
func bootHint(failures string, printed []string) string {
	all := failures + "\n" + strings.Join(printed, "\n")
	for _, c := range bootCauses {
		if c.sign.MatchString(all) {
			return c.hint
		}
	}
	if len(printed) == 0 {
		return "it printed nothing: it has no serial console (CONFIG_SERIAL_8250_CONSOLE, CONFIG_EARLY_PRINTK), or its " +
			"image is damaged; try another QEMU (" + EnvQEMU + ") or another kernel"
	}
	return "what it printed says why; try another QEMU (" + EnvQEMU + ") or another kernel"
}
