package tokenize

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads a tokenizer from disk. path is
//   - a folder as Hugging Face's hub has it: tokenizer.json is used if it is
//     there, else vocab.json with merges.txt, else tokenizer.model;
//   - or one of these files.
//
// tokenizer_config.json and special_tokens_map.json beside it name the special
// tokens. A file with a component that is not known here is refused, since
// tokens that are slightly wrong do more harm than none.
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
	t, err := loadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer %s: %w", path, err)
	}
	return t, nil
}

// tokenizerFiles are the files that Load looks for, best first.
var tokenizerFiles = []string{"tokenizer.json", "vocab.json", "tokenizer.model"}

func findFile(folder string) (string, error) {
	for _, name := range tokenizerFiles {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("tokenizer: folder %s has none of %s", folder, strings.Join(tokenizerFiles, ", "))
}

func loadFile(path string) (*Tokenizer, error) {
	config, err := readConfig(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := parseFile(path, data, config)
	if err != nil {
		return nil, err
	}
	return t, t.configure(config)
}

func parseFile(path string, data []byte, config *configFile) (*Tokenizer, error) {
	switch {
	case filepath.Base(path) == "vocab.json":
		return loadVocabMerges(path, data, config)
	case filepath.Ext(path) == ".model":
		return parseSentencePiece(data, config)
	}
	return parseTokenizer(data)
}

// configure applies what the configuration files say.
func (t *Tokenizer) configure(config *configFile) error {
	for _, id := range slices.Sorted(maps.Keys(config.Added)) {
		a := config.Added[id]
		if _, ok := t.added[id]; ok {
			continue
		}
		a.ID = id
		if err := t.addToken(&a); err != nil {
			return err
		}
	}
	if err := t.setSpecial(config); err != nil {
		return err
	}
	t.overridePrefixSpace(config)
	return t.overrideTemplate(config)
}

// overridePrefixSpace lets add_prefix_space of tokenizer_config.json win over
// that of tokenizer.json, as Hugging Face's transformers does.
func (t *Tokenizer) overridePrefixSpace(config *configFile) {
	if config.AddPrefixSpace == nil || len(t.splits) != 1 {
		return
	}
	b, ok := t.splits[0].(*byteLevel)
	if !ok || b.AddPrefixSpace == *config.AddPrefixSpace {
		return
	}
	b.AddPrefixSpace = *config.AddPrefixSpace
	t.scan = nil
	if b.keepBytes && !b.AddPrefixSpace {
		t.scan = oneScanner(nil, b.UseRegex)
	}
}

// mergesHeader begins the first line of merges.txt.
const mergesHeader = "#version"

// loadVocabMerges reads GPT-2's own format: vocab.json and, beside it, merges.txt.
func loadVocabMerges(path string, data []byte, config *configFile) (*Tokenizer, error) {
	setUp, ok := byteLevelClasses[strings.TrimSuffix(config.Class, "Fast")]
	if !ok {
		return nil, fmt.Errorf("how a %s splits text is not known without its tokenizer.json", config.Class)
	}
	s, err := newJSONScanner(data)
	if err != nil {
		return nil, err
	}
	v, err := parseVocab(s)
	if err != nil {
		return nil, err
	}
	merges, err := readMerges(filepath.Join(filepath.Dir(path), "merges.txt"))
	if err != nil {
		return nil, err
	}
	t, err := newByteLevelBPE(v, merges, setUp)
	if err != nil {
		return nil, err
	}
	// OPT's way to a BOS; configure checks that the token exists.
	if bos, ok := v.ids[string(config.BOS)]; ok && config.AddBOS != nil && *config.AddBOS {
		t.template.before = []int{bos}
	}
	return t, nil
}

func readMerges(path string) ([][2]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("vocab.json needs %s beside it, which does not exist", path)
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
