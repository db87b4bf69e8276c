package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/scenario"
)

// atOdds are programs that need CMPXCHG16B without saying so, or trying whether it is there.
var atOdds = []string{"haproxy"}

// check says, before any machine is booted, what the programs of a scenario lack as far as their images show it: the
// program itself, an interpreter, a library, a feature of the processor.
func (m *imageFinder) check(s *scenario.Scenario, set imageSet, q vm.QEMU) error {
	if len(set) == 0 {
		return nil
	}
	byName := make(map[string]*image.Image)
	for _, i := range set {
		byName[i.name] = i.Image
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, node := range slices.Sorted(maps.Keys(s.Nodes)) {
		if i := byName[s.Nodes[node].Image]; i != nil {
			if err := m.checkNode(s, node, i, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNode is check for one node. What was found good once is not looked at again.
func (m *imageFinder) checkNode(s *scenario.Scenario, node string, i *image.Image, q vm.QEMU) error {
	programs, places := s.Programs(node)
	if len(programs) == 0 {
		return nil
	}
	files := slices.Collect(maps.Keys(s.NodeFiles(node)))
	slices.Sort(files)
	raw, err := json.Marshal([]any{i.Hash, q.Version, programs, files})
	if err != nil {
		return err
	}
	if m.good[string(raw)] {
		return nil
	}
	look, err := m.looker(i)
	if err != nil {
		return err
	}
	made := false // an earlier program may have put something into the node
	for n, p := range programs {
		err := lacking(look, p, files, q)
		if l := (*levelError)(nil); err != nil && (!made || errors.As(err, &l)) {
			return &problem.Error{
				Kind: problem.KindOf(err), Hint: problem.HintOf(err), Place: places[n],
				Err: fmt.Errorf("node %s: program %s: %w", node, p.Name, err),
			}
		}
		made = made || strings.Contains(places[n], ".exec") && (p.ExpectExit != nil || p.MayExit)
	}
	if m.good == nil {
		m.good = make(map[string]bool)
	}
	m.good[string(raw)] = true
	return nil
}

// looker returns what looks at the programs of an image.
func (m *imageFinder) looker(i *image.Image) (*image.Looker, error) {
	if l := m.lookers[i.Hash]; l != nil {
		return l, nil
	}
	l, err := i.Looker()
	if err != nil {
		return nil, err
	}
	if m.lookers == nil {
		m.lookers = make(map[string]*image.Looker)
	}
	m.lookers[i.Hash] = l
	return l, nil
}

// levelError says that a program needs another processor.
type levelError struct{ text string }

func (e *levelError) Error() string { return e.text }

// lacking says what a program lacks. What is written into the node by the scenario, or has a name that is put
// together in the run, is not looked at.
func lacking(look *image.Looker, p *scenario.Program, files []string, q vm.QEMU) error {
	command := p.Command[0]
	if strings.Contains(command, "{") {
		return nil
	}
	if strings.Contains(command, "/") && !path.IsAbs(command) {
		return nil // it depends on the working directory
	}
	if slices.ContainsFunc(files, func(f string) bool {
		return f == command || !strings.Contains(command, "/") && path.Base(f) == command
	}) {
		return nil
	}
	var env []string
	for _, key := range slices.Sorted(maps.Keys(p.Env)) {
		env = append(env, key+"="+p.Env[key])
	}
	where, level, err := look.Look(command, env)
	if err != nil {
		return err
	}
	const newer = "take QEMU 8.0 or later (RULEOUT_QEMU=PATH)"
	has := fmt.Sprintf("the emulated CPU has x86-64-v%d", q.Level())
	if !q.CX16() {
		has = fmt.Sprintf("%v gets CMPXCHG16B wrong, so that the emulated CPU has x86-64-v2 without it", q)
	}
	switch {
	case level > 2:
		return needs(fmt.Sprintf("%s says that it needs x86-64-v%d, and %s", where, level, has),
			"take a build of it for x86-64-v2 or older: without -march=x86-64-v3, GOAMD64=v3 and the like")
	case level > q.Level():
		return needs(fmt.Sprintf("%s says that it needs x86-64-v%d, and %s", where, level, has),
			newer+", or a build of it for any x86-64")
	case !q.CX16() && slices.Contains(atOdds, path.Base(where)):
		return needs(fmt.Sprintf("%s uses CMPXCHG16B, and %s; it would die of SIGILL", where, has),
			newer+", or nginx as the balancer: nginx: {proxy: [\"NODE:PORT\"]}")
	}
	return nil
}

func needs(text, hint string) error { return problem.Wrap(problem.Usage, &levelError{text}, hint) }
