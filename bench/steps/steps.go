// Package steps has the trainings whose steps are timed; bench/train/peer.py has the same in
// PyTorch.
package steps

import (
	"context"
	"math/rand/v2"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
)

// A Training is one of them.
type Training struct {
	Name string // by which peer.py knows it too
	What string
	Of   func() (hooked.Config, train.Config, error)
}

// Trainings are all of them.
var Trainings = []Training{
	{"addition", "addition modulo 113, 1 layer, all 3830 x 3 tokens", addition},
	{"texts", "4 layers, d_model 256, 16 x 128 tokens", texts},
}

func addition() (m hooked.Config, c train.Config, err error) {
	all, err := train.ModularAddition(113)
	if err != nil {
		return m, c, err
	}
	known, _, err := all.Split(0.3, 1)
	return hooked.Config{NLayers: 1, DModel: 128, NHeads: 4, DHead: 32, DMLP: 512, ActFn: "relu", NCtx: 3, DVocab: 114, DVocabOut: 113,
			InitMode: "gpt2", InitializerRange: 0.09},
		train.Config{Data: known.Full(), Loss: train.CrossEntropy("sum", -1), Optimizer: train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}}}, err
}

func texts() (hooked.Config, train.Config, error) {
	random := rand.New(rand.NewPCG(1, 0))
	tokens := make(hooked.Tokens, 16)
	for i := range tokens {
		for range 128 {
			tokens[i] = append(tokens[i], random.IntN(5000))
		}
	}
	return hooked.Config{NLayers: 4, DModel: 256, NHeads: 4, DHead: 64, DMLP: 1024, ActFn: "gelu_new", Normalization: hooked.LN, NCtx: 128, DVocab: 5000,
		InitMode: "gpt2", InitializerRange: 0.02}, train.Config{Data: train.Batch{Tokens: tokens}.Full()}, nil
}

// warm are the steps before the clock starts: the first compiles.
const warm = 3

// Take takes so many steps, calls begin before the first that counts, and returns how long they
// took.
func (t Training) Take(steps int, begin func()) (time.Duration, error) {
	shape, cfg, err := t.Of()
	if err != nil {
		return 0, err
	}
	m, err := hooked.New(shape)
	if err != nil {
		return 0, err
	}
	var start time.Time
	cfg.LearningRate, cfg.Steps = 1e-3, warm+steps
	cfg.OnStep = func(r *train.Report) error {
		if r.Step == warm {
			begin()
			start = time.Now()
		}
		return nil
	}
	_, err = train.Run(context.Background(), m, cfg)
	return time.Since(start), err
}
