package corpus_test

import (
	"fmt"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/tokenize"
)

// counting is a tokenizer of a few words.
func counting() *tokenize.Tokenizer {
	words := strings.Fields("[start] one two three four five six seven")
	return hooked.Must(tokenize.FromWords(words, tokenize.WordOptions{BOS: "[start]"}))
}

// Documents one after the other, a BOS between two and at the beginning of each row.
func Example() {
	texts := hooked.Must(corpus.FromStrings("one two three", "four", "five six seven"))
	rows := hooked.Must(corpus.Tokenize(texts, counting(), corpus.Options{Length: 4}))
	for row, err := range rows.From(0) {
		fmt.Println(row, err)
	}
	fmt.Printf("%+v\n", hooked.Must(rows.Count()))
	// Output:
	// [0 1 2 3] <nil>
	// [0 4 0 5] <nil>
	// {Documents:3 Empty:0 Short:0 Tokens:7 Rows:2 Left:3}
}

// A training's data and what it is evaluated on have no document in common.
func ExampleSplit() {
	texts := hooked.Must(corpus.FromStrings("one two three", "two three four", "three four five", "four five six"))
	held, rest, err := corpus.Split(texts, 0.25, 1)
	if err != nil {
		panic(err)
	}
	shuffled := hooked.Must(corpus.Shuffled(rest, 2))
	data := corpus.Batches(hooked.Must(corpus.Tokenize(shuffled, counting(), corpus.Options{Length: 4})), 3)
	eval := corpus.Batches(hooked.Must(corpus.Tokenize(held, counting(), corpus.Options{Length: 4})), 1)
	for batch, err := range data {
		fmt.Println("train", batch.Tokens, err)
	}
	for batch, err := range eval {
		fmt.Println("eval ", batch.Tokens, err)
	}
	// Output:
	// train [[0 3 4 5] [0 4 5 6] [0 2 3 4]] <nil>
	// eval  [[0 1 2 3]] <nil>
}
