// Package nearest suggests what a mistyped name may have meant.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// shown is how many suggestions a message carries: enough to see the pattern of
// the names, few enough to read.
const shown = 3

// Names returns up to n of the candidates, nearest to name first by edit distance
// (Levenshtein 1966), ties in alphabetical order.
func Names(name string, candidates []string, n int) []string {
	type scored struct {
		name     string
		distance int
	}
	all := make([]scored, len(candidates))
	for i, c := range candidates {
		all[i] = scored{c, distance(strings.ToLower(name), strings.ToLower(c))}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	out := make([]string, min(n, len(all)))
	for i := range out {
		out[i] = all[i].name
	}
	return out
}

// Hint is the end of an error message: `; nearest: "a", "b", "c"`, or nothing
// where there are no candidates.
func Hint(name string, candidates []string) string {
	quoted := make([]string, 0, shown)
	for _, c := range Names(name, candidates, shown) {
		quoted = append(quoted, fmt.Sprintf("%q", brief.Text(c)))
	}
	if len(quoted) == 0 {
		return ""
	}
	return "; nearest: " + strings.Join(quoted, ", ")
}

// distance is the number of bytes to insert, delete or replace to turn a into b,
// computed one row of the usual table at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
