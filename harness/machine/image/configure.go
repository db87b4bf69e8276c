package image

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// configure follows the recipes of the packages.
func (b *build) configure() error {
	if err := b.accounts(system); err != nil {
		return err
	}
	if err := b.certificates(); err != nil { // a recipe links to the bundle
		return err
	}
	for _, r := range recipes {
		if !slices.ContainsFunc(b.packages, r.is) {
			continue
		}
		if err := b.accounts(r.users); err != nil {
			return err
		}
		for _, p := range r.places {
			if err := b.place(p, true); err != nil {
				return err
			}
		}
		for _, l := range r.links {
			if err := b.link(l); err != nil {
				return err
			}
		}
	}
	if err := b.php(); err != nil {
		return err
	}
	return b.java()
}

// is tells whether the recipe is of a package.
func (r *recipe) is(p Package) bool {
	return slices.ContainsFunc(r.packages, func(pattern string) bool {
		ok, err := path.Match(pattern, p.Name)
		return ok && err == nil
	})
}

// complete adds what each image has.
func (b *build) complete() error {
	for _, p := range standard {
		if err := b.place(p, false); err != nil {
			return err
		}
	}
	for _, l := range standardLinks {
		if b.tree.lstat(l.path) == nil {
			if err := b.tree.put(l.path, &node{kind: 'l', mode: 0o777, link: l.target, from: ownName}, false); err != nil {
				return err
			}
		}
	}
	// A layer that has one of the two files knows who there is.
	if b.tree.lstat("/etc/passwd") == nil && b.tree.lstat("/etc/group") == nil {
		if err := b.accounts(system); err != nil {
			return err
		}
	}
	for _, t := range texts {
		if b.tree.lstat(t.path) == nil {
			if err := b.text(t.path, t.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// text puts a small file at a path.
func (b *build) text(name, text string) error {
	c, err := b.spool.text(text)
	if err != nil {
		return err
	}
	return b.tree.put(name, &node{kind: 'f', mode: 0o644, data: c, from: ownName}, true)
}

// read returns a small file, or nothing if there is none.
func (b *build) read(name string) (string, error) {
	n := b.tree.get(name)
	if n == nil || n.kind != 'f' {
		return "", nil
	}
	return b.spool.read(n.data)
}

// place makes a directory. One that is there is given owner and mode only if that is wanted.
func (b *build) place(p place, change bool) error {
	there := b.tree.get(p.path)
	if there != nil && (there.kind != 'd' || !change) {
		return nil
	}
	if b.tree.lstat(p.path) != nil && there == nil {
		return nil // a link that leads nowhere yet
	}
	uid, _, err := b.ids(p.user)
	if err != nil {
		return err
	}
	gid, err := b.gid(p.group)
	if err != nil {
		return err
	}
	n := newDir(p.mode)
	n.uid, n.gid, n.from = uid, gid, ownName
	if there != nil {
		there.mode, there.uid, there.gid = n.mode, n.uid, n.gid
		return nil
	}
	return b.tree.put(p.path, n, true)
}

// link makes a symbolic link, if it leads to something and nothing is in its place.
func (b *build) link(l link) error {
	to := l.target
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(l.path), to)
	}
	if b.tree.lstat(l.path) != nil || b.tree.get(to) == nil {
		return nil
	}
	return b.tree.put(l.path, &node{kind: 'l', mode: 0o777, link: l.target, from: ownName}, true)
}

// lookUp finds a name in a file such as /etc/passwd and returns its fields.
func (b *build) lookUp(file, name string) ([]string, error) {
	text, err := b.read(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) > 3 && f[0] == name {
			return f, nil
		}
	}
	return nil, nil
}

// ids returns the numbers of a user and its group.
func (b *build) ids(user string) (uid, gid int, err error) {
	f, err := b.lookUp("/etc/passwd", user)
	if err != nil || f == nil {
		if user == "root" {
			return 0, 0, err
		}
		return 0, 0, fmt.Errorf("no user %s in the image: %w", user, err)
	}
	uid, err = strconv.Atoi(f[2])
	if err != nil {
		return 0, 0, fmt.Errorf("user %s: %w", user, err)
	}
	gid, err = strconv.Atoi(f[3])
	return uid, gid, err
}

func (b *build) gid(group string) (int, error) {
	f, err := b.lookUp("/etc/group", group)
	if err != nil || f == nil {
		return 0, err // root's
	}
	return strconv.Atoi(f[2])
}

// accounts adds users and groups to the files that say who they are. Those that are there keep their numbers. A number
// that another account has is replaced by the next that is free from 900 on.
func (b *build) accounts(list []account) error {
	passwd, err := b.read("/etc/passwd")
	if err != nil {
		return err
	}
	group, err := b.read("/etc/group")
	if err != nil {
		return err
	}
	before := passwd + group
	users, ids := fields(passwd)
	names, gids := fields(group)
	free := func(taken map[int]bool, id int) int {
		if taken[id] {
			for id = 900; taken[id]; id++ {
			}
		}
		taken[id] = true
		return id
	}
	addGroup := func(name string, gid int) {
		if _, ok := names[name]; !ok {
			names[name] = free(gids, gid)
			group += fmt.Sprintf("%s:x:%d:\n", name, names[name])
		}
	}
	for _, a := range list {
		of := a.name
		if a.group != "" {
			of = a.group
		}
		addGroup(of, a.gid)
		if _, ok := users[a.name]; ok {
			continue
		}
		shell := "/usr/sbin/nologin"
		if a.uid == 0 {
			shell = "/bin/sh"
		}
		users[a.name] = free(ids, a.uid)
		passwd += fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", a.name, users[a.name], names[of], a.name, a.home, shell)
	}
	if len(list) > 0 && list[0].uid == 0 {
		for _, g := range groups {
			addGroup(g.name, g.gid)
		}
	}
	if passwd+group == before {
		return nil
	}
	if err := b.text("/etc/passwd", passwd); err != nil {
		return err
	}
	return b.text("/etc/group", group)
}

// fields returns the numbers by name, and which are taken.
func fields(text string) (byName map[string]int, taken map[int]bool) {
	byName, taken = map[string]int{}, map[int]bool{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 3 {
			continue
		}
		if id, err := strconv.Atoi(f[2]); err == nil {
			byName[f[0]], taken[id] = id, true
		}
	}
	return byName, taken
}
