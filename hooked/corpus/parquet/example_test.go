package parquet_test

import (
	"fmt"

	"gopherlens/hooked/corpus"
	"gopherlens/hooked/corpus/parquet"
)

// The texts of a file, each with its label and another column, from the fourth row on.
func Example() {
	texts, err := parquet.Files(corpus.Fields{Label: "kind", Meta: []string{"score"}}, "testdata/zstd.parquet")
	if err != nil {
		fmt.Println(err)
		return
	}
	for d, err := range texts.From(3) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Name, d.Label, d.Meta["score"])
		break
	}
	// Output: testdata/zstd.parquet:3 odd 0.75
}
