package tokenize_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gopherlens/tokenize"
)

// wordsFile is a toy tokenizer.json: byte-level BPE with two merges.
const wordsFile = `{
  "added_tokens": [{"id": 6, "content": "<|endoftext|>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE",
    "vocab": {"h": 0, "i": 1, "Ġ": 2, "hi": 3, "Ġhi": 4, "!": 5},
    "merges": ["h i", "Ġ hi"]}
}`

// loadExample loads wordsFile. A real tokenizer lies in a model's folder.
func loadExample() *tokenize.Tokenizer {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "tokenizer.json")
	if err := os.WriteFile(path, []byte(wordsFile), 0o600); err != nil {
		log.Fatal(err)
	}
	t, err := tokenize.Load(path)
	if err != nil {
		log.Fatal(err)
	}
	return t
}

func Example() {
	t := loadExample()
	ids, _ := t.Encode("hi hi!<|endoftext|>")
	text, _ := t.Decode(ids)
	fmt.Println(ids)
	fmt.Println(text)
	// Output:
	// [3 4 5 6]
	// hi hi!<|endoftext|>
}

func ExampleTokenizer_ToTokens() {
	t := loadExample()
	rows, _ := t.ToTokens([]string{"hi", "hi hi!"}, tokenize.Options{})
	for _, row := range rows { // [text, pos], BOS first, padded on the right
		fmt.Println(row)
	}
	// Output:
	// [6 3 6 6]
	// [6 3 4 5]
}

func ExampleTokenizer_ToStrTokens() {
	t := loadExample()
	tokens, _ := t.ToStrTokens("hi hi!", tokenize.Options{})
	fmt.Printf("%q\n", tokens)
	// Output: ["<|endoftext|>" "hi" " hi" "!"]
}

func ExampleTokenizer_ToSingleToken() {
	t := loadExample()
	id, _ := t.ToSingleToken(" hi")
	fmt.Println(id)
	_, err := t.ToSingleToken("hi!")
	fmt.Println(err)
	// Output:
	// 4
	// "hi!" is 2 tokens: ["hi" "!"]
}

func ExampleTokenizer_Offsets() {
	t := loadExample()
	text := "hi hi!"
	e, _ := t.Offsets(text)
	for i, id := range e.IDs {
		s := e.Spans[i]
		fmt.Printf("%d %v %q\n", id, s, text[s.Start:s.End])
	}
	// Output:
	// 3 {0 2} "hi"
	// 4 {2 5} " hi"
	// 5 {5 6} "!"
}

func ExampleFromWords() {
	tok, err := tokenize.FromWords([]string{"[start]", "[pad]", "[end]", "(", ")"},
		tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := tok.Encode("[start](())[end]")
	fmt.Println(ids, err)
	// Output: [0 3 3 4 4 2] <nil>
}
