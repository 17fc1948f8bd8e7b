// Command grokking trains a transformer of one layer on addition modulo p until it generalises,
// long after it knows its training set by heart (Power et al. 2022, arXiv:2201.02177; Nanda et al.
// 2023, arXiv:2301.05217, whose settings these are). `make grokking` runs it.
//
//	grokking [-p 113] [-steps 20000] [-every 100] [-until 0.01] [-folder DIR] [-csv FILE] [-svg FILE]
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/plots"

	_ "gopherlens/xla"
)

type settings struct {
	p, steps, every       int
	until                 float64
	folder, table, figure string
}

func main() {
	var s settings
	flag.IntVar(&s.p, "p", 113, "modulus")
	flag.IntVar(&s.steps, "steps", 20000, "most steps")
	flag.IntVar(&s.every, "every", 100, "steps between two evaluations")
	flag.Float64Var(&s.until, "until", 1e-2, "test loss at which the training ends")
	flag.StringVar(&s.folder, "folder", "", "folder of checkpoints, one for each evaluation; goes on with what it holds")
	flag.StringVar(&s.table, "csv", "", "file for the curve")
	flag.StringVar(&s.figure, "svg", "", "file for a picture of the curve")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "grokking:", err)
		os.Exit(1)
	}
}

// config is Nanda's model: no norm, and biases that stay zero.
func (s settings) config() hooked.Config {
	return hooked.Config{ModelName: fmt.Sprintf("addition modulo %d", s.p), NLayers: 1, DModel: 128, NHeads: 4, DHead: 32, DMLP: 512, ActFn: "relu",
		NCtx: 3, DVocab: s.p + 1, DVocabOut: s.p, InitMode: "gpt2", InitializerRange: 1 / math.Sqrt(128), Seed: 999}
}

func (s settings) run(ctx context.Context) error {
	model, err := hooked.New(s.config())
	if err != nil {
		return err
	}
	all, err := train.ModularAddition(s.p)
	if err != nil {
		return err
	}
	known, unknown, err := all.Split(0.3, 598)
	if err != nil {
		return err
	}
	begin := time.Now()
	cfg := train.Config{
		Data: known.Full(), Loss: train.CrossEntropy("sum", -1), Steps: s.steps,
		LearningRate: 1e-3, Optimizer: train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}},
		Only: []string{"*.W_*"},
		Eval: train.Evaluation{Data: unknown.Full(), Every: s.every, Metrics: map[string]train.Loss{"accuracy": train.Accuracy("sum", -1)}},
		OnStep: func(r *train.Report) error {
			if r.Eval == nil {
				return nil
			}
			fmt.Printf("step %6d  train %.3e  test %.3e  accuracy %5.1f %%  %s\n", r.Step, r.Loss, r.Eval["loss"], 100*r.Eval["accuracy"], time.Since(begin).Round(time.Second))
			if r.Eval["loss"] < s.until {
				return train.ErrStop
			}
			return nil
		},
	}
	begun := train.Run
	if s.folder != "" {
		cfg.Folder, cfg.Every = s.folder, s.every
		if kept, err := train.Checkpoints(s.folder); err == nil && len(kept) > 0 {
			begun = train.Resume
		}
	}
	out, err := begun(ctx, model, cfg)
	if out == nil {
		return err
	}
	fmt.Printf("%d steps in %s\n", out.Steps, time.Since(begin).Round(time.Second))
	return errors.Join(err, s.write(out.Curve))
}

// write writes what was evaluated.
func (s settings) write(curve []train.Point) error {
	var steps []string
	var known, unknown []float64
	for _, p := range curve {
		if p.Eval != nil {
			steps = append(steps, strconv.Itoa(p.Step))
			known, unknown = append(known, p.Loss), append(unknown, p.Eval["loss"])
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return errors.Join(writeTable(s.table, steps, known, unknown), drawCurve(s.figure, steps, known, unknown))
}

func writeTable(path string, steps []string, known, unknown []float64) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := csv.NewWriter(file)
	w.Write([]string{"step", "train_loss", "test_loss"})
	for i, step := range steps {
		w.Write([]string{step, fmt.Sprint(known[i]), fmt.Sprint(unknown[i])})
	}
	w.Flush()
	return w.Error()
}

// drawCurve draws the common logarithms of both losses.
func drawCurve(path string, steps []string, known, unknown []float64) error {
	if path == "" {
		return nil
	}
	logs := make([][]float64, 2)
	for i, losses := range [][]float64{known, unknown} {
		for _, v := range losses {
			logs[i] = append(logs[i], math.Log10(v))
		}
	}
	return plots.Line(logs, plots.Axes{Title: "Addition learnt by heart, and then understood", X: steps, XName: "step", YName: "log10 of the loss",
		Series: []string{"training pairs", "test pairs"}}).WriteSVG(path)
}
