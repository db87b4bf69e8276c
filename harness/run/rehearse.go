package run

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// rehearsal has one of everything, as small as it can be.
const rehearsal = `
version: 1
name: rehearsal
warmup: 0s
duration: 300ms
nodes:
  client: {}
  edge: {role: router}
  web: {sysctls: {net.ipv4.tcp_sack: 1}, service: {php: {workers: 2, database: db, request: {cpu: 100us, queries: 1, response: 8kB}}}}
  db: {service: {sql: {}}}
links:
  - {between: [client, edge], delay: 1ms, rate: 1gbit}
  - {between: [edge, web], delay: 1ms}
  - {between: [web, db]}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 40/s, late: 1s}}
faults:
  - {name: copies, link: [client, edge], from: edge, select: {chance: 20%}, do: {duplicate: 1}}
  - {name: loss, link: [client, edge], from: client, select: {chance: 5%}, do: drop}
`

// Rehearse makes a small run and forgets it. Done in a guest before it is
// frozen, it leaves the pages of the program, the kernel's caches and the heaps of both
// in the state in which every clone then finds them, instead of each making them anew.
func Rehearse() error {
	s, err := expect.Parse("rehearsal", []byte(rehearsal), nil)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	canonical, err := s.Canonical()
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	if _, err := Run(context.Background(), canonical, 1, nil); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	return nil
}
