package tokenize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// More combining marks than golang.org/x/text orders at once: what the normalisers of
// tokenizers 0.23.3 make of "e", forty times an acute accent and a cedilla, and "x".
func TestManyMarks(t *testing.T) {
	text := "e" + strings.Repeat("\u0301\u0327", 40) + "x"
	apart := "e" + strings.Repeat("\u0327", 40) + strings.Repeat("\u0301", 40) + "x"
	joined := "\u0229" + strings.Repeat("\u0327", 39) + strings.Repeat("\u0301", 40) + "x"
	for form, want := range map[string]string{"NFC": joined, "NFD": apart, "NFKC": joined, "NFKD": apart} {
		tok, err := loadText(t, fmt.Sprintf(`{"normalizer": {"type": %q}, "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, %q: 1}}}`, form, want))
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := tok.Encode(text); err != nil || !slices.Equal(ids, []int{1}) {
			t.Errorf("%s: Encode = %v, %v, want [1]", form, ids, err)
		}
	}
}
