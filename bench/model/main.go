//go:build linux

// Command model compares Gopherlens with TransformerLens: the same work on the same model, by
// turns, in processes of their own.
//
//	model [-runs 3] [-part 1] [-steps 30] PYTHON       # both sides, into bench/RESULTS.md
//	model -only train PYTHON                           # both sides' trainings, to standard output
//	model -tl4 PYTHON -nnsight PYTHON PYTHON           # all peers, into bench/PEERS.md
//	model ours MODEL prompts.json                      # ours alone
//	model start MODEL prompts.json                     # our start alone
//	model train NAME STEPS                             # a training of ours alone
//
// `make bench` and `make bench-peers` make the Python environments and run it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopherlens/bench/sides"
)

func main() { sides.Main(run) }

func run() error {
	if len(os.Args) == 4 && os.Args[1] == "ours" {
		return ours(os.Args[2], os.Args[3])
	}
	if len(os.Args) == 4 && os.Args[1] == "start" {
		return oursStart(os.Args[2], os.Args[3])
	}
	if len(os.Args) == 4 && os.Args[1] == "train" {
		return oursTrain(os.Args[2], os.Args[3])
	}
	var o options
	flag.IntVar(&o.runs, "runs", 3, "runs of each side")
	flag.IntVar(&o.part, "part", 1, "let the others compute one in so many layers of their sweeps, each of which costs the same, and multiply")
	flag.IntVar(&o.steps, "steps", 30, "steps of each training")
	flag.StringVar(&o.only, "only", "", "\"train\": compare trainings alone, and print their table")
	flag.StringVar(&o.out, "out", "", "where the table goes: bench/RESULTS.md, or bench/PEERS.md with -tl4 and -nnsight")
	flag.StringVar(&o.tl4, "tl4", "", "a Python interpreter that has TransformerLens 4")
	flag.StringVar(&o.nnsight, "nnsight", "", "a Python interpreter that has nnsight")
	flag.StringVar(&o.under, "under", "", "a command that runs each side's, such as \"taskset -c 0,1\"")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("want the Python interpreter that has TransformerLens; `make bench` gives it")
	}
	o.python = flag.Arg(0)
	var err error
	if o.self, err = os.Executable(); err != nil {
		return err
	}
	switch {
	case o.only == "train":
		if err := takes("runs", "steps", "only", "under"); err != nil {
			return err
		}
		trainings, err := o.compareTraining()
		if err != nil {
			return err
		}
		_, err = fmt.Print(trainings.trainingMarkdown(o.steps))
		return err
	case o.only != "":
		return fmt.Errorf("-only takes \"train\", not %q", o.only)
	case (o.tl4 == "") != (o.nnsight == ""):
		return errors.New("-tl4 and -nnsight go together; `make bench-peers` gives both")
	case o.tl4 != "":
		if err := takes("runs", "part", "out", "tl4", "nnsight", "under"); err != nil {
			return err
		}
		return o.comparePeers()
	default:
		return o.compareBoth()
	}
}

// takes refuses a flag that was given and would do nothing.
func takes(flags ...string) (err error) {
	flag.Visit(func(f *flag.Flag) {
		if !slices.Contains(flags, f.Name) {
			err = fmt.Errorf("-%s does nothing here: this comparison takes -%s", f.Name, strings.Join(flags, ", -"))
		}
	})
	return err
}

// options are what the command line says.
type options struct {
	runs, part, steps int
	only, out, under  string
	self              string
	python            string // has TransformerLens 2
	tl4, nnsight      string
}

// side is one of those that are compared.
type side struct {
	name    string
	command []string
}

const (
	peerName = "TransformerLens 2.16.1"
	ourName  = "Gopherlens"
)

// prompts are those of all sides.
var prompts = filepath.Join("bench", "model", "prompts.json")

// peer is a side in Python that bench/model has a script of.
func (o *options) peer(name, python, script, model string) side {
	return side{name, []string{python, filepath.Join("bench", "model", script), model, prompts, strconv.Itoa(o.part)}}
}

// compare measures all sides by turns.
func (o *options) compare(all []side) (*table, error) {
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	t := newTable(names...)
	for i := range o.runs {
		for place, s := range all {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, o.runs, s.name)
			found, err := o.measure(s.command)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			t.add(place, found)
		}
	}
	return t, nil
}

// measure runs one side.
func (o *options) measure(command []string) ([]measurement, error) {
	return sides.Measure(append(strings.Fields(o.under), command...), measurement.named)
}

// compareBoth is the comparison with TransformerLens 2, trainings included.
func (o *options) compareBoth() error {
	trainings, err := o.compareTraining()
	if err != nil {
		return err
	}
	model, err := sides.Model()
	if err != nil {
		return err
	}
	t, err := o.compare([]side{
		o.peer(peerName, o.python, "peer.py", model),
		{ourName, []string{o.self, "ours", model, prompts}},
	})
	if err != nil {
		return err
	}
	return o.write("bench/RESULTS.md", o.heading("# Gopherlens beside TransformerLens", "make bench"),
		t.markdown(wanted), legend, trainings.trainingMarkdown(o.steps))
}

// write puts a page where -out says.
func (o *options) write(usual string, parts ...string) error {
	if o.out != "" {
		usual = o.out
	}
	return os.WriteFile(usual, []byte(strings.Join(parts, "")), 0o644)
}

// heading says what was measured, when and where.
func (o *options) heading(title, target string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nWritten by `%s` on %s: SmolLM2-135M-Instruct, %d runs of each side by turns, each in a process of its own.\n",
		title, target, time.Now().UTC().Format("2 January 2006, 15:04 UTC"), o.runs)
	fmt.Fprintf(&b, "Machine: %s. Load average when done: %s.\n\n", machine(), sides.Load())
	if o.part > 1 {
		fmt.Fprintf(&b, "The others computed one in %d layers of their sweeps; their times there are multiplied by %[1]d (each patch is a whole forward pass, whatever the layer).\n\n", o.part)
	}
	return b.String()
}

// wanted are the ratios that the rows should have. The rows without one show what others leave out.
var wanted = map[string]string{
	"start to first logits":                        "25",
	"forward, 8 x 16":                              "2",
	"forward, 8 x 16 that share nothing":           "1.4",
	"run with cache, 8 x 16":                       "2",
	"run with cache, 1 x 1024":                     "2.5",
	"run with cache, 1 x 1024, every pattern read": "1.5",
	"generate 50 tokens":                           "2",
	"generate 50 tokens again":                     "2.5",
	"residual sweep, 30 x 16 x 8":                  "20",
	"head sweep, 30 x 9 x 8":                       "10",
	"peak memory until here":                       "3",
}

// legend says how to read the table.
const legend = `
The ratio is TransformerLens' figure over ours: above 1 we are faster, or smaller. ` + howMeasured + `
`

// howMeasured is said of every comparison.
const howMeasured = `Passes are medians of several after one that
compiles; the start, the first generation and the sweeps have their compilation in them.

What prompts share is computed once here, and everywhere in TransformerLens: the seed's prompts come in pairs that agree up to
the eleventh of 16 tokens (128 positions have 79 distinct prefixes), and sweeps patch each into the other of its pair.
The rows of prompts "that share nothing" tell what is left without that. A cache of 1 x 1024 keeps the residual streams here and
computes other activations when they are read, which the row with "every pattern read" includes for the patterns: 1.13 GB of them.`

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
