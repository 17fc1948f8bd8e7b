//go:build linux

// Command dictionary compares a sparse dictionary's encoding and a step of its training with
// SAELens: the same TopK dictionary, the same batch, by turns, in processes of their own.
//
//	dictionary [-runs 3] [-repeats 5] [-batch 1024] [-out bench/DICTIONARY.md] PYTHON   # both sides
//	dictionary ours FOLDER REPEATS                                                      # ours alone
//
// PYTHON is one that has SAELens: build/golden/bin/python. `make bench` makes it and runs this.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopherlens/bench/sides"
)

const (
	dIn      = 576
	features = 8 * dIn
	k        = 32
)

func main() { sides.Main(run) }

// measurement is the line that either side writes: the least seconds on the wall, and of the
// processors.
type measurement struct {
	Encode, Step, Dead [2]float64
	Loss               float64 // of the first step, to see that both do the same
}

var names = [2]string{"SAELens 6.54.12", "Gopherlens"}

func run() error {
	if len(os.Args) == 4 && os.Args[1] == "ours" {
		repeats, err := strconv.Atoi(os.Args[3])
		if err != nil {
			return err
		}
		return ours(os.Args[2], repeats)
	}
	runs := flag.Int("runs", 3, "runs of each side")
	repeats := flag.Int("repeats", 5, "encodings and steps in a run")
	batch := flag.Int("batch", 1024, "activations of a batch")
	out := flag.String("out", "bench/DICTIONARY.md", "where the table goes")
	flag.Parse()
	if flag.NArg() != 1 {
		return fmt.Errorf("want the Python interpreter that has SAELens: build/golden/bin/python")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "dictionary")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	folder := filepath.Join(temp, "made")
	sizes := []string{strconv.Itoa(dIn), strconv.Itoa(features), strconv.Itoa(k), strconv.Itoa(*batch), strconv.Itoa(*repeats)}
	var found [2][]measurement
	for i := range *runs {
		for side, command := range [][]string{
			append([]string{flag.Arg(0), filepath.Join("bench", "dictionary", "peer.py"), folder}, sizes...),
			{self, "ours", folder, strconv.Itoa(*repeats)},
		} {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, *runs, names[side])
			m, err := measure(command)
			if err != nil {
				return fmt.Errorf("%s: %w", names[side], err)
			}
			found[side] = append(found[side], m)
		}
	}
	return os.WriteFile(*out, []byte(table(found, *runs, *repeats, *batch)), 0o644)
}

func measure(command []string) (m measurement, err error) {
	all, err := sides.Measure(command, func(m measurement) bool { return m.Loss > 0 })
	switch {
	case err != nil:
		return m, err
	case len(all) == 0:
		return m, fmt.Errorf("it has written no measurement")
	}
	return all[0], nil
}

func table(found [2][]measurement, runs, repeats, batch int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A sparse dictionary beside SAELens\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/dictionary` on %s: a TopK dictionary, d_in %d, %d features, k = %d, batches of %d,\n",
		time.Now().UTC().Format("2 January 2006, 15:04 UTC"), dIn, features, k, batch)
	fmt.Fprintf(&b, "%d runs of each side by turns, %d repeats in each. %d processors; load average when done: %s.\n\n", runs, repeats, runtime.NumCPU(),
		sides.Load())
	b.WriteString("| | encode, s | training step, s | with dead features, s | first loss |\n|---|---|---|---|---|\n")
	for side, all := range found {
		var encode, step, dead [][2]float64
		for _, m := range all {
			encode, step, dead = append(encode, m.Encode), append(step, m.Step), append(dead, m.Dead)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.2f |\n", names[side], told(encode), told(step), told(dead), all[0].Loss)
	}
	b.WriteString("\nFirst the time on the wall, then the processors', which other work on the machine disturbs less: each the least of all runs, and the\n" +
		"median of the runs' least. A step is forward pass, loss, gradients, clipping and Adam, as SAELens' trainer takes it.\n")
	return b.String()
}

func told(all [][2]float64) string {
	var parts []string
	for i := range 2 {
		var values []float64
		for _, v := range all {
			values = append(values, v[i])
		}
		slices.Sort(values)
		parts = append(parts, fmt.Sprintf("%.3f (%.3f)", values[0], values[len(values)/2]))
	}
	return strings.Join(parts, ", ")
}
