//go:build linux

// Command harvest compares a harvest of activations with the bare forward to the same layer, and
// with SAELens' ActivationsStore: the same rows through the same model, by turns, in processes of
// their own.
//
//	harvest [-runs 3] [-tokens 32768] [-out bench/HARVEST.md] PYTHON   # both sides
//	harvest ours MODEL.gguf LAYER CONTEXT TOKENS                        # ours alone
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

const layer, length = 12, 128

func main() { sides.Main(run) }

func run() error {
	if len(os.Args) == 6 && os.Args[1] == "ours" {
		return ours(os.Args[2], os.Args[3:])
	}
	runs := flag.Int("runs", 3, "runs of each side")
	tokens := flag.Int("tokens", 32768, "tokens of a run")
	out := flag.String("out", "bench/HARVEST.md", "where the table goes")
	flag.Parse()
	if flag.NArg() != 1 {
		return fmt.Errorf("want the Python interpreter that has SAELens: build/golden/bin/python")
	}
	model, err := sides.Model()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	what := []string{model, strconv.Itoa(layer), strconv.Itoa(length), strconv.Itoa(*tokens)}
	var found [2][]measurement
	for i := range *runs {
		for side, command := range [][]string{
			append([]string{flag.Arg(0), filepath.Join("bench", "harvest", "peer.py")}, what...),
			append([]string{self, "ours"}, what...),
		} {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, *runs, names[side])
			all, err := sides.Measure(command, func(m measurement) bool { return m.Batch > 0 })
			if err != nil {
				return fmt.Errorf("%s: %w", names[side], err)
			}
			found[side] = append(found[side], all...)
		}
	}
	return os.WriteFile(*out, []byte(table(found, *runs, *tokens)), 0o644)
}

var names = [2]string{"SAELens 6.54.12", "Gopherlens"}

// measurement is a line of either side's output, with batches of so many rows.
type measurement struct {
	Batch               int
	Bare, Harvest       float64 // tokens a second
	BareCPU, HarvestCPU float64 // microseconds of processor time for a token: what a busy machine leaves alone
	Norm                float64 // of the first row's activations, to see that both do the same
}

func table(found [2][]measurement, runs, tokens int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A harvest beside the bare forward, and beside SAELens' ActivationsStore\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/harvest` on %s: SmolLM2-135M-Instruct, resid_post of layer %d, rows of %d tokens, %d tokens a run,\n",
		time.Now().UTC().Format("2 January 2006, 15:04 UTC"), layer, length, tokens)
	fmt.Fprintf(&b, "%d runs of each side by turns. %d processors; load average when done: %s.\n\n", runs, runtime.NumCPU(), sides.Load())
	b.WriteString("| | rows of a batch | bare forward, tokens/s | harvest, tokens/s | harvest / bare, least, median, most | processor time for a token, bare and harvest, µs | mean norm |\n|---|---|---|---|---|---|---|\n")
	for side, all := range found {
		var batches []int
		for _, m := range all {
			if !slices.Contains(batches, m.Batch) {
				batches = append(batches, m.Batch)
			}
		}
		for _, batch := range batches {
			var bare, harvest, ratio, bareCPU, harvestCPU []float64
			norm := 0.0
			for _, m := range all {
				if m.Batch == batch {
					bare, harvest, ratio = append(bare, m.Bare), append(harvest, m.Harvest), append(ratio, m.Harvest/m.Bare)
					bareCPU, harvestCPU, norm = append(bareCPU, m.BareCPU), append(harvestCPU, m.HarvestCPU), m.Norm
				}
			}
			slices.Sort(ratio)
			fmt.Fprintf(&b, "| %s | %d | %.0f | %.0f | %.3f, %.3f, %.3f | %.0f, %.0f | %.5f |\n", names[side], batch, median(bare), median(harvest),
				ratio[0], median(ratio), ratio[len(ratio)-1], median(bareCPU), median(harvestCPU), norm)
		}
	}
	b.WriteString("\nFigures are medians. SAELens' store keeps float32 in memory and writes nothing; ours writes bfloat16 to the disk, with\n" +
		"checksums, and sums up means, covariances and norms.\n")
	return b.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
