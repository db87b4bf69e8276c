package board_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ruleout/ruleout/harness/report/board"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

var many = flag.Int("many", 100, "hypotheses of the campaign that is too large for one page")

var look = flag.String("look", "", "keep the pages in this directory, to look at them in a browser")

func source(t *testing.T, text string, runs int) *board.Source {
	t.Helper()
	p := casestest.Plan(t, text)
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Finish(t, p, an, runs)
	final := runs == math.MaxInt
	return &board.Source{
		Plan: p, Analysis: an, Findings: findings.Of(p, an, final), Final: final, Dir: "results/runs/sweep-shop-peaks",
		File: "shop-peaks.yaml", Tool: "v1",
		Kernels: map[string]string{"": "6.1.0"}, Run: func(arm int, seed uint64) string {
			return fmt.Sprintf("%04x%08x", arm, seed)
		},
	}
}

func keep(t *testing.T, name string, page []byte) {
	if *look != "" {
		path := filepath.Join(*look, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, page, 0o644))
	}
}

// Of numbers alone, no run can be made again: the page gives no command that would fail.
func TestKeptNumbers(t *testing.T) {
	s := source(t, casestest.Campaign, math.MaxInt)
	s.Kept = true
	var b bytes.Buffer
	require.NoError(t, board.Write(&b, s))
	require.NotContains(t, b.String(), "ruleout replay")
	require.NotContains(t, b.String(), "ruleout report")
	require.Contains(t, b.String(), "ruleout verdict results/runs/sweep-shop-peaks")
}

func TestPage(t *testing.T) {
	s := source(t, casestest.Campaign, math.MaxInt)
	var b bytes.Buffer
	require.NoError(t, board.Write(&b, s))
	keep(t, "shop.html", b.Bytes())
	page := b.String()
	for _, want := range []string{
		"<h1>shop-peaks</h1>", "&lt;b&gt;Not from markup&lt;/b&gt;", "the fault never acted", "acknowledgements",
		"ruleout replay --from results/runs/sweep-shop-peaks RUN", "controls seen 4 of 4", "confirmed was expected",
		"faults.acks.do = {duplicate: 5}", "workers 20, speed 250mips",
	} {
		require.True(t, strings.Contains(page, want), want)
	}
	for _, never := range []string{"<b>Not from markup", "ZgotmplZ", /* of html/template, for what it cannot make safe */
		"http://", "https://"} {
		require.False(t, strings.Contains(page, never), never)
	}

	rows := regexp.MustCompile(
		`<tr(?: class="notable")?><td class="n">\d+</td><td class="n">[^<]*</td><td class="n">[^<]*</td><td class="n">.*`).
		FindAllString(page, -1)
	var shown, want []string
	for _, row := range rows {
		shown = append(shown, strings.Join(regexp.MustCompile(`<code>\w+</code>`).FindAllString(row, -1), ""))
	}
	for i := range s.Plan.Cases {
		if c := &s.Plan.Cases[i]; !c.Placebo() {
			for _, p := range s.Analysis.Pairs(i) {
				row := fmt.Sprintf("<code>%04x%08x</code><code>%04x%08x</code>", c.Base, p.Seed, c.Treated, p.Seed)
				if p.Relieved != nil {
					row += fmt.Sprintf("<code>%04x%08x</code><code>%04x%08x</code>", c.BaseRelieved, p.Seed, c.TreatedRelieved, p.Seed)
				}
				want = append(want, row)
			}
		}
	}
	require.ElementsMatch(t, want, shown, "every pair has a row, with the runs that can be replayed")
}

// Every element is closed where it has to be: browsers mend what is not, each in its own way.
func TestPageIsWellFormed(t *testing.T) {
	for name, s := range map[string]*board.Source{
		"done": source(t, casestest.Campaign, math.MaxInt), "early": source(t, casestest.Campaign, 60),
		"nothing": source(t, casestest.Campaign, 0),
	} {
		var b bytes.Buffer
		require.NoError(t, board.Write(&b, s), name)
		keep(t, name+".html", b.Bytes())
		wellFormed(t, b.Bytes())
		require.False(t, regexp.MustCompile(`NaN|Inf`).Match(b.Bytes()), name)
	}
}

func wellFormed(t *testing.T, page []byte) {
	t.Helper()
	void := map[string]bool{"meta": true, "input": true, "br": true}
	var open []string
	ids := map[string]bool{}
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			require.Empty(t, open)
			return
		case html.StartTagToken:
			token := z.Token()
			for _, a := range token.Attr {
				if a.Key == "id" {
					require.False(t, ids[a.Val], "id %s is there twice", a.Val)
					ids[a.Val] = true
				}
			}
			if !void[token.Data] {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			require.NotEmpty(t, open)
			require.Equal(t, open[len(open)-1], string(name))
			open = open[:len(open)-1]
		}
	}
}

// A campaign of many hypotheses in six contexts is an index that a browser can open, and a page for each hypothesis.
// With -many 1000 this takes a minute.
func TestPages(t *testing.T) {
	hypotheses := *many
	s := source(t, casestest.Many(hypotheses), hypotheses*60)
	require.Greater(t, s.Pairs(), board.Most)
	files := map[string]int{}
	var index []byte
	require.NoError(t, board.Pages(s, func(name string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if files[name] = b.Len(); name == "index.html" {
			index = b.Bytes()
		}
		if len(files) < 5 || name == "index.html" {
			wellFormed(t, b.Bytes())
			keep(t, filepath.Join("many", name), b.Bytes())
		}
		most := 256 << 10
		if name == "index.html" {
			most = 100<<10 + 2500*hypotheses
		}
		require.Less(t, b.Len(), most, name)
		return nil
	}))
	require.Len(t, files, hypotheses+1)
	links := regexp.MustCompile(`href="(hypotheses/[^"]+)"`).FindAllSubmatch(index, -1)
	require.Len(t, links, hypotheses)
	for _, l := range links {
		require.Contains(t, files, string(l[1]))
	}
}
