//go:build linux

// Command model compares Gopherlens with TransformerLens: the same work on the same model, by
// turns, in processes of their own.
//
//	model [-runs 3] [-part 1] [-steps 30] [-out bench/RESULTS.md] PYTHON    # both sides
//	model -only train PYTHON                    # both sides' trainings, to standard output
//	model ours MODEL.gguf prompts.json                          # ours alone
//	model train NAME STEPS                                      # a training of ours alone
//
// `make bench` makes the Python environment and runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopherlens/bench/sides"
	"gopherlens/internal/cachedir"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 4 && os.Args[1] == "ours" {
		return ours(os.Args[2], os.Args[3])
	}
	if len(os.Args) == 4 && os.Args[1] == "train" {
		return oursTrain(os.Args[2], os.Args[3])
	}
	runs := flag.Int("runs", 3, "runs of each side")
	part := flag.Int("part", 1, "let TransformerLens compute one in so many layers of its sweeps, each of which costs the same, and multiply")
	count := flag.Int("steps", 30, "steps of each training")
	only := flag.String("only", "", "\"train\": compare trainings alone, and print their table")
	out := flag.String("out", "bench/RESULTS.md", "where the table goes")
	flag.Parse()
	if flag.NArg() != 1 {
		return fmt.Errorf("want the Python interpreter that has TransformerLens; `make bench` gives it")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	trainings, err := compareTraining(flag.Arg(0), self, *runs, *count)
	if err != nil {
		return err
	}
	if *only == "train" {
		_, err := fmt.Print(trainings.trainingMarkdown(*count))
		return err
	}
	model, err := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err != nil {
		return err
	}
	if _, err := os.Stat(model); err != nil {
		return fmt.Errorf("the model is not there: run `make setup`: %w", err)
	}
	prompts := filepath.Join("bench", "model", "prompts.json")
	var t table
	for i := range *runs {
		for side, command := range [][]string{
			{flag.Arg(0), filepath.Join("bench", "model", "peer.py"), model, prompts, strconv.Itoa(*part)},
			{self, "ours", model, prompts},
		} {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, *runs, names[side])
			found, err := sides.Measure(command, measurement.named)
			if err != nil {
				return fmt.Errorf("%s: %w", names[side], err)
			}
			t.add(side, found)
		}
	}
	return os.WriteFile(*out, []byte(t.markdown(*runs, *part)+trainings.trainingMarkdown(*count)), 0o644)
}

const peerSide, ourSide = 0, 1

var names = []string{"TransformerLens 2.16.1", "Gopherlens"}

// table holds all runs' measurements by name.
type table struct {
	names []string
	cells map[string][2][]measurement
}

func (t *table) add(side int, found []measurement) {
	if t.cells == nil {
		t.cells = make(map[string][2][]measurement)
	}
	for _, m := range found {
		if _, known := t.cells[m.Name]; !known {
			t.names = append(t.names, m.Name)
		}
		cell := t.cells[m.Name]
		cell[side] = append(cell[side], m)
		t.cells[m.Name] = cell
	}
}

func (t *table) markdown(runs, part int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Gopherlens beside TransformerLens\n\nWritten by `make bench` on %s: SmolLM2-135M-Instruct, %d runs of each side by turns, each in a process of its own.\n",
		time.Now().UTC().Format("2 January 2006, 15:04 UTC"), runs)
	fmt.Fprintf(&b, "Machine: %s. Load average when done: %s.\n\n", machine(), sides.Load())
	if part > 1 {
		fmt.Fprintf(&b, "TransformerLens computed one in %d layers of its sweeps; its times there are multiplied by %d (each patch is a whole forward pass, whatever the layer).\n\n", part, part)
	}
	fmt.Fprintf(&b, "| | %s | %s | ratio, least to most |\n|---|---|---|---|\n", names[peerSide], names[ourSide])
	for _, name := range t.names {
		b.WriteString(t.row(name))
	}
	b.WriteString(legend)
	return b.String()
}

// legend says how to read the table.
const legend = `
The ratio is TransformerLens' figure over ours: above 1 we are faster, or smaller. Passes are medians of several after one that
compiles; the start, the first generation and the sweeps have their compilation in them.

What prompts share is computed once here, and everywhere in TransformerLens: the seed's prompts come in pairs that agree up to
the eleventh of 16 tokens (128 positions have 79 distinct prefixes), and sweeps patch each into the other of its pair.
The rows of prompts "that share nothing" tell what is left without that. A cache of 1 x 1024 keeps the residual streams here and
computes other activations when they are read, which the row with "every pattern read" includes for the patterns.
`

// row is one line: what each side needed in each run, and the least and the greatest ratio of any
// two runs.
func (t *table) row(name string) string {
	cell := t.cells[name]
	var text [2]string
	var values [2][]float64
	for side, list := range cell {
		for _, m := range list {
			v, shown := m.Seconds, fmt.Sprintf("%.3g s", m.Seconds)
			if m.Bytes > 0 {
				v, shown = float64(m.Bytes), fmt.Sprintf("%.2f GB", float64(m.Bytes)/1e9)
			}
			values[side] = append(values[side], v)
			text[side] += shown + ", "
		}
		text[side] = strings.TrimSuffix(text[side], ", ")
	}
	ratio := "one side only"
	if len(values[0]) > 0 && len(values[1]) > 0 {
		ratio = fmt.Sprintf("%.1f to %.1f", slices.Min(values[0])/slices.Max(values[1]), slices.Max(values[0])/slices.Min(values[1]))
	}
	return fmt.Sprintf("| %s%s | %s | %s | %s |\n", name, agreement(cell), text[0], text[1], ratio)
}

// agreement tells what the two sides computed, where they tell.
func agreement(cell [2][]measurement) string {
	for _, list := range cell {
		if len(list) == 0 || list[0].Value == nil {
			return ""
		}
	}
	return fmt.Sprintf(" (computed %.6g and %.6g)", *cell[0][0].Value, *cell[1][0].Value)
}

func machine() string {
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :")) + ", " + strconv.Itoa(strings.Count(read("/proc/cpuinfo"), "processor\t")) + " cores"
		}
	}
	return "unknown"
}

func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
