package main

import (
	"errors"
	"strings"
	"testing"

	"gopherlens/resident"
)

// The status tells of every worker of the user, this session's first, and how to end one.
func TestPrintWorkers(t *testing.T) {
	notebook := resident.Worker{Dir: "/tmp/gonb_1/resident", PID: 7, State: resident.State{PID: 7, Bytes: 4_500_000_000, Compiled: 3, FromDisk: 9}}
	own := resident.Worker{Dir: "/run/x", PID: 8, Own: true, State: resident.State{PID: 8}}
	silent := resident.Worker{Dir: "/tmp/gonb_2/resident", PID: 9, Err: errors.New("does not answer since 10s")}
	for _, c := range []struct {
		name    string
		workers []resident.Worker
		want    []string
		lacks   string
	}{
		{"none", nil, []string{"no worker is running for this session\n"}, "process"},
		{"a notebook's", []resident.Worker{notebook}, []string{"no worker is running for this session\n", "4500.0 MB", "XLA compiled 3 so far, and 9 came from disk", `GOPHERLENS_RESIDENT_DIR="/tmp/gonb_1/resident" gopherlens resident stop`}, ""},
		{"both", []resident.Worker{own, notebook}, []string{"process    8", "another worker of yours", "process    7"}, "no worker"},
		{"a silent one", []resident.Worker{own, silent}, []string{"process    9: does not answer"}, "no worker"},
	} {
		var out strings.Builder
		printWorkers(&out, c.workers)
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: lacks %q:\n%s", c.name, want, &out)
			}
		}
		if c.lacks != "" && strings.Contains(out.String(), c.lacks) {
			t.Errorf("%s: holds %q:\n%s", c.name, c.lacks, &out)
		}
	}
}
