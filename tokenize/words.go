package tokenize

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WordOptions say which words of [FromWords] have a task, and how a text is cut. A task is given to
// one of the words; "" gives it to none, and then BOS and Pad are the EOS, as everywhere.
type WordOptions struct {
	BOS, EOS string // begin and end a text
	Pad      string // fills up short rows
	Unk      string // stands for what is no word; without it such a text is an error

	// Characters cuts a text into characters, each a word; else it is cut at white space. Words
	// with a task are found as they are written in either case.
	Characters bool
}

// FromWords is the tokenizer of a toy model: the id of a word is its place in words. Brackets, for
// one:
//
//	tokenize.FromWords([]string{"[start]", "[pad]", "[end]", "(", ")"},
//		tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true})
//
// It is the WordLevel model of Hugging Face's tokenizers, and [Tokenizer.Save] writes it as a
// tokenizer.json. Words that no text could give, since they hold white space or more than a
// character where that is how texts are cut, are refused.
func FromWords(words []string, options WordOptions) (*Tokenizer, error) {
	if err := checkWords(words, options); err != nil {
		return nil, fmt.Errorf("FromWords: %w", err)
	}
	memory, err := options.files(words)
	if err != nil {
		return nil, fmt.Errorf("FromWords: %w", err)
	}
	t, err := loadFile(&folder{memory: memory}, "tokenizer.json")
	if err != nil {
		return nil, fmt.Errorf("FromWords: %w", err)
	}
	return t, nil
}

// A wordRole is a word with a task, by the name of the task in tokenizer_config.json.
type wordRole struct{ name, word string }

// roles are the tasks that are given.
func (o WordOptions) roles() []wordRole {
	all := []wordRole{{"bos_token", o.BOS}, {"eos_token", o.EOS}, {"pad_token", o.Pad}, {"unk_token", o.Unk}}
	return slices.DeleteFunc(all, func(r wordRole) bool { return r.word == "" })
}

func checkWords(words []string, o WordOptions) error {
	if len(words) == 0 || len(words) > maxID {
		return fmt.Errorf("%d words; want 1 to %d", len(words), maxID)
	}
	special := make(map[string]bool)
	for _, r := range o.roles() {
		if !slices.Contains(words, r.word) {
			return fmt.Errorf("the %s %q is none of the words", r.name, brief(r.word))
		}
		special[r.word] = true
	}
	places := make(map[string]int, len(words))
	for id, word := range words {
		before, twice := places[word]
		places[word] = id
		switch {
		case word == "":
			return fmt.Errorf("word %d is empty", id)
		case !utf8.ValidString(word):
			return fmt.Errorf("word %d, %q, is not UTF-8", id, brief(word))
		case twice:
			return fmt.Errorf("words %d and %d are both %q", before, id, brief(word))
		case special[word]:
		case o.Characters && utf8.RuneCountInString(word) > 1:
			return fmt.Errorf("word %d, %q, is no character, which is what Characters cuts a text into", id, brief(word))
		case !o.Characters && strings.IndexFunc(word, unicode.IsSpace) >= 0:
			return fmt.Errorf("word %d, %q, holds white space, which is where a text is cut: see WordOptions.Characters", id, brief(word))
		}
	}
	return nil
}

// files are those that Hugging Face's libraries have of such a tokenizer.
func (o WordOptions) files(words []string) (map[string][]byte, error) {
	type object map[string]any
	vocab := make(map[string]int, len(words))
	for id, word := range words {
		vocab[word] = id
	}
	var added []object
	config := object{"tokenizer_class": "PreTrainedTokenizerFast"}
	for _, r := range o.roles() {
		config[r.name] = r.word
		if !slices.ContainsFunc(added, func(a object) bool { return a["content"] == r.word }) {
			added = append(added, object{"id": vocab[r.word], "content": r.word, "special": true,
				"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
		}
	}
	slices.SortFunc(added, func(a, b object) int { return a["id"].(int) - b["id"].(int) })
	file := object{"version": "1.0", "added_tokens": added, "model": object{"type": "WordLevel", "vocab": vocab, "unk_token": o.Unk},
		"pre_tokenizer": object{"type": "WhitespaceSplit"}}
	if o.Characters {
		file["pre_tokenizer"] = object{"type": "Split", "pattern": object{"Regex": `[\s\S]`}, "behavior": "Isolated", "invert": false}
		file["decoder"] = object{"type": "Fuse"}
	}
	out := make(map[string][]byte)
	for name, content := range map[string]object{"tokenizer.json": file, "tokenizer_config.json": config} {
		data, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		out[name] = data
	}
	return out, nil
}
