package page

import (
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// drawn are the figures of programs' status that are worth a chart, with its title.
var drawn = map[string]string{
	"fpm.active": "Busy workers of PHP-FPM", "fpm.queue": "Queue of PHP-FPM", "nginx.active": "Connections of nginx",
	"nginx.requests": "Requests of nginx", "mariadb.running": "Statements in MariaDB",
	"mariadb.connected": "Connections of MariaDB", "mariadb.questions": "Statements to MariaDB",
	"mariadb.lock_waits": "Waits for locks in MariaDB", "redis.commands": "Commands of redis",
	"redis.memory": "Memory of redis", "haproxy.queue": "Queue of HAProxy", "haproxy.sessions": "Connections of HAProxy",
	"haproxy.retries": "Retries of HAProxy",
}

// status draws what programs said of themselves. Gaps are where they did not answer.
func (d *drawing) status(s *scenario.Scenario) {
	for _, f := range metric.Figures() {
		title, ok := drawn[f.Name]
		if !ok {
			continue
		}
		about, format := f.About, counts
		if !f.Level {
			about += ", a second"
		}
		if f.Unit == metric.Bytes {
			format = quantity.Bytes
		}
		d.nodes(s, f.Name, title, about, !f.Level, format, 0)
	}
}

// missed says of which programs the status was not read, or not all the time.
func missed(r *result.Record) (list []string) {
	for i := range r.Programs {
		if text := report.StatusGaps(&r.Programs[i]); text != "" {
			list = append(list, text)
		}
	}
	return list
}
