package models

import (
	"strings"
	"testing"
)

// TestBracketTexts holds that five texts of eight balance, that the labels are right by another rule
// (what remains when "()" is taken away again and again), and that the others fail in each way.
func TestBracketTexts(t *testing.T) {
	balanced, count, below := 0, 0, 0
	for _, b := range BracketTexts(4000, 7) {
		if len(b.Text) < 2 || len(b.Text) > LongestBrackets || len(b.Text)%2 != 0 {
			t.Fatalf("%d brackets", len(b.Text))
		}
		rest := b.Text
		for strings.Contains(rest, "()") {
			rest = strings.ReplaceAll(rest, "()", "")
		}
		if (rest == "") != b.Balanced {
			t.Fatalf("%s: balanced is %v", b.Text, b.Balanced)
		}
		if b.Balanced {
			balanced++
			continue
		}
		if strings.Count(b.Text, "(") != strings.Count(b.Text, ")") {
			count++
		} else {
			below++
		}
	}
	if balanced < 2400 || balanced > 2600 || count < 500 || below < 200 {
		t.Errorf("of 4000 %d balance, %d have a wrong count, %d a wrong order", balanced, count, below)
	}
}

// TestTwoLayersRepeats holds that each row repeats a stretch, of many lengths.
func TestTwoLayersRepeats(t *testing.T) {
	lengths := make(map[int]bool)
	for _, row := range TwoLayersRepeats(50, 1) {
		period := 0
		for n := 4; n <= 20 && period == 0; n++ {
			same := true
			for i := 1; i+n < len(row); i++ {
				same = same && row[i] == row[i+n]
			}
			if same {
				period = n
			}
		}
		if period == 0 || row[0] != 0 {
			t.Fatalf("no repeat: %v", row)
		}
		lengths[period] = true
	}
	if len(lengths) < 10 {
		t.Errorf("%d lengths", len(lengths))
	}
}

// TestUnknown holds that a name that is nobody's is refused with the nearest.
func TestUnknown(t *testing.T) {
	if _, err := Load("bracket"); err == nil || !strings.Contains(err.Error(), "brackets") {
		t.Errorf("got %v", err)
	}
}

// TestOthelloTokens holds that squares and tokens are one to one, and the middle has none.
func TestOthelloTokens(t *testing.T) {
	for token := 1; token <= 32; token++ {
		if got := OthelloToken(OthelloSquare(token)); got != token {
			t.Errorf("token %d became %d", token, got)
		}
	}
	for _, middle := range []int{14, 15, 20, 21} {
		if OthelloToken(middle) != 0 {
			t.Errorf("square %d has a token", middle)
		}
	}
	tok, err := OthelloTokens()
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.Encode("a1 f6"); err != nil || ids[0] != 1 || ids[1] != 32 {
		t.Errorf("%v %v", ids, err)
	}
}

// TestOthelloLoss holds that the labels of a game are probabilities, and of the moves that the rules
// allow, among them the one that was played.
func TestOthelloLoss(t *testing.T) {
	games := OthelloGames(3, 5)
	legal := legalMoves(games)
	for g, game := range games {
		for m := range game {
			row := legal.Data[(g*31+m)*33 : (g*31+m+1)*33]
			sum := float32(0)
			for _, v := range row {
				sum += v
			}
			if sum < 0.999 || sum > 1.001 || row[0] != 0 {
				t.Fatalf("game %d, move %d: %v", g, m, row)
			}
			if m+1 < len(game) && row[game[m+1]] == 0 {
				t.Errorf("game %d: the move that was played after %d is not legal", g, m)
			}
		}
	}
}
