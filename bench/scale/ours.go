//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"gopherlens/bench/passes"
	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/sysmem"
	_ "gopherlens/xla"
)

// ours measures a curve of this project's side and writes its points to standard output.
func ours(name, model, prompts string) error {
	wanted, err := curvesOf(name)
	if err != nil {
		return err
	}
	if name == "models" {
		return oursModels()
	}
	m, err := hooked.FromPretrained(model, hooked.DefaultProcessing)
	if err != nil {
		return err
	}
	for _, c := range wanted {
		for _, at := range c.points {
			n, _ := strconv.Atoi(at)
			p, err := oursAt[name](m, n, prompts)
			if err != nil {
				return fmt.Errorf("%s %s: %w", name, at, err)
			}
			p.Curve, p.At, p.Part = name, at, 1
			if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
				return err
			}
			if name == "copies" {
				break // main starts as many processes as the point says
			}
		}
	}
	return nil
}

// oursAt are the curves whose points are numbers.
var oursAt = map[string]func(m *hooked.Model, n int, prompts string) (point, error){
	"tokens": func(m *hooked.Model, n int, _ string) (point, error) { return pass(m, 1, n) },
	"batch":  func(m *hooked.Model, n int, _ string) (point, error) { return pass(m, n, 16) },
	"sweep":  sweep,
	"copies": func(m *hooked.Model, _ int, _ string) (point, error) { return loop(m) },
}

// pass is a forward pass.
func pass(m *hooked.Model, batch, pos int) (point, error) {
	tokens := passes.Prompts(batch, pos)
	p, err := measured(func() error { return passes.Done(m.Run(tokens)) })
	p.GFLOP = flops(m.Config(), batch, pos)
	return p, err
}

func oursModels() error {
	for _, s := range shapes {
		m, err := hooked.New(s.c)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, size := range [][2]int{{8, 16}, {1, 512}} {
			p, err := pass(m, size[0], size[1])
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			p.Curve, p.At, p.Part = "models", title(s.name, size[0], size[1]), 1
			if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
				return err
			}
		}
		runtime.GC() // so that the next one does not count its weights
	}
	return nil
}

// sweep patches n prompts: those of the seed, again and again with other first tokens, so that no
// two pairs are the same.
func sweep(m *hooked.Model, n int, prompts string) (point, error) {
	raw, err := os.ReadFile(prompts)
	if err != nil {
		return point{}, err
	}
	var d struct{ Tokens, Answers hooked.Tokens }
	if err := json.Unmarshal(raw, &d); err != nil {
		return point{}, err
	}
	var clean, corrupted, answers hooked.Tokens
	for i := range n {
		row, other := slices.Clone(d.Tokens[i%8]), slices.Clone(d.Tokens[(i%8)^1])
		row[0], other[0] = row[0]+i/8, other[0]+i/8
		clean, corrupted, answers = append(clean, row), append(corrupted, other), append(answers, d.Answers[i%8])
	}
	start := time.Now()
	resetPeak()
	s := patching.Sweep{Kind: patching.ResidPre, Base: corrupted, Source: patching.FromTokens(clean), Metric: hooked.LogitDiff(answers)}
	if _, err := s.Run(m); err != nil {
		return point{}, err
	}
	return point{Seconds: time.Since(start).Seconds(), Bytes: peak()}, nil
}

// loop runs for a while, for others to run beside it.
func loop(m *hooked.Model) (point, error) {
	tokens := passes.Prompts(8, 16)
	if err := passes.Done(m.Run(tokens)); err != nil {
		return point{}, err
	}
	var seconds []float64
	for start := time.Now(); time.Since(start) < loopTime; {
		begun := time.Now()
		if err := passes.Done(m.Run(tokens)); err != nil {
			return point{}, err
		}
		seconds = append(seconds, time.Since(begun).Seconds())
	}
	slices.Sort(seconds)
	return point{Seconds: seconds[len(seconds)/2], Bytes: peak()}, nil
}

// loopTime is longer than the processes' starts lie apart.
const loopTime = 20 * time.Second

// measured is the median of three runs after one that compiles; of what takes long, of one.
func measured(run func() error) (point, error) {
	resetPeak()
	if err := run(); err != nil {
		return point{}, err
	}
	var seconds []float64
	for len(seconds) < 3 && (len(seconds) == 0 || seconds[0] < 10) {
		start := time.Now()
		if err := run(); err != nil {
			return point{}, err
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	slices.Sort(seconds)
	return point{Seconds: seconds[len(seconds)/2], Bytes: peak()}, nil
}

// resetPeak has the kernel count the process's peak anew.
func resetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak is the most memory that the process has had since, in bytes.
func peak() int64 {
	n, _ := sysmem.Status("VmHWM")
	return n
}
