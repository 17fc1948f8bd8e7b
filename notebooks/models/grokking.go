package models

import (
	"context"
	"fmt"
	"io"
	"math"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
)

// GrokkingPrime is the modulus of the addition.
const GrokkingPrime = 113

// grokkingMoments are the steps whose weights are kept, beside those of the last.
var grokkingMoments = []int{100, 200, 300, 400, 500, 600, 800, 1000, 1200, 1500, 2000}

// startGrokking is Nanda's model (arXiv:2301.05217): no norm, and biases that stay zero.
func startGrokking() (*hooked.Model, error) {
	return hooked.New(hooked.Config{
		ModelName: fmt.Sprintf("addition modulo %d", GrokkingPrime), NLayers: 1, DModel: 128, NHeads: 4, DHead: 32, DMLP: 512, ActFn: hooked.ReLU,
		NCtx: 3, DVocab: GrokkingPrime + 1, DVocabOut: GrokkingPrime, InitMode: "gpt2", InitializerRange: 1 / math.Sqrt(128), Seed: 999,
	})
}

// GrokkingPairs are the examples that the model was trained on, and all others.
func GrokkingPairs() (known, unknown train.Batch, err error) {
	all, err := train.ModularAddition(GrokkingPrime)
	if err != nil {
		return known, unknown, err
	}
	return all.Split(0.4, 598)
}

// trainGrokking takes 4 pairs of 10 where Nanda takes 3, a fifth of them in each step and not all:
// the model generalises in a tenth of the time, and still long after it knows its pairs by heart.
func trainGrokking(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	known, unknown, err := GrokkingPairs()
	if err != nil {
		return nil, err
	}
	return run(ctx, start, train.Config{
		Data: known.Shuffled(1021, 1), Loss: train.CrossEntropy("sum", -1), Steps: 6000, LearningRate: 1e-3,
		Optimizer: train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}}, Only: []string{"*.W_*"},
		Eval: train.Evaluation{Data: unknown.Full(), Every: 100, Metrics: map[string]train.Loss{"accuracy": train.Accuracy("sum", -1)}},
		OnStep: func(r *train.Report) error {
			if r.Eval != nil && r.Eval["loss"] < 1e-3 {
				return train.ErrStop
			}
			return nil
		},
	}, folder, 100, progress)
}
