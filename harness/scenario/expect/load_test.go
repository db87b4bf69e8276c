package expect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

func TestMetricsOfLoads(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`version: 1
name: x
duration: 10s
nodes:
  client:
  web: {service: {php: {}}}
  sink: {service: {udp: {}}}
links:
  - between: [client, web]
  - between: [client, sink]
load:
  - {from: client, to: sink, name: voice, udp: {rate: 1/s}}
  - {from: client, to: web, name: shop, http: {rate: 1/s}}
`), nil)
	require.NoError(t, err)
	for _, good := range []string{"udp.loss < 1%", "load.voice.udp.loss < 1%", "load.voice.udp.goodput > 1kbit",
		"load.shop.http.errors == 0", "http.errors == 0", "sink.udp.received > 1", "udp.back.delay.p99 < 3ms"} {
		_, err := expect.Compile(good, s)
		require.NoError(t, err, good)
	}
	for bad, msg := range map[string]string{
		"load.video.udp.loss < 1%":    `no load "video"`,
		"load.voice.http.errors == 0": `load voice has no "http.errors"`,
		"load.shop.udp.loss == 0":     `load shop has no "udp.loss"`,
		"load.voice.udp.gone == 0":    `unknown metric "load.voice.udp.gone"`,
		"web.udp.received > 1":        "web has no udp service, and so no udp.received",
		"udp.gone > 1":                `unknown metric "udp.gone"`,
	} {
		_, err := expect.Compile(bad, s)
		require.ErrorContains(t, err, msg, bad)
	}
	_, err = expect.Compile("dns.failed == 0", s)
	require.ErrorContains(t, err, "no load looks a name up, and so there is no dns.failed")
	s.Load[1].HTTP.Host = "shop.example"
	for _, good := range []string{"dns.failed == 0", "load.shop.dns.latency.p99 < 5s", "load.shop.http.latency.p99 < 5s"} {
		_, err := expect.Compile(good, s)
		require.NoError(t, err, good)
	}
	_, err = expect.Compile("load.voice.dns.failed == 0", s)
	require.ErrorContains(t, err, `load voice has no "dns.failed"`)
	_, err = expect.Compile("web.dns.queries == 0", s)
	require.ErrorContains(t, err, "web has no dns service, and so no dns.queries")
	s.Load = s.Load[:1]
	_, err = expect.Compile("http.errors == 0", s)
	require.NoError(t, err)
	s.Load = nil
	_, err = expect.Compile("udp.loss < 1%", s)
	require.ErrorContains(t, err, "no load is udp, and so there is no udp.loss")
}
