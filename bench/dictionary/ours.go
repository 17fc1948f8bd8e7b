//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopherlens/bench/sides"
	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	_ "gopherlens/xla"
)

// ours measures this project's side on the dictionary and the batch that the peer has made.
func ours(folder string, repeats int) error {
	d, err := dictionary.Load(folder)
	if err != nil {
		return err
	}
	arrays, err := hooked.ReadArrays(filepath.Join(folder, "batch.safetensors"))
	if err != nil {
		return err
	}
	x := arrays["x"]
	var found measurement
	if found.Encode, err = encoding(d, x, repeats); err != nil {
		return err
	}
	// a feature is dead at once, or never: the steps of both kinds are the same program each
	if found.Step, found.Loss, err = training(d, x, repeats, 1<<30); err != nil {
		return err
	}
	if found.Dead, _, err = training(d, x, repeats, 1); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func encoding(d *dictionary.Dictionary, x *hooked.Array, repeats int) ([2]float64, error) {
	var all stopwatch
	on, err := hooked.NewTensor(x, "batch d_model")
	if err != nil {
		return [2]float64{}, err
	}
	for i := range repeats + 1 {
		all.start()
		acts, err := d.Encode(on)
		if err != nil {
			return [2]float64{}, err
		}
		if err := hooked.Try(func() { acts.At(0, 0).Item() }); err != nil { // until then it may be computed
			return [2]float64{}, err
		}
		if i > 0 { // the first compiles
			all.stop()
		}
	}
	return all.least(), nil
}

// training measures steps from one to the next, with the reading of the batch.
func training(d *dictionary.Dictionary, x *hooked.Array, repeats, deadAfter int) (seconds [2]float64, loss float64, err error) {
	c := d.Config
	c.Hook, c.HookOut, c.Model, c.DIn, c.DOut = "", "", "", 0, 0
	var all stopwatch
	_, err = fit.Run(context.Background(), fit.FromArrays(d.Config.Hook, x, "", nil, 0), fit.Config{Dictionary: c, Init: fit.Init{From: d}, Steps: repeats + 4,
		Batch: x.Shape[0], LearningRate: 1e-3, Clip: 1, DeadAfter: deadAfter, Optimizer: train.Adam{},
		OnStep: func(r *fit.Report) error {
			if r.Step == 1 {
				loss = r.Loss
			}
			if r.Step > 4 { // both programs are compiled
				all.stop()
			}
			all.start()
			return nil
		}})
	return all.least(), loss, err
}

// A stopwatch measures the time on the wall and the processor's.
type stopwatch struct {
	began     time.Time
	used      time.Duration
	wall, cpu []float64
}

func (s *stopwatch) start() { s.began, s.used = time.Now(), sides.ProcessorTime() }

func (s *stopwatch) stop() {
	s.wall, s.cpu = append(s.wall, time.Since(s.began).Seconds()), append(s.cpu, (sides.ProcessorTime()-s.used).Seconds())
}

// least is the least of each.
func (s *stopwatch) least() [2]float64 {
	if len(s.wall) == 0 {
		return [2]float64{}
	}
	return [2]float64{slices.Min(s.wall), slices.Min(s.cpu)}
}
