package models

import (
	"context"
	"io"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
)

// Sizes of the model of four layers.
const (
	fourLayersWords   = 1500 // of its vocabulary
	fourLayersContext = 48
	fourLayersHeld    = 60_000 // words at Brown's end that it is not trained on
)

// startFourLayers is a language model in small: layers of heads and neurons, on Brown's most
// frequent words. It is large enough that words have features that others are made of, and small
// enough that transcoders of all layers train within two minutes.
func startFourLayers() (*hooked.Model, error) {
	words, err := frequentWords(fourLayersWords)
	if err != nil {
		return nil, err
	}
	model, err := hooked.New(hooked.Config{
		ModelName: "four-layers", NLayers: 4, DModel: 128, NHeads: 4, DHead: 32, DMLP: 256, ActFn: hooked.GELU, Normalization: hooked.LN,
		Eps: 1e-5, NCtx: fourLayersContext, DVocab: len(words), DefaultPrependBOS: true, InitMode: "gpt2", InitializerRange: 0.05, Seed: 142,
	})
	if err != nil {
		return nil, err
	}
	return withWords(model, words)
}

// FourLayersRows are rows of Brown's text in the model's words, each of its whole context. The last
// 60,000 words were kept from the training: held asks for rows of them.
func FourLayersRows(m *hooked.Model, n int, seed uint64, held bool) (hooked.Tokens, error) {
	text, err := wordsOf(m)
	if err != nil {
		return nil, err
	}
	return fourLayersRows(part(text, held), n, rand.New(rand.NewPCG(seed, 5))), nil
}

// part is the text that is trained on, or the one that is not.
func part(text []int, held bool) []int {
	if held {
		return text[len(text)-fourLayersHeld:]
	}
	return text[:len(text)-fourLayersHeld]
}

func fourLayersRows(text []int, n int, random *rand.Rand) hooked.Tokens {
	rows := make(hooked.Tokens, n)
	for i := range rows {
		from := random.IntN(len(text) - fourLayersContext)
		rows[i] = append([]int{0}, text[from:from+fourLayersContext-1]...)
	}
	return rows
}

// knownNext are rows with the word that follows in each place. Where that is a rare one there is
// nothing to learn: the model never says "[rare]".
func knownNext(text []int, n int, random *rand.Rand) train.Batch {
	rows := fourLayersRows(text, n, random)
	next, known := make([][]int, n), make([][]float32, n)
	for i, row := range rows {
		next[i], known[i] = make([]int, len(row)), make([]float32, len(row))
		for k, id := range row[1:] {
			if id > 1 {
				next[i][k], known[i][k] = id, 1
			}
		}
	}
	return train.Batch{Tokens: rows, Labels: map[string]any{"next": next, "known": known}}
}

// nextKnown is the mean surprise, in nats, at words that follow and are not rare.
func nextKnown() train.Loss {
	return train.Loss{
		Name: "next known word", Logits: true, Labels: []string{"next", "known"},
		Of: func(p *train.Pass) *graph.Node {
			known := p.Label("known")
			own := graph.OneHot(p.Label("next"), p.Logits().Shape().Dim(-1), dtypes.Float32)
			missed := graph.Neg(graph.ReduceSum(graph.Mul(graph.LogSoftmax(p.Logits(), -1), own), -1))
			return graph.Div(graph.ReduceAllSum(graph.Mul(missed, known)), graph.ReduceAllSum(known))
		},
	}
}

func trainFourLayers(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	const steps, rows = 1000, 32
	text, err := wordsOf(start)
	if err != nil {
		return nil, err
	}
	return run(ctx, start, train.Config{
		Data: func(yield func(train.Batch, error) bool) {
			random := rand.New(rand.NewPCG(1, 6))
			for yield(knownNext(part(text, false), rows, random), nil) {
			}
		},
		Loss: nextKnown(), Steps: steps, LearningRate: 3e-3, Schedule: train.WarmupCosine(50, 1500), Optimizer: train.AdamW{Decay: 0.1}, Clip: 1,
		Eval: train.Evaluation{Data: knownNext(part(text, true), 48, rand.New(rand.NewPCG(2, 6))).Full(), Every: 100},
	}, folder, 250, progress)
}
