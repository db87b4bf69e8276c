package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// source is one entry of apt's sources, see sources.list(5): a line, or a paragraph
// of the deb822 format. Only what offers packages for installation is kept.
type source struct {
	place      string // file:line
	uris       []string
	suites     []string
	components []string
	options    []string // all others, as fields of the deb822 format: signatures, above all
}

// suiteName is what a suite may be called: it becomes a part of a file that apt reads.
var suiteName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*$`)

// render returns the source for packages of another suite of the same archive, in the
// deb822 format. Whom to trust is as the machine has it.
func (s *source) render(suite string) string {
	components := s.components
	if slices.Contains(components, "main") {
		components = []string{"main"} // kernels are nowhere else
	}
	fields := append([]string{
		"Types: deb", "URIs: " + strings.Join(s.uris, " "), "Suites: " + suite,
		"Components: " + strings.Join(components, " "),
		"Architectures: amd64", "Targets: Packages",
	}, s.options...)
	return strings.Join(fields, "\n") + "\n"
}

// rendered are the fields that render writes itself, and what changes them.
var rendered = map[string]bool{
	"types": true, "uris": true, "suites": true, "components": true, "enabled": true,
	"arch": true, "architectures": true, "architectures-add": true, "architectures-remove": true,
	"target": true, "targets": true, "targets-add": true, "targets-remove": true,
	"lang": true, "languages": true, "languages-add": true, "languages-remove": true, "pdiffs": true,
}

// parseLines reads the one-line format.
func parseLines(file, text string) (list []source) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || strings.TrimLeft(rest, " \t[") == rest { // a comment, or deb-src
			continue
		}
		s := source{place: fmt.Sprintf("%s:%d", file, number)}
		rest = strings.TrimSpace(rest)
		if inside, ok := strings.CutPrefix(rest, "["); ok {
			if inside, rest, ok = strings.Cut(inside, "]"); !ok {
				continue // apt will complain
			}
			for _, option := range strings.Fields(inside) {
				name, value, _ := strings.Cut(option, "=")
				if name = strings.TrimRight(name, "+-"); !rendered[strings.ToLower(name)] {
					s.options = append(s.options, name+": "+value)
				}
			}
		}
		if words := strings.Fields(rest); len(words) >= 3 {
			s.uris, s.suites, s.components = words[:1], words[1:2], words[2:]
			list = append(list, s)
		}
	}
	return list
}

// parseParagraphs reads the deb822 format.
func parseParagraphs(file, text string) (list []source) {
	var (
		s       source
		values  map[string][]string
		current string // field that is being read, lower case
	)
	end := func() {
		if slices.Contains(values["types"], "deb") && !slices.ContainsFunc(values["enabled"], saysNo) {
			s.uris, s.suites, s.components = values["uris"], values["suites"], values["components"]
			if len(s.uris) > 0 && len(s.suites) > 0 && len(s.components) > 0 {
				list = append(list, s)
			}
		}
		s, values, current = source{}, nil, ""
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
			end()
			continue
		case line[0] == '#':
			continue
		}
		if values == nil {
			values, s.place = map[string][]string{}, fmt.Sprintf("%s:%d", file, number)
		}
		value := line
		if line[0] != ' ' && line[0] != '\t' {
			name, rest, _ := strings.Cut(line, ":")
			current, value = strings.ToLower(strings.TrimSpace(name)), rest
		}
		values[current] = append(values[current], strings.Fields(value)...)
		if !rendered[current] {
			s.options = append(s.options, line)
		}
	}
	end()
	return list
}

// saysNo is apt's StringToBool, as far as it means no.
func saysNo(s string) bool {
	return slices.Contains([]string{"no", "false", "without", "off", "disable", "0"}, strings.ToLower(s))
}

// sourceFile is which files of a directory of sources apt reads.
var sourceFile = regexp.MustCompile(`^[a-zA-Z0-9_.-]+\.(list|sources)$`)

// sources returns the machine's sources in apt's order.
func (a *lists) sources(ctx context.Context) ([]source, error) {
	cmd := exec.CommandContext(ctx, "apt-config", "shell", "F", "Dir::Etc::sourcelist/f", "D", "Dir::Etc::sourceparts/d")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-config: %w", err)
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), "=")
		if path = strings.Trim(path, "'"); name == "F" {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) { // /dev/null means none
			return nil, fmt.Errorf("read apt's sources: %w", err)
		}
		for _, e := range entries { // sorted
			if sourceFile.MatchString(e.Name()) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	var list []source
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EISDIR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read apt's sources: %w", err)
		}
		parse := parseLines
		if filepath.Ext(file) == ".sources" {
			parse = parseParagraphs
		}
		list = append(list, parse(file, string(text))...)
	}
	return list, nil
}

// classes are suites that Debian names by their state.
var classes = []string{"oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"}

// splitSuite takes what distributions append to a release's name off: bookworm-security,
// and buster/updates as it once was.
func splitSuite(suite string) (release, suffix string) {
	if i := strings.IndexAny(suite, "-/"); i >= 0 {
		return suite[:i], suite[i+1:]
	}
	return suite, ""
}

// siblings returns those of the sources that may have another suite of the distribution, the likeliest first: one that
// has the security updates of this release has those of others. A source without any of this release's code names is
// another vendor's.
func siblings(list []source, suite string, codenames []string) []source {
	_, wanted := splitSuite(suite)
	var same, plain []source
	for _, s := range list {
		if strings.HasPrefix(s.uris[0], "cdrom:") ||
			slices.ContainsFunc(s.suites, func(s string) bool { return strings.HasSuffix(s, "/") }) {
			continue
		}
		var suffixes []string
		for _, of := range s.suites {
			if release, suffix := splitSuite(of); slices.Contains(codenames, release) || slices.Contains(classes, release) {
				suffixes = append(suffixes, suffix)
			}
		}
		switch {
		case slices.Contains(suffixes, wanted):
			same = append(same, s)
		case slices.Contains(suffixes, ""):
			plain = append(plain, s)
		}
	}
	return append(same, plain...)
}

// codenames returns what os-release(5) says that this release is called, and those that it is
// derived from.
func codenames() []string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return nil // the sources may still go by class
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if strings.HasSuffix(key, "_CODENAME") {
			names = append(names, strings.Trim(value, `"'`))
		}
	}
	return names
}
