package service

import "sync/atomic"

// counters of one worker. Only the worker writes; they are atomic because the process
// reads them while workers are at it.
type counters struct {
	accepted, requests, served, failed, refused atomic.Int64
	queries, queryErrors, connects              atomic.Int64
	timeouts, broken, acceptErrors              atomic.Int64
}

func (c *counters) read() PHPResult {
	return PHPResult{
		Accepted:         c.accepted.Load(),
		Requests:         c.requests.Load(),
		Served:           c.served.Load(),
		Failed:           c.failed.Load(),
		Refused:          c.refused.Load(),
		Queries:          c.queries.Load(),
		QueryErrors:      c.queryErrors.Load(),
		DatabaseConnects: c.connects.Load(),
		Timeouts:         c.timeouts.Load(),
		Broken:           c.broken.Load(),
		AcceptErrors:     c.acceptErrors.Load(),
	}
}
