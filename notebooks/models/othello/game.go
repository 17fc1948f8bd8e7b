// Package othello has the rules of Othello (Reversi) on a small board, and games of random legal
// moves: what the course's model of Othello is trained on (Li et al. 2023, arXiv:2210.13382, play
// on 8 x 8).
package othello

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Side is the board's width and height; Squares counts its squares, row by row from the top left.
const (
	Side    = 6
	Squares = Side * Side
	Moves   = Squares - 4 // of the longest game: the four in the middle are taken
)

// A Colour is what lies on a square, or whose move it is.
type Colour int8

// The colours. Black begins.
const (
	Empty Colour = 0
	Black Colour = 1
	White Colour = -1
)

// A Board is a position, and whose move it is; [New] gives the first.
type Board struct {
	At   [Squares]Colour
	Turn Colour // Empty when the game is over
}

// New is the position before the first move.
func New() Board {
	b := Board{Turn: Black}
	const m = Side / 2
	b.At[square(m-1, m-1)], b.At[square(m, m)] = White, White
	b.At[square(m-1, m)], b.At[square(m, m-1)] = Black, Black
	return b
}

func square(row, column int) int { return row*Side + column }

// ways are, for each square and direction, the squares from there to the board's edge.
var ways = func() (all [Squares][][]int) {
	for s := range Squares {
		for dr := -1; dr <= 1; dr++ {
			for dc := -1; dc <= 1; dc++ {
				var way []int
				row, column := s/Side+dr, s%Side+dc
				for (dr != 0 || dc != 0) && row >= 0 && row < Side && column >= 0 && column < Side {
					way = append(way, square(row, column))
					row, column = row+dr, column+dc
				}
				if len(way) > 1 { // one disc to turn, and one to end at
					all[s] = append(all[s], way)
				}
			}
		}
	}
	return all
}()

// turned counts the discs that turn along a way: those before the nearest of the mover's.
func (b *Board) turned(way []int) int {
	for n, s := range way {
		switch b.At[s] {
		case b.Turn:
			return n
		case Empty:
			return 0
		}
	}
	return 0
}

// Flips are the squares that change colour if the side to move plays there: none if it may not.
func (b *Board) Flips(at int) []int {
	if at < 0 || at >= Squares || b.At[at] != Empty || b.Turn == Empty {
		return nil
	}
	var all []int
	for _, way := range ways[at] {
		all = append(all, way[:b.turned(way)]...)
	}
	return all
}

// IsLegal reports whether the side to move may play there.
func (b *Board) IsLegal(at int) bool {
	if at < 0 || at >= Squares || b.At[at] != Empty || b.Turn == Empty {
		return false
	}
	for _, way := range ways[at] {
		if b.turned(way) > 0 {
			return true
		}
	}
	return false
}

// Legal are the squares that the side to move may play, in rising order.
func (b *Board) Legal() []int {
	var all []int
	for s := range Squares {
		if b.IsLegal(s) {
			all = append(all, s)
		}
	}
	return all
}

// canMove reports whether Legal has any.
func (b *Board) canMove() bool {
	for s := range Squares {
		if b.IsLegal(s) {
			return true
		}
	}
	return false
}

// Play makes a move. Who cannot move then passes; when neither can, the game is over.
func (b *Board) Play(at int) error {
	flips := b.Flips(at)
	if len(flips) == 0 {
		return fmt.Errorf("othello: %s may not play %s", b.Turn, Name(at))
	}
	b.At[at] = b.Turn
	for _, s := range flips {
		b.At[s] = b.Turn
	}
	for range 2 {
		b.Turn = -b.Turn
		if b.canMove() {
			return nil
		}
	}
	b.Turn = Empty
	return nil
}

// After is the position after some moves.
func After(moves ...int) (Board, error) {
	b := New()
	for i, at := range moves {
		if err := b.Play(at); err != nil {
			return b, fmt.Errorf("move %d: %w", i+1, err)
		}
	}
	return b, nil
}

// RandomGame is a game of random legal moves until neither side can move.
func RandomGame(random *rand.Rand) []int {
	var moves []int
	b := New()
	for b.Turn != Empty {
		legal := b.Legal()
		at := legal[random.IntN(len(legal))]
		moves = append(moves, at)
		b.Play(at) // legal
	}
	return moves
}

// Name is a square as players write it: a1 is at the top left.
func Name(at int) string {
	if at < 0 || at >= Squares {
		return fmt.Sprintf("square %d", at)
	}
	return fmt.Sprintf("%c%d", 'a'+at%Side, at/Side+1)
}

func (c Colour) String() string {
	return map[Colour]string{Black: "black", White: "white", Empty: "nobody"}[c]
}

// String draws the board: x is black, o is white, and * is where the side to move may play.
func (b Board) String() string {
	var out strings.Builder
	legal := map[int]bool{}
	for _, s := range b.Legal() {
		legal[s] = true
	}
	out.WriteString("  a b c d e f\n")
	for s, c := range b.At {
		if s%Side == 0 {
			fmt.Fprint(&out, s/Side+1)
		}
		mark := map[Colour]string{Black: "x", White: "o", Empty: "."}[c]
		if legal[s] {
			mark = "*"
		}
		out.WriteString(" " + mark)
		if s%Side == Side-1 {
			out.WriteString("\n")
		}
	}
	return out.String()
}
