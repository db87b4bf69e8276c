package vm

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Program is a static binary for linux/amd64 that is to become a guest's first process. Its file was opened once, and
// what was hashed is what guests get, even when another file is put in its place.
type Program struct {
	file *os.File
	hash string
}

// OpenProgram opens and hashes a program. It stays open for as long as the process lives.
func OpenProgram(path string) (*Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, err, "init is a static binary for linux/amd64")
	}
	p := &Program{file: f}
	if err := p.checkStatic(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	if p.hash, err = stamps().Hash(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("hash init: %w", err)
	}
	return p, nil
}

// Self is this process's own program, which /proc/self/exe leads to even when its file was replaced: for tests, whose
// programs are guests too.
var Self = sync.OnceValues(func() (*Program, error) { return OpenProgram("/proc/self/exe") })

// Hash is "sha256:…" of the program's file.
func (p *Program) Hash() string { return p.hash }

// Path leads to the program that was hashed, even when another file is where it was, for as long as this process lives.
func (p *Program) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.file.Fd()) }

// Speaks makes sure that the program's file has a text, a number and a full stop: the protocol that it speaks. What the
// file has is kept by its stamp, as its hash is.
func (p *Program) Speaks(text string, number int) error {
	spoken, err := stamps().Value(text, p.file, func(f *os.File) ([]byte, error) {
		b, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
		if err != nil {
			return nil, err
		}
		found := regexp.MustCompile(regexp.QuoteMeta(text) + `([0-9]+)\.`).FindSubmatch(b)
		if found == nil {
			return nil, nil
		}
		return found[1], nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", p.file.Name(), err)
	case len(spoken) == 0:
		return problem.Wrap(problem.Machine, fmt.Errorf("%s is not the guest program of ruleout", p.file.Name()),
			"make build makes both programs")
	case string(spoken) != strconv.Itoa(number):
		return problem.Wrap(problem.Machine,
			fmt.Errorf("%s speaks protocol %s, and this ruleout speaks %d", p.file.Name(), spoken, number),
			"install both programs of one build; make build makes them")
	}
	return nil
}

// checkStatic makes sure that a program can run where there is nothing but itself.
func (p *Program) checkStatic(path string) error {
	f, err := elf.NewFile(p.file)
	if err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("read init %s: %w", path, err),
			"init is a static binary for linux/amd64")
	}
	if f.Machine != elf.EM_X86_64 {
		return problem.Wrap(problem.Usage, fmt.Errorf("init %s is for %v", path, f.Machine), "build it with GOARCH=amd64")
	}
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			return problem.Wrap(problem.Usage, fmt.Errorf("init %s is not static: it needs a dynamic linker", path),
				"build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// copyTo writes the program to an archive of the guest's files, and makes sure that it is what was hashed: some kernels
// (6.11, 6.12) let a program's file be written to while it runs.
func (p *Program) copyTo(a *archive, name string) error {
	info, err := p.file.Stat()
	if err != nil {
		return fmt.Errorf("read init: %w", err)
	}
	h := sha256.New()
	if err := a.file(name, info.Size(), io.TeeReader(io.NewSectionReader(p.file, 0, info.Size()), h)); err != nil {
		return err
	}
	if sum := "sha256:" + hex.EncodeToString(h.Sum(nil)); sum != p.hash {
		return problem.Wrap(problem.Machine, fmt.Errorf("init %s was changed while this process runs", p.file.Name()),
			"start ruleout again")
	}
	return nil
}
