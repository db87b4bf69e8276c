package backend

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/result"
)

// Software is "sha256:…" of each program that acts in the runs of a VM.
type Software struct {
	// QEMU is the emulator's program, Guest what runs in the guest besides the kernel, and Kernel the kernel's image,
	// configuration and modules.
	QEMU, Guest, Kernel string
}

// Software returns what the runs are made with. A version does not do: a security update leaves that of QEMU as it is.
func (v *VM) Software() Software { return v.software }

// softwareOf hashes what runs are made with.
func softwareOf(qemu, kernel string) (s Software, err error) {
	s.Kernel = kernel
	if s.QEMU, err = hashLarge(qemu); err != nil {
		return s, fmt.Errorf("hash QEMU: %w", err)
	}
	if s.Guest, err = hashLarge("/proc/self/exe"); err != nil {
		return s, fmt.Errorf("hash this program: %w", err)
	}
	return s, nil
}

// sum stands for all of it.
func (s Software) sum() string { return result.Sum([]byte(s.QEMU + "\n" + s.Guest + "\n" + s.Kernel)) }

func hashLarge(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
