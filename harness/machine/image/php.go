package image

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// php does what the scripts of PHP's packages do: php.ini and conf.d for each way in which PHP runs, and the extensions
// switched on in all of them, as phpenmod does it (package php-common).
func (b *build) php() error {
	versions := b.names("/etc/php")
	for _, v := range versions {
		base := "/etc/php/" + v
		available := base + "/mods-available"
		for _, ini := range b.modules(v) {
			if b.tree.get(available+"/"+ini.name) != nil {
				continue
			}
			if err := b.copy(ini.path, available+"/"+ini.name); err != nil {
				return err
			}
		}
		for _, way := range b.ways(v) {
			template := "/usr/lib/php/" + v + "/php.ini-production"
			if way == "cli" {
				template += ".cli"
			}
			if b.tree.get(base+"/"+way+"/php.ini") == nil && b.tree.get(template) != nil {
				if err := b.copy(template, base+"/"+way+"/php.ini"); err != nil {
					return err
				}
			}
			for _, name := range b.names(available) {
				module, isINI := strings.CutSuffix(name, ".ini")
				if !isINI {
					continue
				}
				text, err := b.read(available + "/" + name)
				if err != nil {
					return err
				}
				l := link{fmt.Sprintf("%s/%s/conf.d/%s-%s.ini", base, way, priority(text), module), available + "/" + name}
				if err := b.link(l); err != nil {
					return err
				}
			}
		}
	}
	if len(versions) == 0 {
		return nil
	}
	newest := versions[len(versions)-1]
	for name, dir := range map[string]string{"php": "/usr/bin", "phar": "/usr/bin", "phar.phar": "/usr/bin",
		"phpize": "/usr/bin", "php-fpm": "/usr/sbin"} {
		target := name + newest
		if name == "phar.phar" {
			target = "phar.phar" + newest
		}
		for _, l := range alternative(dir, name, target) {
			if err := b.link(l); err != nil {
				return err
			}
		}
	}
	return b.place(place{"/run/php", "www-data", "www-data", 0o755}, true)
}

// ini is the configuration of an extension, as its package has it.
type ini struct{ name, path string }

// modules lists the extensions that the packages of a version bring, in /usr/share/phpVERSION-PACKAGE/GROUP.
func (b *build) modules(version string) []ini {
	var list []ini
	for _, pkg := range b.names("/usr/share") {
		if !strings.HasPrefix(pkg, "php"+version+"-") && !strings.HasPrefix(pkg, "php-") {
			continue
		}
		for _, group := range b.names("/usr/share/" + pkg) {
			dir := path.Join("/usr/share", pkg, group)
			for _, name := range b.names(dir) {
				if strings.HasSuffix(name, ".ini") {
					list = append(list, ini{name, dir + "/" + name})
				}
			}
		}
	}
	return list
}

// ways returns the ways in which a version of PHP runs here: cli, fpm, apache2 and others.
func (b *build) ways(version string) []string {
	list := b.names("/usr/lib/php/" + version + "/sapi")
	if len(list) == 0 {
		for _, w := range b.names("/etc/php/" + version) {
			if w != "mods-available" {
				list = append(list, w)
			}
		}
	}
	return list
}

// priority reads the line "; priority=20", which phpenmod sorts by.
func priority(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.ReplaceAll(strings.TrimSpace(line), " ", ""), ";priority="); ok &&
			len(value) <= 3 && value != "" && strings.Trim(value, "0123456789") == "" {
			return value
		}
	}
	return "20"
}

// names lists a directory, sorted. One that there is not has none.
func (b *build) names(dir string) []string {
	n := b.tree.get(dir)
	if n == nil || n.kind != 'd' {
		return nil
	}
	return slices.Sorted(maps.Keys(n.children))
}

// copy gives a file's contents another place.
func (b *build) copy(from, to string) error {
	n := b.tree.get(from)
	if n == nil || n.kind != 'f' {
		return nil
	}
	return b.tree.put(to, &node{kind: 'f', mode: 0o644, data: n.data, from: ownName}, true)
}

// java makes the link that packages of Java register as an alternative, of the last version by name.
func (b *build) java() error {
	versions := b.names("/usr/lib/jvm")
	for _, v := range slices.Backward(versions) {
		program := "/usr/lib/jvm/" + v + "/bin/java"
		if b.tree.get(program) == nil {
			continue
		}
		if err := b.link(link{"/etc/alternatives/java", program}); err != nil {
			return err
		}
		return b.link(link{"/usr/bin/java", "/etc/alternatives/java"})
	}
	return nil
}

// certificates makes the bundle of certificate authorities, as update-ca-certificates does (package ca-certificates).
func (b *build) certificates() error {
	const dir, bundle = "/usr/share/ca-certificates/mozilla", "/etc/ssl/certs/ca-certificates.crt"
	names := b.names(dir)
	if len(names) == 0 || b.tree.get(bundle) != nil {
		return nil
	}
	var all strings.Builder
	for _, name := range names {
		if !strings.HasSuffix(name, ".crt") {
			continue
		}
		text, err := b.read(dir + "/" + name)
		if err != nil {
			return err
		}
		all.WriteString(strings.TrimRight(text, "\n") + "\n")
		pem := strings.TrimSuffix(name, ".crt") + ".pem"
		if err := b.link(link{"/etc/ssl/certs/" + pem, dir + "/" + name}); err != nil {
			return err
		}
	}
	return b.text(bundle, all.String())
}
