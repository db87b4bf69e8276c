package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/truth"
	"github.com/ruleout/ruleout/harness/scenario"
)

// entropy is what the guest's kernel gets for its random pool. It depends on the seed
// alone, so that a run and its twin with one setting changed draw the same numbers.
func entropy(seed uint64) [frame.EntropyLen]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("ruleout entropy "), seed))
}

// Slack of the two watchdogs. They are there for what went wrong; a run that
// is slow but alive must not meet them.
const (
	virtualSlack = time.Minute
	wallSlack    = 2 * time.Minute
	// wallPerSecond is what a guest second costs the host, at worst: a busy emulated CPU of
	// 500 million instructions a second took 2 to 4 s (docs/architecture/vm.md), a loaded host several times that.
	wallPerSecond = 30
	// wallPerProgram is what starting a program may cost the host; MariaDB makes its tables in 10 s of CPU.
	wallPerProgram = 2 * time.Minute
)

// limits are the most time that a run may take, on its own clock and on the host's.
func limits(s *scenario.Scenario) (virtual, wall time.Duration) {
	run := time.Duration(s.Warmup) + time.Duration(s.Duration)
	for _, l := range s.Load {
		if p, ok := l.Pace(); ok {
			run += time.Duration(p.Timeout)
		}
	}
	virtual, wall = run+virtualSlack, wallSlack
	for node := range s.Nodes {
		programs, _ := s.Programs(node)
		for _, p := range programs {
			virtual += p.Patience()
			wall += wallPerProgram
		}
	}
	// The slower the emulated CPU, the less a second of it costs.
	return virtual, wall + wallPerSecond*run*time.Duration(max(s.Machine.Speed, 1))/500
}

// provenance says what a run came from.
func (v *VM) provenance(t, prepared *vm.Template, truths *truth.Report) result.Provenance {
	return result.Provenance{
		Tool:         Version,
		Guest:        v.software.Guest,
		Kernel:       v.kernel.Release,
		KernelConfig: v.kernel.ConfigHash,
		Netem:        truths.Fingerprint,
		QEMU:         v.qemu.Version,
		Software:     v.software.sum(),
		Machine:      string(t.Machine()),
		Template:     t.Hash(),
		Prepared:     prepared.Hash(),
		Key:          t.Key(),
	}
}
