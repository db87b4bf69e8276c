package service

// Counters of a pool, by their place in its tally. Workers add to them, and the process that started the
// pool reads them.
const (
	phpAccepted = iota
	phpRequests
	phpServed
	phpFailed
	phpRefused
	phpTimeouts
	phpBroken
	phpIdleClosed
	phpAcceptErrors
	// Those from here on are about the pool's database.
	dbConnects
	dbReconnects
	dbQueries
	dbErrors
	phpCounters
)

// PHPCounters names the counters of a pool in the order of its tally: the metrics of [metric.Pool], and then those
// of [metric.Queries].
func PHPCounters() []string {
	return []string{
		"php.accepted", "php.requests", "php.served", "php.failed", "php.refused", "php.timeouts", "php.broken",
		"php.idle.closed", "php.accept_errors",
		"sql.connects", "sql.reconnects", "sql.queries", "sql.errors",
	}
}

// Counters of a database, by their place in its tally.
const (
	sqlAccepted = iota
	sqlAnswered
	sqlBroken
	sqlIdleClosed
	sqlCounters
)

// SQLCounters names the counters of a database in the order of its tally: the metrics of [metric.Database].
func SQLCounters() []string {
	return []string{"sql.accepted", "sql.answered", "sql.broken", "sql.idle.closed"}
}

func (p *pool) result() PHPResult {
	c := p.count
	return PHPResult{
		Accepted:           c[phpAccepted].Load(),
		Requests:           c[phpRequests].Load(),
		Served:             c[phpServed].Load(),
		Failed:             c[phpFailed].Load(),
		Refused:            c[phpRefused].Load(),
		Queries:            c[dbQueries].Load(),
		QueryErrors:        c[dbErrors].Load(),
		DatabaseConnects:   c[dbConnects].Load(),
		DatabaseReconnects: c[dbReconnects].Load(),
		Timeouts:           c[phpTimeouts].Load(),
		Broken:             c[phpBroken].Load(),
		IdleClosed:         c[phpIdleClosed].Load(),
		AcceptErrors:       c[phpAcceptErrors].Load(),
	}
}
