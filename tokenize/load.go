package tokenize

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/internal/fault"
)

// Load reads a tokenizer from disk. path is
//   - a folder as Hugging Face's hub has it: tokenizer.json is used if it is
//     there, else vocab.json with merges.txt, else tokenizer.model, else what
//     [Tokenizer.Save] has written of a GGUF file's;
//   - or one of these files.
//
// tokenizer_config.json, special_tokens_map.json and added_tokens.json beside it are
// read as AutoTokenizer of Hugging Face's transformers 5 reads them, so that ids and texts
// are the same; config.json tells the class of tokenizer where they do not. A field that
// is not known, or that transformers 4 and 5 understand differently while tokenizer.json
// says otherwise, is refused by its name, as is a component that is not known here: tokens
// that are slightly wrong do more harm than none.
//
// A file cannot make Load, or the tokenizer, run for ever or fill the memory: the lengths,
// numbers and depths of what it may hold are bounded, and so is the time for its regular
// expressions.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if info.IsDir() {
		if path, err = findFile(path); err != nil {
			return nil, err
		}
	}
	t, err := loadFile(newFolder(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return nil, refused(fmt.Errorf("tokenizer %s: %w", path, err))
	}
	return t, nil
}

// tokenizerFiles are the files that Load looks for, best first.
var tokenizerFiles = []string{"tokenizer.json", "vocab.json", "tokenizer.model", ggufFile}

func findFile(folder string) (string, error) {
	for _, name := range tokenizerFiles {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	err := fmt.Errorf("tokenizer: folder %s has none of %s", folder, strings.Join(tokenizerFiles, ", "))
	return "", fault.Mark(err, fs.ErrNotExist)
}

// loadFile reads the tokenizer whose main file is called name.
func loadFile(from *folder, name string) (*Tokenizer, error) {
	if name == ggufFile {
		data, err := from.file(name)
		if err != nil {
			return nil, err
		}
		return parseGGUFFile(data)
	}
	s, err := readSettings(from, formatOf(name) == formatJSON)
	if err != nil {
		return nil, err
	}
	data, err := from.file(name)
	if err != nil {
		return nil, err
	}
	t, err := parseFile(from, name, data, s)
	if err != nil {
		return nil, err
	}
	t.from = from
	if err := t.configure(s); err != nil {
		return nil, err
	}
	if t.chats, err = readChatTemplates(from, s.config); err != nil {
		return nil, err
	}
	if formatOf(name) == formatJSON {
		s.applyTemplate(t)
		return t, nil
	}
	return t, s.addTemplate(t)
}

// A format is a way to write a tokenizer.
type format int

const (
	formatJSON   format = iota // tokenizer.json
	formatMerges               // vocab.json and merges.txt
	formatModel                // sentencepiece's
)

func formatOf(name string) format {
	switch {
	case name == "vocab.json":
		return formatMerges
	case filepath.Ext(name) == ".model":
		return formatModel
	}
	return formatJSON
}

func parseFile(from *folder, name string, data []byte, s *settings) (*Tokenizer, error) {
	switch formatOf(name) {
	case formatMerges:
		return loadVocabMerges(from, data, s)
	case formatModel:
		return parseSentencePiece(data, s)
	}
	return parseTokenizer(data, s)
}

// configure applies what the files beside a tokenizer say.
func (t *Tokenizer) configure(s *settings) error {
	if err := t.addTokens(s.tokensToAdd()); err != nil {
		return err
	}
	t.setSpecial(s)
	t.splitSpecial = s.splitSpecial
	_, isBPE := t.model.(*bpe)
	t.cleanUp = s.cleanUp && (s.cleanUpBPE || !isBPE)
	// Such a BOS would be taken apart again, or is not written in text at all.
	t.bosAsID = t.bosAsID || s.splitSpecial || slices.Contains(bosClasses, s.class)
	return nil
}

// mergesHeader begins the first line of merges.txt.
const mergesHeader = "#version"

// loadVocabMerges reads GPT-2's own format: vocab.json and, beside it, merges.txt.
func loadVocabMerges(from *folder, data []byte, config *settings) (*Tokenizer, error) {
	setUp, ok := byteLevelClasses[config.class]
	if !ok {
		return nil, fmt.Errorf("how a %s splits text is not known without its tokenizer.json", brief(config.class))
	}
	s, err := newJSONScanner(data)
	if err != nil {
		return nil, err
	}
	v, err := parseVocab(s)
	if err != nil {
		return nil, err
	}
	merges, err := readMerges(from)
	if err != nil {
		return nil, err
	}
	t, err := newByteLevelBPE(v, merges, setUp)
	if err != nil {
		return nil, err
	}
	config.addClassNames()
	return t, config.applyPrefixSpace(t)
}

func readMerges(from *folder) ([][2]string, error) {
	path := filepath.Join(from.dir, "merges.txt")
	data, err := from.file("merges.txt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Mark(fmt.Errorf("vocab.json needs %s beside it, which does not exist", path), fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	merges := make([][2]string, 0, bytes.Count(data, []byte("\n")))
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, mergesHeader) {
			continue
		}
		pair, err := splitMerge(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		merges = append(merges, pair)
	}
	return merges, lines.Err()
}

// byteLevelSetUp is what files without a tokenizer.json leave unsaid.
type byteLevelSetUp struct {
	pattern      string // the split pattern; empty for GPT-2's
	digits       bool   // each digit is a word
	nfc          bool   // text is brought to normalisation form C first
	ignoreMerges bool
}

// byteLevelClasses are the tokenizers of Hugging Face's transformers that are
// GPT-2's but for the set-up.
var byteLevelClasses = map[string]byteLevelSetUp{
	"":                 {}, // no tokenizer_config.json: OpenAI's own files
	"GPT2Tokenizer":    {},
	"CodeGenTokenizer": {},
	"Qwen2Tokenizer":   {pattern: qwen2Pattern, nfc: true},
}

// newByteLevelBPE makes a byte-level tokenizer without a tokenizer.json.
func newByteLevelBPE(v *vocab, merges [][2]string, setUp byteLevelSetUp) (*Tokenizer, error) {
	m, err := newBPE(v, merges, bpeSettings{IgnoreMerges: setUp.ignoreMerges})
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{vocab: v, model: m, decoder: byteDecoder{}, special: noSpecial}
	if setUp.nfc {
		t.normalizer = normalizerSequence{nfc}
	}
	if setUp.digits {
		t.splits = append(t.splits, digitsApart{cut{numerics.has, isolated}})
	}
	last := &byteLevel{UseRegex: setUp.pattern == ""}
	if scan, ok := scanners[setUp.pattern]; ok {
		t.splits = append(t.splits, scanSplit(scan))
	}
	t.splits = append(t.splits, last)
	t.takeBytes(m)
	return t, t.addTokens(specialsOf(v))
}

// specialsOf returns the tokens of a bare vocabulary that are found in text as
// they are written: GPT-2's one.
func specialsOf(v *vocab) []addedToken {
	id, ok := v.ids[endOfText]
	if !ok {
		return nil
	}
	return []addedToken{{ID: id, Content: endOfText, Special: true}}
}
