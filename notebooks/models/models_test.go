package models

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
)

// TestBracketTexts holds that five texts of eight balance, that the labels are right by another
// rule (what remains when "()" is taken away again and again), and that the others fail in each
// way.
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

// TestOthelloLoss holds that the labels of a game are probabilities, and of the moves that the
// rules allow, among them the one that was played.
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

// trained is a model that is committed; the test that asks is left out where it is not yet.
func trained(t *testing.T, name string) *hooked.Model {
	t.Helper()
	if _, err := os.Stat(filepath.Join("weights", name)); err != nil {
		t.Skip(err)
	}
	m, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBrackets holds that the committed model can do its task, on texts that it was not trained on.
func TestBrackets(t *testing.T) {
	m := trained(t, "brackets")
	b := bracketBatch(BracketTexts(150, 31))
	logits := hooked.Must(m.Run(b.Tokens, hooked.AttentionMask(b.Mask))).At(hooked.All, 0).Rows()
	right := 0
	for i, want := range b.Labels["balanced"].([]int) {
		if (logits[i][1] > logits[i][0]) == (want == 1) {
			right++
		}
	}
	if right < 147 {
		t.Errorf("%d of 150 texts are judged rightly", right)
	}
}

// TestTwoLayers holds that the committed model says again what it has read once: the second time a
// stretch costs little. Guessing among all words costs 4.8 nats.
func TestTwoLayers(t *testing.T) {
	m := trained(t, "two-layers")
	rows := TwoLayersRepeats(8, 31)
	for i, row := range rows { // twice the same 22 words
		rows[i] = append(append([]int{0}, row[1:23]...), row[1:23]...)
	}
	second := hooked.Must(m.Loss(rows, hooked.LossPerToken())).At(hooked.All, hooked.Range{From: 22}).Mean().Item()
	if !(second < 1) {
		t.Errorf("the second time costs %.2f nats a word", second)
	}
}

// TestGrokking holds that the committed model adds pairs that it was not trained on, and that it
// could not at the first moment that was kept.
func TestGrokking(t *testing.T) {
	m := trained(t, "grokking")
	_, unknown, err := GrokkingPairs()
	if err != nil {
		t.Fatal(err)
	}
	right := func(m *hooked.Model) (n int) {
		guesses := hooked.Must(m.Run(unknown.Tokens[:500], hooked.LogitsAt(-1))).At(hooked.All, 0).ArgMax("d_vocab_out").Ints()
		for i, guess := range guesses {
			if guess == unknown.Labels["sum"].([]int)[i] {
				n++
			}
		}
		return n
	}
	if n := right(m); n < 490 {
		t.Errorf("%d of 500 sums are right", n)
	}
	moments, err := Moments("grokking")
	if err != nil || len(moments) < 8 || len(moments) > 12 {
		t.Fatalf("%d moments: %v", len(moments), err)
	}
	if n := right(hooked.Must(m.WithWeights(moments[0].Weights))); n > 50 {
		t.Errorf("after %d steps %d of 500 sums are right already", moments[0].Step, n)
	}
}

// TestOthello holds that the committed model's likeliest moves are legal.
func TestOthello(t *testing.T) {
	m := trained(t, "othello")
	games := OthelloGames(20, 31)
	right, all := 0, 0
	for g, row := range hooked.Must(m.Run(games)).ArgMax("d_vocab").IntRows() {
		for i, b := range OthelloBoards(games[g]) {
			if all++; row[i] > 0 && b.IsLegal(OthelloSquare(row[i])) {
				right++
			}
		}
	}
	if float64(right) < 0.95*float64(all) {
		t.Errorf("%d of %d moves are legal", right, all)
	}
}

// TestDictionary holds that the committed dictionary is what its notebook says, that its directions
// have norm one but for rounding, and that it is not taken for a model.
func TestDictionary(t *testing.T) {
	d, err := LoadDictionary("smollm2-resid-12")
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Config; c.Kind != dictionary.TopK || c.Features != residFeatures || c.K != residActive || c.Hook != "blocks.12.hook_resid_post" || c.DIn != 576 {
		t.Errorf("it is %v", d)
	}
	for i, n := range d.Weights["W_dec"].Norm("d_out").Float32s() {
		if !(n > 0.99 && n < 1.01) {
			t.Fatalf("direction %d has norm %v", i, n)
		}
	}
	if _, err := Load("smollm2-resid-12"); err == nil || !strings.Contains(err.Error(), "LoadDictionary") {
		t.Errorf("as a model: %v", err)
	}
	if _, err := LoadDictionary("brackets"); err == nil || !strings.Contains(err.Error(), "Load it") {
		t.Errorf("a model as a dictionary: %v", err)
	}
}

// TestFourLayers holds that the committed model has learnt words that belong together.
func TestFourLayers(t *testing.T) {
	m := trained(t, "four-layers")
	tok := hooked.Must(m.Tokenizer())
	for text, want := range map[string]string{"the government of the united": "states", "it was one of the": "most"} {
		logits := hooked.Must(m.Run(text, hooked.LogitsAt(-1))).At(0, 0)
		id, _ := tok.TokenToID(want)
		if n := int(logits.Gt(logits.At(id)).Float().Sum().Item()); n > 4 {
			t.Errorf("%q: %d words are likelier than %q", text, n, want)
		}
	}
}

// TestSize holds that what is committed stays small.
func TestSize(t *testing.T) {
	total := int64(0)
	err := filepath.WalkDir("weights", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil || total > 12e6 {
		t.Errorf("%d bytes, %v: want at most 12 MB", total, err)
	}
}
