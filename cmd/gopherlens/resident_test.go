package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gopherlens/resident"
)

// The status tells of every worker of the user, this session's first, and how to end one.
func TestPrintWorkers(t *testing.T) {
	notebook := resident.Worker{Dir: "/tmp/gonb_1/resident", PID: 7, Memory: 5_000_000_000, Notebook: "/home/g/a.ipynb", State: resident.State{PID: 7, Bytes: 4_500_000_000, Compiled: 3, FromDisk: 9}}
	own := resident.Worker{Dir: "/run/x", PID: 8, Own: true, State: resident.State{PID: 8,
		Kept: []resident.Kept{{Key: "hooked text 12ab"}, {Key: "hooked text 34cd"}, {Key: "once x", Arrays: 1}}}}
	silent := resident.Worker{Dir: "/tmp/gonb_2/resident", PID: 9, Err: errors.New("does not answer since 10s")}
	for _, c := range []struct {
		name    string
		workers []resident.Worker
		want    []string
		lacks   string
	}{
		{"none", nil, []string{"no worker is running for this session\n"}, "process"},
		{"a notebook's", []resident.Worker{notebook}, []string{"no worker is running for this session\n", "4.5 GB", "XLA compiled 3 so far, and 9 came from disk", "gopherlens resident stop 7", "notebook   /home/g/a.ipynb", "takes 5.0 GB"}, ""},
		{"both", []resident.Worker{own, notebook}, []string{"process    8", "another worker of yours", "process    7", "once x: 1 arrays", "made of 2 texts"}, "no worker"},
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

// A list has a line for each worker, with its notebook.
func TestListWorkers(t *testing.T) {
	workers := []resident.Worker{
		{PID: 7, Memory: 5_000_000_000, Notebook: "/home/g/a.ipynb", State: resident.State{Bytes: 4_500_000_000, Uptime: time.Hour}},
		{PID: 8, Err: errors.New("does not answer since 10s")},
	}
	var out strings.Builder
	listWorkers(&out, workers)
	want := " process      memory      arrays          up  notebook\n" +
		"       7      5.0 GB      4.5 GB      1h0m0s  /home/g/a.ipynb\n" +
		"       8      0.0 MB           ?           ?  none: a program's or a terminal's\n" +
		"8: does not answer since 10s\n"
	if out.String() != want {
		t.Errorf("printed\n%s, want\n%s", &out, want)
	}
	out.Reset()
	listWorkers(&out, nil)
	if out.String() != "no worker of yours is running\n" {
		t.Errorf("printed %q", &out)
	}
}
