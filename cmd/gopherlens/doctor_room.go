package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/setup"
	"gopherlens/internal/sysmem"
)

// A place is a folder that notebooks write to, with the room that they need there.
type place struct {
	name  string
	find  func(*setup.Setup) (string, error)
	needs int64 // bytes
	why   string
}

// places are the folders whose disk the doctor looks at.
var places = []place{
	{"the checkout", func(s *setup.Setup) (string, error) { return s.Repo.Root, nil }, 1e9, ".venv and bin/ take 0.7 GB"},
	{"the cache", func(*setup.Setup) (string, error) { return cachedir.Root() }, 2e9, "a model and what is processed of it take some GB; GOPHERLENS_CACHE moves it"},
	{"temporary files", func(*setup.Setup) (string, error) { return os.TempDir(), nil }, 5e8, "cells are built there; TMPDIR moves them"},
}

// checkDisk tells what is free where notebooks write. It is a warning: nobody knows what is
// planned.
func checkDisk(_ context.Context, s *setup.Setup) []finding {
	var findings []finding
	for _, p := range places {
		f := finding{Name: "disk, " + p.name}
		folder, err := p.find(s)
		var free int64
		if err == nil {
			free, err = freeBytes(folder)
		}
		switch {
		case err != nil:
			f.Detail, f.Mend = err.Error(), "make the folder one that can be written to"
		case free < p.needs:
			f.Detail, f.Mend = fmt.Sprintf("%s free in %s", size(free), folder), "make room: "+p.why
		default:
			f.Detail = fmt.Sprintf("%s free in %s", size(free), folder)
		}
		findings = append(findings, f)
	}
	return findings
}

// freeBytes is the room for this user on the disk of a folder, which may have to be made yet.
func freeBytes(folder string) (int64, error) {
	var disk unix.Statfs_t
	for {
		err := unix.Statfs(folder, &disk)
		if err == nil {
			return int64(disk.Bavail) * int64(disk.Bsize), nil
		}
		parent := filepath.Dir(folder)
		if parent == folder || err != unix.ENOENT {
			return 0, fmt.Errorf("%s: %w", folder, err)
		}
		folder = parent
	}
}

// littleMemory is too little for the default model, its programs and JupyterLab.
const littleMemory = 2_000_000_000

// checkMemory tells what memory there is and how much of it is free.
func checkMemory(context.Context, *setup.Setup) []finding {
	total, free := sysmem.Total(), sysmem.Available()
	if total == 0 {
		return nil // not known on this system
	}
	f := finding{Name: "memory", Detail: fmt.Sprintf("%s, of which %s can be had", size(total), size(max(0, free)))}
	if free < littleMemory {
		f.Mend = "gopherlens resident list tells which notebooks hold some, and stop ends one"
	}
	return []finding{f}
}
