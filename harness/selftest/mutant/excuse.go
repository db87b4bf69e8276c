package mutant

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed survivors.txt
var survivors string

// Excuses are the survivors that do not matter, by their keys, with the reason.
type Excuses map[string]string

// Listed returns those of survivors.txt.
func Listed() (Excuses, error) { return ParseExcuses(survivors) }

// ParseExcuses reads a list: the key of a mutant on a line, and below it, with a blank before them, lines that say why
// it does not matter.
func ParseExcuses(text string) (Excuses, error) {
	list := Excuses{}
	key := ""
	for i, line := range strings.Split(text, "\n") {
		reason := strings.TrimSpace(line)
		switch {
		case reason == "" || line[0] == '#':
		case line[0] != ' ' && line[0] != '\t':
			if key != "" && list[key] == "" {
				return nil, fmt.Errorf("survivors.txt:%d: no reason for %s", i+1, key)
			}
			key = reason
			if _, twice := list[key]; twice {
				return nil, fmt.Errorf("survivors.txt:%d: %s is there twice", i+1, key)
			}
			list[key] = ""
		case key == "":
			return nil, fmt.Errorf("survivors.txt:%d: a reason without a mutant", i+1)
		default:
			list[key] = strings.TrimSpace(list[key] + " " + reason)
		}
	}
	if key != "" && list[key] == "" {
		return nil, fmt.Errorf("survivors.txt: no reason for %s", key)
	}
	return list, nil
}
