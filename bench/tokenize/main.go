//go:build unix

// Command tokenize is our side of bench/tokenize.py: it encodes the documents of a
// file and writes their tokens.
//
//	tokenize TOKENIZER.json DOCUMENTS
//	tokenize speed TOKENIZER.json DOCUMENTS
//	tokenize categories
//
// A document is its length (4 bytes, little endian) and its bytes. For each, the
// output has the number of tokens n, n ids, n starts and n ends of their spans, and
// the text that the ids decode to, again with its length first.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"unicode"

	"gopherlens/bench/sides"
	"gopherlens/tokenize"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "categories" {
		return categories()
	}
	if len(args) == 3 && args[0] == "speed" {
		return speed(args[1], args[2])
	}
	if len(args) != 2 {
		return fmt.Errorf("usage: tokenize TOKENIZER.json DOCUMENTS")
	}
	tok, err := tokenize.Load(args[0])
	if err != nil {
		return err
	}
	documents, err := read(args[1])
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, text := range documents {
		if err := encode(out, tok, text); err != nil {
			return err
		}
	}
	return out.Flush()
}

// read returns the documents of a file.
func read(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var documents []string
	for len(data) >= 4 {
		n := int(binary.LittleEndian.Uint32(data))
		documents = append(documents, string(data[4:4+n]))
		data = data[4+n:]
	}
	return documents, nil
}

// speed prints how many milliseconds loading takes, and how many megabytes a
// second are encoded, in time of the processor.
func speed(tokenizer, path string) error {
	documents, err := read(path)
	if err != nil {
		return err
	}
	start := sides.ProcessorTime()
	tok, err := tokenize.Load(tokenizer)
	if err != nil {
		return err
	}
	loaded, size := sides.ProcessorTime(), 0
	for _, text := range documents {
		if _, err := tok.Encode(text); err != nil {
			return err
		}
		size += len(text)
	}
	took := sides.ProcessorTime() - loaded
	fmt.Printf("%.1f %.1f\n", (loaded-start).Seconds()*1e3, float64(size)/1e6/took.Seconds())
	return nil
}

// categories prints Go's general categories as JSON: {"Lu": [[65, 90], ...], ...}.
func categories() error {
	out := make(map[string][][2]rune)
	for name, table := range unicode.Categories {
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if !unicode.Is(table, r) {
				continue
			}
			if n := len(out[name]); n > 0 && out[name][n-1][1] == r-1 {
				out[name][n-1][1] = r
			} else {
				out[name] = append(out[name], [2]rune{r, r})
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func encode(out *bufio.Writer, tok *tokenize.Tokenizer, text string) error {
	ids, err := tok.Encode(text)
	if err != nil {
		return err
	}
	e, err := tok.Offsets(text)
	if err != nil {
		return err
	}
	decoded, err := tok.Decode(ids)
	if err != nil {
		return err
	}
	if len(e.IDs) != len(ids) {
		return fmt.Errorf("Encode gives %d tokens, Offsets %d: %q", len(ids), len(e.IDs), text)
	}
	put(out, len(ids))
	for _, id := range ids {
		put(out, id)
	}
	for _, span := range e.Spans {
		put(out, span.Start)
	}
	for _, span := range e.Spans {
		put(out, span.End)
	}
	put(out, len(decoded))
	_, err = out.WriteString(decoded)
	return err
}

func put(out *bufio.Writer, n int) {
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(n))) // Flush reports the error
}
