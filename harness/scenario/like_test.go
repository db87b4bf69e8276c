package scenario

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Each program can be named, each of its keys exists and has a value in its bounds, and the documentation has the
// table.
func TestHabits(t *testing.T) {
	doc, err := os.ReadFile("../../docs/architecture/traffic.md")
	require.NoError(t, err)
	for _, of := range []struct {
		what string
		like map[string][]Habit
		typ  reflect.Type
	}{{"load", Clients(), reflect.TypeFor[HTTPLoad]()}, {"php", Servers(), reflect.TypeFor[PHP]()}} {
		field := slices.IndexFunc(yamldoc.FieldsOf(of.typ), func(f yamldoc.Field) bool { return f.Name == "like" })
		require.Equal(t, slices.Sorted(maps.Keys(of.like)), yamldoc.FieldsOf(of.typ)[field].Enum)
		for name, habits := range of.like {
			for _, h := range habits {
				row := "| " + of.what + " | `" + name + "` | `" + h.Key + ": " + h.Value + "` | " + h.Source + " |\n"
				require.Contains(t, string(doc), row)
			}
			text := strings.Replace(small, "{rate: 40/s}", "{rate: 40/s, like: "+name+"}", 1)
			if of.what == "php" {
				text = strings.Replace(small, "{php: {}}", "{php: {like: "+name+"}}", 1)
			}
			s := parse(t, text)
			canonical, err := s.Canonical()
			require.NoError(t, err)
			again, err := FromCanonical(canonical)
			require.NoError(t, err)
			require.Equal(t, s.Hash(), again.Hash())
		}
	}
}

// A preset is short for its keys, and a key that is written stays.
func TestLike(t *testing.T) {
	with := func(keys string) *Scenario {
		return parse(t, strings.Replace(small, "{rate: 40/s}", "{rate: 40/s, "+keys+"}", 1))
	}
	require.Equal(t, with("like: aws-alb").Hash(), with("keepalive: true, idle: 60s, connect-timeout: 10s, "+
		"first-byte-timeout: 60s, timeout: 1h, retry: off").Hash())
	require.Equal(t, Duration(7e9), with("like: curl, idle: 7s").Load[0].HTTP.Idle)
	require.Equal(t, RetryOff, with("like: curl, retry: off").Load[0].HTTP.Retry)
	short := with("like: nginx, timeout: 20s").Load[0].HTTP
	require.Zero(t, short.ConnectTimeout, "it would never act")
	closing := with("like: nginx, keepalive: false").Load[0].HTTP
	require.Zero(t, int(closing.Idle)+closing.KeepaliveRequests)
	s, err := Parse("x.yaml", []byte(strings.Replace(small, "{rate: 40/s}", "{rate: 40/s, like: curl}", 1)),
		[]string{"load[0].http.idle=9s"})
	require.NoError(t, err)
	require.Equal(t, Duration(9e9), s.Load[0].HTTP.Idle)

	s = parse(t, strings.Replace(small, "{php: {}}", "{php: {like: nginx, timeouts: {read: 9s}}}", 1))
	php := s.Nodes["web"].Service.PHP
	require.Equal(t, PHPTimeouts{Idle: 75e9, Read: 9e9, Write: 60e9, Query: 30e9}, php.Timeouts)
	require.Equal(t, 1000, php.KeepaliveRequests)
}
