package tokenize_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// "x0000000" can be cut into x 000 0000 and x 0000 000, which are equally probable:
// the last bits of the scores decide, and so does how their decimals are read. The
// expected ids are those of tokenizers 0.23.3; reading the decimals exactly gives
// the other order in each case.
func TestScoreRounding(t *testing.T) {
	tests := []struct {
		scores string
		want   []int
	}{
		{`["000", -11.014590623519219], ["0000", -8.596602407430321], ["x", -2.340169718264076]`, []int{3, 2, 1}},
		{`["000", -11.294874004991147], ["0000", -11.077184510569877], ["x", -9.050967273722714]`, []int{3, 1, 2}},
		{`["000", -11.892459825231207], ["0000", -10.623138838984804], ["x", -8.026862701201797]`, []int{3, 2, 1}},
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	for _, test := range tests {
		file := `{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ` + test.scores + `]}}`
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if ids, err := load(t, path).Encode("x0000000"); err != nil || !slices.Equal(ids, test.want) {
			t.Errorf("Encode with %s = %v, %v, want %v", test.scores, ids, err, test.want)
		}
	}
}
