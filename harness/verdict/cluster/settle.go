package cluster

import (
	"context"
	"time"
)

// Settle waits until what is being compared was compared: the last runs of each worker of which no other one made one,
// too. It gives up when there are no other workers, or after a while. The error is that of a comparison that failed.
func (c *Coordinator) Settle(ctx context.Context) error {
	if c.Repeats {
		return nil
	}
	deadline := time.Now().Add(patience * c.Silence)
	for asked := false; ; asked = true {
		c.mu.Lock()
		if !asked {
			for worker, e := range c.ledger.latest {
				if !c.ledger.sound[worker] && e.asked == "" && len(e.claims) == 1 {
					c.askAnother(e)
				}
			}
		}
		open, err := len(c.ledger.pending), c.ended
		c.mu.Unlock()
		if err != nil || open == 0 || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
