package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const imaged = `version: 1
name: imaged
duration: 10s
images:
  site: {packages: [nginx]}
nodes:
  client: {image: site}
  bare:
  web:
    image: site
    service:
      exec:
        - {name: first, command: [a]}
        - {name: page, command: [a, b], port: 8080, ready: {line: ready}}
links:
  - between: [client, web]
  - between: [client, bare]
load:
  - {from: client, exec: {name: get, command: [curl]}}
  - {from: client, to: web, http: {rate: 1/s}}
  - {from: client, exec: {name: more, command: [curl], at: 1s, for: 2s, stop: TERM}}
`

func TestPrograms(t *testing.T) {
	s := parse(t, imaged)
	names := func(node string) (list []string) {
		programs, places := s.Programs(node)
		for i, p := range programs {
			list = append(list, p.Name+" "+places[i])
		}
		return list
	}
	require.Equal(t, []string{"first nodes.web.service.exec[0]", "page nodes.web.service.exec[1]"}, names("web"))
	require.Equal(t, []string{"get load[0].exec", "more load[2].exec"}, names("client"))
	require.Empty(t, names("bare"))
	require.Empty(t, names("nowhere"))
	require.True(t, s.HasPrograms())
	require.False(t, parse(t, small).HasPrograms())
	require.Equal(t, []string{"site"}, s.UsedImages())
	require.Equal(t, 8080, s.Load[1].HTTP.Port, "of the first program that has one")
	list, _ := s.Programs("web")
	require.Equal(t, []time.Duration{time.Minute, time.Minute}, []time.Duration{list[0].Patience(), list[1].Patience()})
}

// What is at its default is not in the canonical form, so that a new key changes no hash.
func TestCanonicalFormOfPrograms(t *testing.T) {
	s := parse(t, imaged)
	text, err := s.Canonical()
	require.NoError(t, err)
	require.Contains(t, string(text), `"exec":[{"command":["a"],"name":"first"},`+
		`{"command":["a","b"],"name":"page","port":8080,"ready":{"line":"ready","within":60000000000}}]`)
	require.Contains(t, string(text),
		`{"exec":{"at":1000000000,"command":["curl"],"for":2000000000,"name":"more"},"from":"client"}`)
	back, err := FromCanonical(text)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), back.Hash())
	for _, set := range []string{
		"nodes.web.service.exec[0].may-exit=true", "nodes.web.service.exec[0].stop=INT",
		"nodes.web.service.exec.first.user=www-data",
		"nodes.web.files={/a: b}", "images.site.packages=[nginx, php]", "load[0].exec.expect-exit=0",
	} {
		require.NotEqual(t, s.Hash(), parse(t, imaged, set).Hash(), set)
	}
	require.Equal(t, s.Hash(), parse(t, imaged, "load[2].exec.may-exit=false").Hash())
}

func TestHintsAboutPrograms(t *testing.T) {
	for set, want := range map[string]string{
		"nodes.web.image=sit":                  `did you mean "site"? there is: site`,
		"nodes.web.service.exec[1].ready={}":   "keys: port, path, line",
		"nodes.web.service.exec[1].user=a b":   "a name or a number, such as www-data, 33 or 33:33",
		"nodes.web.service.exec[1].name=first": "give one of them another name",
		"nodes.bare.service={exec: [{name: a, command: [a]}]}": "add the key image to the node, with the name of one of " +
			"the scenario's images",
		"load[0].exec.restart=true": "that is for programs that serve: put it into " +
			"nodes.NODE.service.exec",
		"images.site.packages=[/usr/bin/a]":    "such as nginx or php8.2-fpm; a lock says which version",
		"nodes.web.service.exec[0].comand=[a]": `did you mean "command"?`,
	} {
		_, err := Parse("x.yaml", []byte(imaged), []string{set})
		require.ErrorContains(t, err, want, set)
	}
	_, err := Parse("x.yaml", []byte(small), []string{"nodes.web.image=site"})
	require.ErrorContains(t, err, "the scenario has no images: add the key images")
}
