package box

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// identity is who a program runs as.
type identity struct {
	uid, gid uint32
	groups   []uint32
	home     string
	name     string
}

// identify finds a user of the form USER[:GROUP], names or numbers, in the files passwd and group of the image's /etc.
// Empty means root.
func identify(etc, text string) (id identity, err error) {
	id.home, id.name = "/root", "root"
	if text == "" {
		return id, nil
	}
	user, group, hasGroup := strings.Cut(text, ":")
	passwd := table(etc + "/passwd")
	i := slices.IndexFunc(passwd, func(f []string) bool { return len(f) >= 6 && (f[0] == user || f[2] == user) })
	switch {
	case i >= 0:
		uid, err1 := number(passwd[i][2])
		gid, err2 := number(passwd[i][3])
		if err1 != nil || err2 != nil {
			return id, fmt.Errorf("user %s: /etc/passwd of the image is damaged", user)
		}
		id = identity{uid: uid, gid: gid, home: passwd[i][5], name: passwd[i][0]}
	default:
		uid, err := number(user)
		if err != nil {
			var names []string
			for _, f := range passwd {
				names = append(names, f[0])
			}
			return id, fmt.Errorf("no user %s in /etc/passwd of the image, which has %s", user, strings.Join(names, ", "))
		}
		id = identity{uid: uid, gid: uid, home: "/", name: user}
	}
	groups := table(etc + "/group")
	if hasGroup {
		i := slices.IndexFunc(groups, func(f []string) bool { return len(f) >= 3 && (f[0] == group || f[2] == group) })
		text := group
		if i >= 0 {
			text = groups[i][2]
		}
		if id.gid, err = number(text); err != nil {
			return id, fmt.Errorf("no group %s in /etc/group of the image", group)
		}
		return id, nil
	}
	for _, f := range groups {
		if len(f) >= 4 && slices.Contains(strings.Split(f[3], ","), id.name) {
			if gid, err := number(f[2]); err == nil {
				id.groups = append(id.groups, gid)
			}
		}
	}
	return id, nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

// table reads a file of lines with fields between colons; one that is not there is empty.
func table(path string) (rows [][]string) {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			rows = append(rows, strings.Split(line, ":"))
		}
	}
	return rows
}
