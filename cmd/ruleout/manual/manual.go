// Package manual writes the manual pages of a command line: one for the command, and one for each of its commands.
//
// They come from the same model as --help and docs/reference/command, so they cannot say anything else. What the model
// does not have, exit statuses, files and variables of all commands, is in this package.
package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Page is a page of section 1.
type Page struct {
	// Name of its file, such as ruleout-kernel-list.1.
	Name string
	Text string
}

// Edition is what stands at the foot of each page.
type Edition struct {
	Command, Version string
	Date             string // 2026-11-25; may be empty
}

// Pages returns the page of a command, and one for each command of it that is not hidden, groups of commands
// included.
func Pages(app *kong.Node, e Edition) []Page {
	list := []Page{{Name: name(app) + ".1", Text: e.page(app)}}
	for _, c := range app.Children {
		if !c.Hidden {
			list = append(list, Pages(c, e)...)
		}
	}
	return list
}

// name of a command in the list of pages: ruleout-kernel-list.
func name(n *kong.Node) string { return strings.ReplaceAll(n.FullPath(), " ", "-") }

// page writes the page of a command.
func (e Edition) page(n *kong.Node) string {
	var p writer
	fmt.Fprintf(&p, ".TH %s 1 %q %q %q\n", escaped(strings.ToUpper(name(n))), e.Date, e.Command+" "+e.Version, e.Command)
	p.macro("ad", "l")
	title, description := n.Help, n.Detail
	if n.Parent == nil { // its help is what --help says of all
		title, description = tagline, n.Help+"\n\n"+n.Detail
	}
	p.macro("SH", "NAME")
	p.fill(fmt.Sprintf("%s - %s", name(n), strings.TrimSuffix(title, ".")))
	p.macro("SH", "SYNOPSIS")
	p.macro("B", n.FullPath())
	p.line(strings.TrimSpace(strings.TrimPrefix(n.Summary(), n.Path())))
	said := sections(description)
	p.macro("SH", "DESCRIPTION")
	if n.Parent != nil {
		said.description = title + "\n\n" + said.description
	}
	p.text(said.description)
	p.commands(n)
	p.arguments(n.Positional)
	p.flags(n.Flags)
	if said.exit != "" {
		p.macro("SH", "EXIT STATUS")
		p.text(said.exit)
	}
	if n.Parent == nil {
		p.raw(common)
	}
	if said.examples != "" {
		p.macro("SH", "EXAMPLES")
		p.text(said.examples)
	}
	p.see(n)
	return p.String()
}

// commands lists those of a group.
func (p *writer) commands(n *kong.Node) {
	var list []*kong.Node
	for _, c := range n.Children {
		if !c.Hidden {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	p.macro("SH", "COMMANDS")
	for _, c := range list {
		p.macro("TP")
		p.macro("BR", name(c), "(1)")
		p.fill(c.Help)
	}
}

func (p *writer) arguments(list []*kong.Positional) {
	if len(list) == 0 {
		return
	}
	p.macro("SH", "ARGUMENTS")
	for _, a := range list {
		p.macro("TP")
		p.macro("I", a.Summary())
		p.fill(a.Help)
	}
}

func (p *writer) flags(list []*kong.Flag) {
	title := "OPTIONS"
	for _, f := range list {
		if f.Hidden {
			continue
		}
		if title != "" {
			p.macro("SH", title)
			title = ""
		}
		p.macro("TP")
		short := ""
		if f.Short != 0 {
			short = fmt.Sprintf("-%c, ", f.Short)
		}
		long, value := short+"--"+f.Name, ""
		if !f.IsBool() && !f.IsCounter() {
			value = "=" + f.FormatPlaceHolder()
		}
		p.macro("BI", long, value)
		p.fill(f.Help)
	}
}

// see names the pages around a page.
func (p *writer) see(n *kong.Node) {
	p.macro("SH", "SEE ALSO")
	if n.Parent == nil {
		p.macro("BR", "qemu-system-x86_64", "(1),")
		p.macro("BR", "tc-netem", "(8)")
		return
	}
	for up := n.Parent; up != nil; up = up.Parent {
		end := "(1)"
		if up.Parent != nil {
			end += ","
		}
		p.macro("BR", name(up), end)
	}
}

// said is a help text by the sections of a page.
type said struct{ description, exit, examples string }

// sections takes a help text apart: what follows "Examples:", and the paragraph that begins with "Exit status:".
func sections(text string) (s said) {
	text, examples, _ := strings.Cut("\n\n"+text, "\n\nExamples:\n")
	s.examples = strings.Trim(examples, "\n")
	var rest []string
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if exit, found := strings.CutPrefix(paragraph, "Exit status: "); found {
			s.exit = exit
			continue
		}
		rest = append(rest, paragraph)
	}
	s.description = strings.Join(rest, "\n\n")
	return s
}
