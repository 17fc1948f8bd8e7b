package models

import (
	"context"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/train"
	"gopherlens/tokenize"
)

// Sizes of the model of two layers.
const (
	twoLayersWords   = 128 // of its vocabulary
	twoLayersContext = 48
)

// startTwoLayers is ARENA's model in small: attention alone, no norm, and positions that only
// queries and keys see (shortformer), so that what a head moves is never a position. Its words are
// Brown's most frequent ones.
func startTwoLayers() (*hooked.Model, error) {
	words, err := frequentWords(twoLayersWords)
	if err != nil {
		return nil, err
	}
	model, err := hooked.New(hooked.Config{
		ModelName: "two-layers", NLayers: 2, DModel: 128, NHeads: 8, DHead: 16, AttnOnly: true,
		PositionalEmbedding: hooked.ShortformerPositions, NCtx: twoLayersContext, DVocab: len(words), DefaultPrependBOS: true,
		InitMode: "gpt2", InitializerRange: 0.1, Seed: 398,
	})
	if err != nil {
		return nil, err
	}
	if model, err = model.WithWeights(hooked.StateDict{"pos_embed.W_pos": sines(twoLayersContext, 128)}); err != nil {
		return nil, err
	}
	return withWords(model, words)
}

// withWords gives a model the words for its vocabulary.
func withWords(model *hooked.Model, words []string) (*hooked.Model, error) {
	tok, err := tokenize.FromWords(words, tokenize.WordOptions{BOS: startWord, Pad: startWord, EOS: startWord, Unk: rareWord})
	if err != nil {
		return nil, err
	}
	return model.WithTokenizer(tok)
}

// sines are positions as a training of a few minutes can use them: with random ones the heads take
// much longer to find the token before. They are trained like all other weights.
func sines(n, d int) *hooked.Array {
	w := hooked.NewArray(n, d)
	for p := range n {
		for i := range d / 2 {
			angle := float64(p) * math.Pow(float64(n), -2*float64(i)/float64(d))
			w.Data[p*d+2*i], w.Data[p*d+2*i+1] = float32(sineSize*math.Sin(angle)), float32(sineSize*math.Cos(angle))
		}
	}
	return w
}

const sineSize = 0.3

const startWord, rareWord = "[start]", "[rare]"

// frequentWords are a model's vocabulary of n words: two with a task, and the most frequent of
// Brown.
func frequentWords(n int) ([]string, error) {
	counts := make(map[string]int)
	for text, err := range brownDocuments() {
		if err != nil {
			return nil, err
		}
		for _, word := range text {
			counts[word]++
		}
	}
	words := make([]string, 0, len(counts))
	for word := range counts {
		words = append(words, word)
	}
	slices.SortFunc(words, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	return append([]string{startWord, rareWord}, words[:n-2]...), nil
}

// brownDocuments are Brown's texts as words in lower case.
func brownDocuments() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		texts, err := corpus.Package(context.Background(), "brown")
		if err != nil {
			yield(nil, err)
			return
		}
		for document, err := range texts.From(0) {
			if !yield(brownWords(document.Text), err) || err != nil {
				return
			}
		}
	}
}

// brownWords are a text's words and signs.
func brownWords(text string) []string {
	return strings.Fields(strings.ToLower(text))
}

// TwoLayersRepeats are n rows of the model's context that say a random stretch of words again and
// again; each row has a stretch of its own length, so that only what a word was followed by tells
// what follows.
func TwoLayersRepeats(n int, seed uint64) hooked.Tokens {
	return twoLayersRepeats(n, rand.New(rand.NewPCG(seed, 3)))
}

func twoLayersRepeats(n int, random *rand.Rand) hooked.Tokens {
	rows := make(hooked.Tokens, n)
	for i := range rows {
		stretch := make([]int, 4+random.IntN(17))
		for k := range stretch {
			stretch[k] = 2 + random.IntN(twoLayersWords-2)
		}
		row := []int{0}
		for len(row) < twoLayersContext {
			row = append(row, stretch...)
		}
		rows[i] = row[:twoLayersContext]
	}
	return rows
}

// wordsOf is all of Brown in a model's words.
func wordsOf(m *hooked.Model) (text []int, err error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	rare, _ := tok.TokenToID(rareWord)
	for words, err := range brownDocuments() {
		if err != nil {
			return nil, err
		}
		for _, word := range words {
			id, known := tok.TokenToID(word)
			if !known {
				id = rare
			}
			text = append(text, id)
		}
	}
	return text, nil
}

// twoLayersData are batches of which a quarter is Brown's text and the others are repeated
// stretches.
func twoLayersData(m *hooked.Model, rows int, seed uint64) (train.Data, error) {
	text, err := wordsOf(m)
	if err != nil {
		return nil, err
	}
	return func(yield func(train.Batch, error) bool) {
		random := rand.New(rand.NewPCG(seed, 4))
		for {
			batch := twoLayersRepeats(rows-rows/4, random)
			for range rows / 4 {
				from := random.IntN(len(text) - twoLayersContext)
				batch = append(batch, append([]int{0}, text[from:from+twoLayersContext-1]...))
			}
			if !yield(train.Batch{Tokens: batch}, nil) {
				return
			}
		}
	}, nil
}

func trainTwoLayers(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	const steps = 3000
	data, err := twoLayersData(start, 32, 1)
	if err != nil {
		return nil, err
	}
	return run(ctx, start, train.Config{
		Data: data, Steps: steps, LearningRate: 3e-3, Schedule: fallsAtTheEnd(steps), Optimizer: train.AdamW{Decay: 0.01}, Clip: 1,
		Eval: train.Evaluation{Data: train.Batch{Tokens: TwoLayersRepeats(64, 9)}.Full(), Every: 200},
	}, folder, 1000, progress)
}

// fallsAtTheEnd keeps the rate while heads are still to form, and lowers it in the last third.
func fallsAtTheEnd(steps int) train.Schedule {
	return func(step int) float64 {
		return min(1, float64(step)/100, 3*float64(steps-step+1)/float64(steps))
	}
}
