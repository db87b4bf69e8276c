package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// machines in the order in which they are tried.
var machines = []Machine{MicroVM, Q35}

// Board is what is remembered of a kernel that did not boot on the machine that is tried first. It gives the runs other
// digests than those of another computer may have, so it is reported at each run, and forgotten by [ForgetBoards].
type Board struct {
	Machine Machine   `json:"machine"` // the one that works
	QEMU    string    `json:"qemu"`    // its version
	Kernel  string    `json:"kernel"`  // its name
	Because string    `json:"because"` // what happened on the others
	At      time.Time `json:"at"`
}

func (b *Board) String() string {
	return fmt.Sprintf("kernel %s runs on %s with QEMU %s, as was found on %s: %s",
		b.Kernel, b.Machine, b.QEMU, b.At.UTC().Format("2006-01-02 15:04 UTC"), b.Because)
}

// The files of boards. Those of earlier versions did not tell a machine that did not boot from a QEMU that was
// killed, and are not believed.
const (
	boardFiles    = "board-*.json"
	oldBoardFiles = "machine-*"
)

func (c *Config) boardFile() (string, error) {
	qemu, err := c.QEMU.sums("")
	if err != nil {
		return "", err
	}
	id := hashBytes(fmt.Append(nil, qemu, c.QEMU.Version, c.Kernel.Hash))
	return filepath.Join(c.Dir, strings.Replace(boardFiles, "*", short(id), 1)), nil
}

// chooseMachine finds a machine that works by making the template. If it is not the first, it remembers that.
func chooseMachine(ctx context.Context, c Config, progress func(string)) (*Template, error) {
	name, err := c.boardFile()
	if err != nil {
		return nil, err
	}
	if known, err := readBoard(name); err == nil {
		progress(known.String() + "; ruleout gc forgets it")
		c.Machine = known.Machine
		return openTemplate(ctx, c, progress)
	}
	var failures []error
	for _, m := range machines {
		c.Machine = m
		t, err := openTemplate(ctx, c, progress)
		if err == nil {
			if len(failures) > 0 {
				remember(name, &Board{Machine: m, QEMU: c.QEMU.Version, Kernel: c.Kernel.Name,
					Because: errors.Join(failures...).Error(), At: time.Now()}, progress)
			}
			return t, nil
		}
		// Only a machine on which the guest itself gave up before its init is worth another try.
		if boot := (*BootError)(nil); !errors.As(err, &boot) {
			return nil, classify(err)
		}
		progress(fmt.Sprintf("%s: %v", m, err))
		failures = append(failures, fmt.Errorf("%s: %w", m, err))
	}
	err = fmt.Errorf("%v boots kernel %s on no machine: %w", c.QEMU, c.Kernel.Name, errors.Join(failures...))
	progress("booting it once more, to see what it prints")
	printed := printedOnBoot(ctx, c)
	for _, line := range printed {
		progress("console: " + line)
	}
	return nil, problem.Wrap(problem.Machine, err, bootHint(errors.Join(failures...).Error(), printed))
}

// remember notes a board. If it cannot, the next run finds it out again.
func remember(name string, b *Board, progress func(string)) {
	text, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = atomicfile.File(name, append(text, '\n'))
	}
	if err != nil {
		progress(fmt.Sprintf("remember the machine: %v", err))
	}
}

func readBoard(name string) (*Board, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	b := &Board{}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if _, ok := firmware[b.Machine]; !ok {
		return nil, fmt.Errorf("read %s: machine %q", name, b.Machine)
	}
	return b, nil
}

// Boards returns what is remembered in a directory of templates; an empty one means [DefaultDir].
func Boards(dir string) ([]*Board, error) {
	files, err := boardsIn(dir, boardFiles)
	if err != nil {
		return nil, err
	}
	var list []*Board
	for _, name := range files {
		if b, err := readBoard(name); err == nil {
			list = append(list, b)
		}
	}
	return list, nil
}

// Remembered returns the paths of the files that [ForgetBoards] removes.
func Remembered(dir string) ([]string, error) { return boardsIn(dir, boardFiles, oldBoardFiles) }

// ForgetBoards forgets what is remembered in a directory of templates, and returns the paths of its files. An empty dir
// means [DefaultDir].
func ForgetBoards(dir string) (forgotten []string, err error) {
	files, err := Remembered(dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range files {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("forget a machine: %w", err))
			continue
		}
		forgotten = append(forgotten, name)
	}
	return forgotten, errors.Join(errs...)
}

func boardsIn(dir string, patterns ...string) (files []string, err error) {
	c := Config{Dir: dir}
	if dir, err = c.dir(); err != nil {
		return nil, err
	}
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}
