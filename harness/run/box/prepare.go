package box

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/agent"
)

// startAll starts what has no time of its own, and waits until all of it is ready.
func (b *box) startAll(ctx context.Context) error {
	for _, p := range b.programs {
		if p.At != nil || p.client {
			continue
		}
		err := b.suit(p)
		if err == nil {
			err = b.start(p)
		}
		if err == nil {
			err = b.await(ctx, p)
		}
		if err != nil {
			return about(p, err)
		}
	}
	return nil
}

// warmAll makes the requests of all warm-ups, when the programs of all nodes are ready.
func (b *box) warmAll() error {
	for _, p := range b.programs {
		if p.Warm == nil {
			continue
		}
		if err := warm(p.Warm, p.Port); err != nil {
			time.Sleep(10 * look) // it may just have begun, and have something to say
			return about(p, problem.Wrap(problem.Usage, fmt.Errorf("%w%s", err, p.out.last(5)), problem.HintOf(err)))
		}
	}
	return nil
}

// reside asks the programs for their status once, and makes the code of all resident, when no warm-up of any node
// brings in more.
func (b *box) reside() error {
	if err := b.openStatus(); err != nil {
		return err
	}
	b.settle()
	return makeResident()
}

// about names the program that an error is about.
func about(p *program, err error) error {
	return problem.Wrap(problem.KindOf(err), fmt.Errorf("program %s: %w", p.Name, err), problem.HintOf(err))
}

// await waits until a program is ready. One that is to end is ready when it has.
func (b *box) await(ctx context.Context, p *program) error {
	limit := time.Now().Add(p.Patience())
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		b.settle()
		if err := b.carryOutDue(); err != nil {
			return err
		}
		waits := p.MayExit && (p.Port > 0 || p.Ready != nil) // one that goes into the background
		if p.pid == 0 && !p.Restart && !waits {
			if p.ExpectExit != nil && p.outcome.Exit != *p.ExpectExit {
				return problem.Wrap(problem.Usage,
					fmt.Errorf("ended with status %d instead of %d%s", p.outcome.Exit, *p.ExpectExit, p.said127()), "")
			}
			if p.ExpectExit == nil && !p.MayExit {
				said := p.said127()
				hint := "a program that goes into the background has to stay in the foreground; one that may end has may-exit: true"
				if Explain(p.outcome.Signal, p.outcome.Exit, said) != "" {
					hint = "docs/reference/limits.md has what the emulated CPU can do"
				}
				return problem.Wrap(problem.Usage, fmt.Errorf("ended before it was ready: %s%s", p.how(), said), hint)
			}
			p.outcome.Ready = agent.Now()
			return nil
		}
		if b.isReady(p) {
			p.outcome.Ready = agent.Now()
			p.outcome.Restarts = 0 // it may have had to wait for another node
			return nil
		}
		if time.Now().After(limit) {
			return problem.Wrap(problem.Usage,
				fmt.Errorf("not ready after %v: %s%s", p.Patience(), b.waitsFor(p), p.out.last(8)),
				"ready.within gives it more time")
		}
		select {
		case <-again.C:
		case <-b.children: // the loop settles
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// how a program ended, in words.
func (p *program) how() string {
	switch {
	case p.outcome.OOM:
		return "the kernel ended it for lack of memory"
	case p.outcome.Signal != "":
		return p.outcome.Signal
	}
	return fmt.Sprintf("exit status %d", p.outcome.Exit)
}

// said127 is the end of its output, with what it means where the dynamic linker speaks.
func (p *program) said127() string {
	time.Sleep(look) // what it wrote last may still be on its way
	text := p.out.last(8)
	about := Explain(p.outcome.Signal, p.outcome.Exit, text)
	if about == "" && p.outcome.Exit == 127 && strings.Contains(text, "error while loading shared libraries") {
		about = "; a library is missing in the image"
	}
	return about + text
}
