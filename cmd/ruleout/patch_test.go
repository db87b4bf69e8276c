//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ruleout/ruleout/harness/base/stamp"
	"github.com/ruleout/ruleout/harness/record/result"
)

// patch replaces a text by one of equal length in the memory of the machine that a run was a clone of, or puts it back:
//
//	patch original.json TCPLossProbes TCPLossProbez
func patch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: patch RECORD OLD NEW")
	}
	ram := filepath.Join(preparedFor(ts, args[0]), "ram")
	data, err := os.ReadFile(ram)
	ts.Check(err)
	f, err := os.OpenFile(ram, os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	found := 0
	for at := 0; ; found++ {
		i := bytes.Index(data[at:], []byte(args[1]))
		if i < 0 {
			break
		}
		_, err := f.WriteAt([]byte(args[2]), int64(at+i))
		ts.Check(err)
		at += i + 1
	}
	if found == 0 {
		ts.Fatalf("there is no %s in %s", args[1], ram)
	}
}

// preparedFor returns the directory of the machine that a run was a clone of.
func preparedFor(ts *testscript.TestScript, record string) string {
	r, err := result.Read(ts.MkAbs(record))
	ts.Check(err)
	all, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "ruleout", "templates", "*", "meta.json"))
	ts.Check(err)
	for _, name := range all {
		var m struct{ Hash string }
		text, err := os.ReadFile(name)
		if err == nil && json.Unmarshal(text, &m) == nil && m.Hash == r.Provenance.Prepared {
			return filepath.Dir(name)
		}
	}
	ts.Fatalf("no machine in the cache has the hash %s", r.Provenance.Prepared)
	return ""
}

// believe makes the cache say that the memory of that machine is what it was, as if a disk had changed it after
// the file system's back. Only files that were left alone for some time are believed, so it takes two seconds.
func believe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: believe RECORD")
	}
	r, err := result.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	dir := preparedFor(ts, args[0])
	ram, err := os.Open(filepath.Join(dir, "ram"))
	ts.Check(err)
	defer ram.Close()
	state, err := os.Open(filepath.Join(dir, "state"))
	ts.Check(err)
	defer state.Close()
	s, err := stamp.Of(state)
	ts.Check(err)
	kind, err := json.Marshal(s)
	ts.Check(err)
	cache := stamp.Open(filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "ruleout"))
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		asked := false
		_, err := cache.Value("machine "+string(kind), ram, func(*os.File) ([]byte, error) {
			asked = true
			return []byte(r.Provenance.Prepared), nil
		})
		ts.Check(err)
		if !asked {
			return
		}
	}
	ts.Fatalf("the cache believes nothing of %s", ram.Name())
}
