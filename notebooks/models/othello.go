package models

import (
	"context"
	"io"
	"math/rand/v2"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/notebooks/models/othello"
	"gopherlens/tokenize"
)

// OthelloTokens are the model's words: a token for each square that a move can be on.
func OthelloTokens() (*tokenize.Tokenizer, error) {
	words := []string{"[pad]"}
	for _, at := range othelloSquares {
		words = append(words, othello.Name(at))
	}
	return tokenize.FromWords(words, tokenize.WordOptions{Pad: "[pad]", BOS: "[pad]", EOS: "[pad]"})
}

// othelloSquares are the squares of tokens 1 to 32: all but the four in the middle.
var othelloSquares = func() (all []int) {
	start := othello.New()
	for at, c := range start.At {
		if c == othello.Empty {
			all = append(all, at)
		}
	}
	return all
}()

var tokenOfSquare = func() map[int]int {
	of := make(map[int]int)
	for i, at := range othelloSquares {
		of[at] = i + 1
	}
	return of
}()

// OthelloToken is the token of a square, 0 for those in the middle; OthelloSquare is the square of
// a token from 1.
func OthelloToken(square int) int { return tokenOfSquare[square] }

// OthelloSquare undoes [OthelloToken].
func OthelloSquare(token int) int { return othelloSquares[token-1] }

// startOthello reads moves and predicts the next. There is no token for a pass, so that the model
// must know itself whose move it is.
func startOthello() (*hooked.Model, error) {
	model, err := hooked.New(hooked.Config{
		ModelName: "othello", NLayers: 4, DModel: 128, NHeads: 4, DHead: 32, DMLP: 512, ActFn: hooked.GELU, Normalization: hooked.LN,
		NCtx: othello.Moves - 1, DVocab: othello.Moves + 1, InitMode: "gpt2", InitializerRange: 0.05, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	tok, err := OthelloTokens()
	if err != nil {
		return nil, err
	}
	return model.WithTokenizer(tok)
}

// OthelloGames are n games of random legal moves that fill the board, as tokens [game][move] of
// all but the last move: whoever knows these knows that.
func OthelloGames(n int, seed uint64) hooked.Tokens {
	return othelloGames(n, rand.New(rand.NewPCG(seed, 1)))
}

func othelloGames(n int, random *rand.Rand) hooked.Tokens {
	var games hooked.Tokens
	for len(games) < n {
		moves := othello.RandomGame(random)
		if len(moves) < othello.Moves { // three in a hundred end before
			continue
		}
		row := make([]int, othello.Moves-1)
		for i := range row {
			row[i] = OthelloToken(moves[i])
		}
		games = append(games, row)
	}
	return games
}

// othelloData are games for ever.
func othelloData(rows int, seed uint64) train.Data {
	return func(yield func(train.Batch, error) bool) {
		random := rand.New(rand.NewPCG(seed, 2))
		for yield(train.Batch{Tokens: othelloGames(rows, random)}, nil) {
		}
	}
}

func trainOthello(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	const steps = 8000
	return run(ctx, start, train.Config{
		Data: othelloData(32, 1), Steps: steps, LearningRate: 1e-3, Schedule: train.WarmupCosine(200, steps),
		Optimizer: train.AdamW{Decay: 0.01}, Clip: 1,
		Eval: train.Evaluation{Data: train.Batch{Tokens: OthelloGames(256, 2)}.Full(), Every: 250},
	}, folder, 500, progress)
}
