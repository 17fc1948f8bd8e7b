package othello_test

import (
	"math/rand/v2"
	"testing"

	"gopherlens/notebooks/models/othello"
)

// TestPerft counts the lines of so many moves and compares with a second implementation below,
// which is slow and has nothing in common with the first. A pass is no move.
func TestPerft(t *testing.T) {
	for depth := 1; depth <= 5; depth++ {
		got, want := count(othello.New(), depth), slowCount(slowStart(), 1, depth)
		if got != want {
			t.Errorf("%d lines of %d moves, want %d", got, depth, want)
		}
	}
}

func count(b othello.Board, depth int) (n int) {
	if depth == 0 {
		return 1
	}
	for _, at := range b.Legal() {
		next := b
		if err := next.Play(at); err != nil {
			return -1
		}
		n += count(next, depth-1)
	}
	return n
}

// The second implementation: a board with a frame, squares as numbers of a row of 8.
func slowStart() (b [64]int) {
	b[3*8+3], b[4*8+4], b[3*8+4], b[4*8+3] = -1, -1, 1, 1
	return b
}

func slowPlay(b [64]int, at, side int) ([64]int, bool) {
	after, some := b, false
	for _, step := range []int{-9, -8, -7, -1, 1, 7, 8, 9} {
		n := 0
		for b[at+step*(n+1)] == -side {
			n++
		}
		if n > 0 && b[at+step*(n+1)] == side {
			some = true
			for k := range n + 1 {
				after[at+step*k] = side
			}
		}
	}
	return after, some
}

func slowCount(b [64]int, side, depth int) (n int) {
	if depth == 0 {
		return 1
	}
	for _, s := range []int{side, -side} {
		moved := false
		for row := 1; row <= 6; row++ {
			for column := 1; column <= 6; column++ {
				at := row*8 + column
				if b[at] != 0 {
					continue
				}
				if after, ok := slowPlay(b, at, s); ok {
					moved = true
					n += slowCount(after, -s, depth-1)
				}
			}
		}
		if moved {
			return n
		}
	}
	return n
}

// TestFlips holds the flips of a position that is easy to see: a row and a diagonal at once.
func TestFlips(t *testing.T) {
	b := othello.Board{Turn: othello.Black}
	for at, c := range map[int]othello.Colour{0: othello.Black, 7: othello.White, 17: othello.Black, 15: othello.White, 16: othello.White, 20: othello.White} {
		b.At[at] = c
	}
	got := b.Flips(14) // c3: the diagonal from a1 over b2, the row to f3 over d3 and e3; c4 leads nowhere
	want := map[int]bool{7: true, 15: true, 16: true}
	if len(got) != len(want) {
		t.Fatalf("flips %v", got)
	}
	for _, s := range got {
		if !want[s] {
			t.Errorf("flips %s", othello.Name(s))
		}
	}
	if b.Flips(0) != nil || b.Flips(35) != nil || b.Play(35) == nil {
		t.Error("a taken square and one that turns nothing are no moves")
	}
}

// TestRandomGame holds that a game ends when nobody can move, that each move leaves one disc more,
// and that passes happen.
func TestRandomGame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	passes, full := 0, 0
	for range 200 {
		moves := othello.RandomGame(random)
		b := othello.New()
		for i, at := range moves {
			side := b.Turn
			if err := b.Play(at); err != nil {
				t.Fatal(err)
			}
			discs := 0
			for _, c := range b.At {
				if c != othello.Empty {
					discs++
				}
			}
			if discs != 5+i {
				t.Fatalf("%d discs after %d moves", discs, i+1)
			}
			if b.Turn == side {
				passes++
			}
		}
		if b.Turn != othello.Empty || len(b.Legal()) != 0 {
			t.Fatal("the game is not over")
		}
		if len(moves) == othello.Moves {
			full++
		}
	}
	if passes == 0 || full < 20 || full == 200 {
		t.Errorf("%d passes, %d full boards in 200 games", passes, full)
	}
}
