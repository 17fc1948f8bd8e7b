//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestWanted holds the ratios that are wanted against the rows that both sides measure: one of a
// row that is called otherwise would be left out of the table without a word.
func TestWanted(t *testing.T) {
	for _, side := range []string{"ours.go", "work.py"} {
		source, err := os.ReadFile(side)
		if err != nil {
			t.Fatal(err)
		}
		for name := range wanted {
			if quoted := strconv.Quote(name); !strings.Contains(string(source), quoted) {
				t.Errorf("%s measures no row %s, of which a ratio is wanted", side, quoted)
			}
		}
	}
}
