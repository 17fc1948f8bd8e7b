package othello_test

import (
	"fmt"

	"gopherlens/notebooks/models/othello"
)

// A game's first three moves, and where the next may go: white turns what lies between.
func Example() {
	board := othello.New()
	names := func(squares []int) (all []string) {
		for _, at := range squares {
			all = append(all, othello.Name(at))
		}
		return all
	}
	var played []int
	for range 3 {
		move := board.Legal()[0]
		played = append(played, move)
		if err := board.Play(move); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(names(played))
	fmt.Println(board.Turn, "may play", names(board.Legal()))
	// Output:
	// [c2 b2 a2]
	// white may play [a1 c1 d2 e3 b4 c5]
}
