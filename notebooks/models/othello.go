package models

import (
	"context"
	"io"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

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

// OthelloBoards are the positions after each move of a game.
func OthelloBoards(game []int) []othello.Board {
	boards := make([]othello.Board, len(game))
	b := othello.New()
	for i, token := range game {
		if err := b.Play(OthelloSquare(token)); err != nil {
			panic(err) // no game of ours
		}
		boards[i] = b
	}
	return boards
}

// legalMoves are the probabilities of the next tokens in random play, [game, move, token]: all
// legal moves are equally likely.
func legalMoves(games hooked.Tokens) *hooked.Array {
	const words = othello.Moves + 1
	all := hooked.NewArray(len(games), othello.Moves-1, words)
	for g, game := range games {
		for m, b := range OthelloBoards(game) {
			legal := b.Legal()
			for _, at := range legal {
				all.Data[(g*(othello.Moves-1)+m)*words+OthelloToken(at)] = 1 / float32(len(legal))
			}
		}
	}
	return all
}

// othelloBatch is games as a step reads them.
func othelloBatch(games hooked.Tokens) train.Batch {
	return train.Batch{Tokens: games, Labels: map[string]any{"legal": legalMoves(games)}}
}

// othelloData are games for ever.
func othelloData(rows int, seed uint64) train.Data {
	return func(yield func(train.Batch, error) bool) {
		random := rand.New(rand.NewPCG(seed, 2))
		for yield(othelloBatch(othelloGames(rows, random)), nil) {
		}
	}
}

// legalLoss is the cross-entropy of the predictions and random play's own probabilities. It is
// what the loss of the next move is on average over what might have been played, and so needs
// fewer games.
func legalLoss() train.Loss {
	return train.Loss{Name: "legal moves", Logits: true, Labels: []string{"legal"}, Of: func(p *train.Pass) *graph.Node {
		surprise := graph.Neg(graph.Mul(graph.LogSoftmax(p.Logits(), -1), p.Label("legal")))
		return graph.ReduceAllMean(graph.ReduceSum(surprise, -1))
	}}
}

// legalRate is the share of positions at which the likeliest move is legal.
func legalRate() train.Loss {
	return train.Loss{Name: "legal rate", Logits: true, Labels: []string{"legal"}, Of: func(p *train.Pass) *graph.Node {
		logits := p.Logits()
		best := graph.OneHot(graph.ArgMax(logits, -1), logits.Shape().Dim(-1), dtypes.Float32)
		legal := graph.GreaterThan(graph.ReduceSum(graph.Mul(best, p.Label("legal")), -1), graph.ScalarZero(logits.Graph(), dtypes.Float32))
		return graph.ReduceAllMean(graph.ConvertDType(legal, dtypes.Float32))
	}}
}

func trainOthello(ctx context.Context, start *hooked.Model, folder string, progress io.Writer) (*hooked.Model, error) {
	const steps = 4000
	return run(ctx, start, train.Config{
		Data: othelloData(32, 1), Loss: legalLoss(), Steps: steps, LearningRate: 1.5e-3, Schedule: train.WarmupCosine(200, steps),
		Optimizer: train.AdamW{Decay: 0.01}, Clip: 1,
		Eval: train.Evaluation{Data: othelloBatch(OthelloGames(128, 2)).Full(), Every: 200, Metrics: map[string]train.Loss{"legal": legalRate()}},
	}, folder, 500, progress)
}
