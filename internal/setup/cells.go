package setup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// firstPackages are what nearly every notebook's first cell imports.
var firstPackages = []string{"gopherlens/hooked", "gopherlens/plots"}

func (s *Setup) cellsStamp() string { return filepath.Join(s.Repo.Bin(), "cells.sha256") }

func whereCells(s *Setup) (string, error) { return s.cellsStamp(), nil }

// cellsSum stands for what decides how the packages are compiled, but for this module's own source:
// who changes that waits for the compiler in the next cell.
func (s *Setup) cellsSum(ctx context.Context) (string, error) {
	g, err := findGo(ctx)
	if err != nil {
		return "", err
	}
	sum, err := s.toolsSum()
	return strings.Join([]string{sum, g.Root, kernelGoFlags(g.Flags)}, " "), err
}

func cellsDone(ctx context.Context, s *Setup) (bool, error) {
	want, err := s.cellsSum(ctx)
	return err == nil && hasStamp(s.cellsStamp(), want), err
}

// compileCells builds a cell, as the kernel does, so that the reader's first one need not wait
// until all packages are compiled: for cells that is done without tables for debuggers.
func compileCells(ctx context.Context, s *Setup) error {
	g, err := findGo(ctx)
	if err != nil {
		return err
	}
	env, err := s.kernelEnv(g)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gopherlens-cell-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	version, err := s.Repo.GoVersion()
	if err != nil {
		return err
	}
	version = strings.TrimPrefix(version, "go")
	for name, text := range map[string]string{
		"main.go": "package main\n\nimport (\n\t_ \"" + strings.Join(firstPackages, "\"\n\t_ \"") + "\"\n)\n\nfunc main() {}\n",
		"go.mod":  "module gonb_first\n\ngo " + version + "\n",
		"go.work": "go " + version + "\n\nuse (\n\t.\n\t\"" + s.Repo.Root + "\"\n)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	build := command{dir: dir, args: []string{filepath.Join(s.Repo.shims(), "go"), "build", "-o", filepath.Join(dir, "cell")}}
	for name, value := range env {
		if name != "PATH" {
			build.env = append(build.env, name+"="+value)
		}
	}
	build.env = append(build.env, "GONB_TMP_DIR="+dir)
	if _, err := build.run(ctx); err != nil {
		return err
	}
	sum, err := s.cellsSum(ctx)
	if err != nil {
		return err
	}
	return writeStamp(s.cellsStamp(), sum)
}
