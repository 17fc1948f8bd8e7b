package corpus_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked/corpus"
)

// rowsOf reads contexts to the end.
func rowsOf(t *testing.T, c corpus.Contexts, from int) [][]int {
	t.Helper()
	var rows [][]int
	for row, err := range c.From(from) {
		if err != nil {
			t.Fatal(err)
		}
		if len(row) != c.Length() {
			t.Fatalf("a row has %d tokens, want %d", len(row), c.Length())
		}
		rows = append(rows, row)
	}
	return rows
}

func TestFromTokensCanBeReadFromAnyRow(t *testing.T) {
	rows := [][]int{{1, 2}, {3, 4}, {5, 6}}
	c, err := corpus.FromTokens(rows)
	if err != nil {
		t.Fatal(err)
	}
	for from := range 4 {
		if got := rowsOf(t, c, from); !slices.EqualFunc(got, rows[from:], slices.Equal) {
			t.Errorf("from row %d: %v, want %v", from, got, rows[from:])
		}
	}
	other, err := corpus.FromTokens([][]int{{1, 2, 3}, {4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	if other.Key() == c.Key() {
		t.Error("rows of another length have the same key")
	}
}

func TestFromTokensCopies(t *testing.T) {
	rows := [][]int{{1, 2}}
	c, err := corpus.FromTokens(rows)
	if err != nil {
		t.Fatal(err)
	}
	rows[0][0] = 7
	rowsOf(t, c, 0)[0][1] = 8
	if got := rowsOf(t, c, 0)[0]; !slices.Equal(got, []int{1, 2}) {
		t.Errorf("the rows have become %v", got)
	}
}

func TestFromTokensRefuses(t *testing.T) {
	for _, test := range []struct {
		rows [][]int
		want string
	}{
		{nil, "no tokens"},
		{[][]int{{}}, "no tokens"},
		{[][]int{{1}, {2, 3}}, "row 1 has 2 tokens"},
		{[][]int{{1, -2}}, "-2 is no token"},
	} {
		if _, err := corpus.FromTokens(test.rows); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want %q", test.rows, err, test.want)
		}
	}
	c, err := corpus.FromTokens([][]int{{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{-1, 2} {
		for _, err := range c.From(from) {
			if err == nil || !strings.Contains(err.Error(), "no row") {
				t.Errorf("from row %d: error %v", from, err)
			}
		}
	}
}
