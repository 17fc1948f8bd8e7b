package models

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/tokenize"
)

// LongestBrackets is the number of brackets of the longest text that the model of brackets reads.
const LongestBrackets = 40

// startBrackets is ARENA's model: three layers of bidirectional attention, whose answer is read at
// the first token.
func startBrackets() (*hooked.Model, error) {
	model, err := hooked.New(hooked.Config{
		ModelName: "brackets", NLayers: 3, DModel: 56, NHeads: 2, DHead: 28, DMLP: 56, ActFn: hooked.ReLU, Normalization: hooked.LN,
		AttentionDir: hooked.Bidirectional, NCtx: LongestBrackets + 2, DVocab: 5, DVocabOut: 2, DefaultPrependBOS: true,
		InitMode: "gpt2", Seed: bracketsSeed,
	})
	if err != nil {
		return nil, err
	}
	tok, err := tokenize.FromWords([]string{"[start]", "[pad]", "[end]", "(", ")"},
		tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true})
	if err != nil {
		return nil, err
	}
	return model.WithTokenizer(tok)
}

const bracketsSeed = 42

// A BracketText is a text of brackets and whether they balance.
type BracketText struct {
	Text     string
	Balanced bool
}

// BracketTexts are n texts of 2 to [LongestBrackets] brackets. Five of eight balance; of the others
// some have as many of one kind as of the other, in a wrong order, some are a few brackets away
// from balance, and some are random.
func BracketTexts(n int, seed uint64) []BracketText {
	random := rand.New(rand.NewPCG(seed, 0))
	all := make([]BracketText, n)
	for i := range all {
		text := bracketKinds[i%len(bracketKinds)](random, 2*(1+random.IntN(LongestBrackets/2)))
		all[i] = BracketText{string(text), balanced(text)}
	}
	return all
}

var bracketKinds = []func(*rand.Rand, int) []byte{
	balancedBrackets, shuffledBrackets, balancedBrackets, nearlyBalanced, balancedBrackets, randomBrackets, balancedBrackets, nearlyBalanced,
}

func balanced(text []byte) bool {
	depth := 0
	for _, c := range text {
		if c == '(' {
			depth++
		} else {
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// turned is the other bracket.
func turned(c byte) byte { return '(' + ')' - c }

func randomBrackets(random *rand.Rand, n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = "()"[random.IntN(2)]
	}
	return text
}

func shuffledBrackets(random *rand.Rand, n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = "()"[i%2]
	}
	random.Shuffle(n, func(i, j int) { text[i], text[j] = text[j], text[i] })
	return text
}

// balancedBrackets turns a shuffled text into a balanced one: each stretch below zero is mirrored.
func balancedBrackets(random *rand.Rand, n int) []byte {
	text := shuffledBrackets(random, n)
	depth, from := 0, 0
	for i, c := range text {
		before := depth
		if c == '(' {
			depth++
		} else {
			depth--
		}
		if depth != 0 {
			continue
		}
		if before < 0 { // text[from:i+1] lies below
			for k := from; k <= i; k++ {
				text[k] = turned(text[k])
			}
		}
		from = i + 1
	}
	return text
}

// nearlyBalanced flips one or two brackets of a balanced text, or exchanges two.
func nearlyBalanced(random *rand.Rand, n int) []byte {
	text := balancedBrackets(random, n)
	if random.IntN(2) == 0 {
		i, j := random.IntN(n), random.IntN(n)
		text[i], text[j] = text[j], text[i]
		return text
	}
	for range 1 + random.IntN(2) {
		i := random.IntN(n)
		text[i] = turned(text[i])
	}
	return text
}

// BracketRows are texts as the model reads them: [start], the brackets, [end], and pads up to the
// longest; mask has 1 for each token and 0 for each pad.
func BracketRows(texts []string) (rows hooked.Tokens, mask [][]int) {
	const start, pad, end, open = 0, 1, 2, 3
	longest := 0
	for _, t := range texts {
		longest = max(longest, len(t)+2)
	}
	for _, t := range texts {
		row := []int{start}
		for _, c := range t {
			row = append(row, open+int(c-'('))
		}
		row = append(row, end)
		real := slices.Repeat([]int{1}, len(row))
		for len(row) < longest {
			row, real = append(row, pad), append(real, 0)
		}
		rows, mask = append(rows, row), append(mask, real)
	}
	return rows, mask
}

// bracketBatch is texts for a training, whose steps all have rows of one length.
func bracketBatch(texts []BracketText) train.Batch {
	var all []string
	var labels []int
	for _, t := range texts {
		label := 0
		if t.Balanced {
			label = 1
		}
		all, labels = append(all, t.Text), append(labels, label)
	}
	longest := strings.Repeat("(", LongestBrackets) // a row that sets the length, and goes
	rows, mask := BracketRows(append(all, longest))
	return train.Batch{Tokens: rows[:len(all)], Mask: mask[:len(all)], Labels: map[string]any{"balanced": labels}}
}

func trainBrackets(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	const steps = 3000
	return run(ctx, start, train.Config{
		Data: bracketBatch(BracketTexts(100_000, 1)).Shuffled(128, 1), Loss: train.CrossEntropy("balanced", 0),
		Steps: steps, LearningRate: 1e-3, Schedule: train.WarmupCosine(100, steps), Optimizer: train.AdamW{Decay: 0.01}, Clip: 1,
		Eval: train.Evaluation{Data: bracketBatch(BracketTexts(2_000, 2)).InOrder(500), Every: 250,
			Metrics: map[string]train.Loss{"accuracy": train.Accuracy("balanced", 0)}},
	}, folder, 1000, progress)
}
