package tokenize_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
	"gopherlens/tokenize"
)

// The ids and texts are those of Hugging Face's tokenizers 0.23.3 with the tokenizer.json that Save
// writes, see testdata/words.py.
func TestFromWords(t *testing.T) {
	for _, test := range []struct {
		name    string
		words   []string
		options tokenize.WordOptions
		texts   map[string][]int
		decoded map[string]string
	}{
		{
			"brackets", []string{"[start]", "[pad]", "[end]", "(", ")"},
			tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true},
			map[string][]int{"(())": {3, 3, 4, 4}, "[start]()[end]": {0, 3, 4, 2}, "": {}},
			map[string]string{"(())": "(())", "[start]()[end]": "[start]()[end]"},
		}, {
			"words", []string{"<unk>", "one", "plus", "naïve", "is", "="},
			tokenize.WordOptions{Unk: "<unk>"},
			map[string][]int{"one plus  one = two": {1, 2, 1, 5, 0}, "naïve is\nnaïve": {3, 4, 3}, "one<unk>plus": {1, 0, 2}, "oneplus": {0}},
			map[string]string{"one plus  one = two": "one plus one = <unk>", "naïve is\nnaïve": "naïve is naïve"},
		},
	} {
		made, err := tokenize.FromWords(test.words, test.options)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		dir := t.TempDir()
		if err := made.Save(dir); err != nil {
			t.Fatal(err)
		}
		loaded, err := tokenize.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for which, tok := range map[string]*tokenize.Tokenizer{"made": made, "loaded": loaded} {
			if tok.VocabSize() != len(test.words) {
				t.Errorf("%s, %s: %d tokens, want %d", test.name, which, tok.VocabSize(), len(test.words))
			}
			for id, word := range test.words {
				if got, ok := tok.TokenToID(word); got != id || !ok {
					t.Errorf("%s, %s: %q has id %d, want %d", test.name, which, word, got, id)
				}
			}
			for text, want := range test.texts {
				got, err := tok.Encode(text)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, %s: %q is %v, want %v (%v)", test.name, which, text, got, want, err)
				}
			}
			for text, want := range test.decoded {
				if got, err := tok.Decode(test.texts[text]); got != want || err != nil {
					t.Errorf("%s, %s: %v is %q, want %q (%v)", test.name, which, test.texts[text], got, want, err)
				}
			}
			for task, f := range map[string]func() (int, bool){test.options.BOS: tok.BOS, test.options.EOS: tok.EOS, test.options.Pad: tok.Pad, test.options.Unk: tok.Unk} {
				if id, ok := f(); task != "" && (!ok || test.words[id] != task) {
					t.Errorf("%s, %s: the token %q has id %d", test.name, which, task, id)
				}
			}
		}
	}
}

func TestFromWordsErrors(t *testing.T) {
	for _, test := range []struct {
		words   []string
		options tokenize.WordOptions
		want    string
	}{
		{nil, tokenize.WordOptions{}, "0 words"},
		{[]string{"a", ""}, tokenize.WordOptions{}, "word 1 is empty"},
		{[]string{"a", "b", "a"}, tokenize.WordOptions{}, "words 0 and 2"},
		{[]string{"a b"}, tokenize.WordOptions{}, "white space"},
		{[]string{"ab"}, tokenize.WordOptions{Characters: true}, "no character"},
		{[]string{"a"}, tokenize.WordOptions{BOS: "<s>"}, `bos_token "<s>"`},
		{[]string{"a\xff"}, tokenize.WordOptions{}, "UTF-8"},
	} {
		if _, err := tokenize.FromWords(test.words, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want something of %q", test.words, err, test.want)
		}
	}
	tok, err := tokenize.FromWords([]string{"a", "b"}, tokenize.WordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.Encode("a c"); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("a word that is not there gives %v, %v", ids, err)
	}
}

// What Save writes is the same tokenizer again, whatever it was read from.
func TestSave(t *testing.T) {
	texts := []string{"Hello, world!", " naïve  façade 12345\n\tend", "<|endoftext|>x<s></s>[CLS]", "日本語 👩‍🚀", ""}
	entries, err := os.ReadDir("testdata/trained")
	if err != nil {
		t.Fatal(err)
	}
	folders := []string{"smollm2_digits", "gpt2"}
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, "trained/"+e.Name())
		}
	}
	for _, folder := range folders {
		dir := unpack(t, folder)
		// the class of tokenizer is config.json's to tell where nothing else does
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"model_type": "", "vocab_size": 10}`), 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenize.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		if err := tok.Save(out); err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		sameTokenizer(t, folder, tok, out, texts)
		if config, err := os.ReadFile(filepath.Join(out, "config.json")); err == nil && string(config) != `{"model_type":""}` {
			t.Errorf("%s: of config.json %s is saved", folder, config)
		}
	}
}

func sameTokenizer(t *testing.T, name string, tok *tokenize.Tokenizer, dir string, texts []string) {
	t.Helper()
	again, err := tokenize.Load(dir)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	tasks := func(tok *tokenize.Tokenizer) []int {
		var ids []int
		for _, f := range []func() (int, bool){tok.BOS, tok.EOS, tok.Pad, tok.Unk} {
			id, _ := f()
			ids = append(ids, id)
		}
		return append(ids, tok.VocabSize())
	}
	if got, want := tasks(again), tasks(tok); !slices.Equal(got, want) {
		t.Errorf("%s: special tokens and size %v, want %v", name, got, want)
	}
	for _, text := range texts {
		want, wantErr := tok.EncodeWithSpecial(text)
		got, gotErr := again.EncodeWithSpecial(text)
		if !slices.Equal(got, want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%s: %q is %v (%v), want %v (%v)", name, text, got, gotErr, want, wantErr)
			continue
		}
		back, _ := again.Decode(got)
		if wantBack, _ := tok.Decode(want); back != wantBack {
			t.Errorf("%s: %v is %q, want %q", name, got, back, wantBack)
		}
	}
}

// A GGUF file's tokenizer is kept with the types of its values.
func TestSaveOfGGUF(t *testing.T) {
	saved := 0
	for _, path := range ggufFiles(t) {
		file, err := weights.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := tokenize.FromGGUF(file.Metadata())
		if err != nil {
			continue
		}
		saved++
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		sameTokenizer(t, path, tok, dir, []string{"Hello, world!", " naïve  12", "<s>"})
		if again, err := tokenize.Load(dir); err != nil || again.Save(t.TempDir()) != nil {
			t.Errorf("%s: what was loaded cannot be saved: %v", path, err)
		}
	}
	metadata := map[string]any{"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": []string{"<unk>", "<s>", "</s>", "▁a", "b"},
		"tokenizer.ggml.scores": []float32{0, 0, 0, -1.1, -2.3}, "tokenizer.ggml.token_type": []int32{2, 3, 3, 1, 1},
		"tokenizer.ggml.bos_token_id": uint32(1), "tokenizer.ggml.eos_token_id": uint32(2), "tokenizer.ggml.unknown_token_id": uint32(0),
		"tokenizer.ggml.add_bos_token": true}
	tok, err := tokenize.FromGGUF(metadata)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	sameTokenizer(t, "GGUF", tok, dir, []string{"ab", "a b a"})
	t.Logf("%d files besides", saved)
}

func ggufFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../hooked/testdata/gguf*/*.gguf")
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// A file that is another by now is not written.
func TestSaveOfChangedFiles(t *testing.T) {
	dir := t.TempDir()
	made, err := tokenize.FromWords([]string{"a", "b"}, tokenize.WordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Save(dir); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenize.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(t.TempDir()); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("a changed file: %v", err)
	}
}
