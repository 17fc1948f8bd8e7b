package tokenize

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// ggufPrefix begins the metadata keys about the tokenizer.
const ggufPrefix = "tokenizer.ggml."

// FromGGUF makes a tokenizer of the metadata of a GGUF file: a map from key
// ("tokenizer.ggml.model") to value, of the types that go-huggingface's gguf package
// gives (Value.Raw) or any other integer, float, string or slice type.
//
// GGUF does not say how text is split, it names it ("tokenizer.ggml.pre"); a name
// that is not known here is an error. The special tokens are those of the file. As
// with Hugging Face's own files the ids of a text have no BOS unless
// tokenizer.ggml.add_bos_token is true; ToTokens adds one in any case.
func FromGGUF(metadata map[string]any) (*Tokenizer, error) {
	g := ggufReader{metadata}
	t, err := g.build()
	if err != nil {
		return nil, refused(fmt.Errorf("tokenizer of a GGUF file: %w", err))
	}
	return t, nil
}

// ggufPre says what the values of tokenizer.ggml.pre stand for. The names are
// llama.cpp's (src/llama-vocab.cpp); the split patterns are those of the models'
// own tokenizer.json.
var ggufPre = map[string]byteLevelSetUp{
	"gpt-2":            {},
	"gpt2":             {},
	"phi-2":            {},
	"olmo":             {nfc: true},
	"smollm":           {digits: true},
	"starcoder":        {digits: true},
	"refact":           {digits: true},
	"codeshell":        {digits: true},
	"llama-bpe":        {pattern: llama3Pattern, ignoreMerges: true},
	"llama3":           {pattern: llama3Pattern, ignoreMerges: true},
	"llama-v3":         {pattern: llama3Pattern, ignoreMerges: true},
	"qwen2":            {pattern: qwen2Pattern, nfc: true},
	"deepseek-r1-qwen": {pattern: qwen2Pattern, nfc: true},
}

type ggufReader struct{ metadata map[string]any }

func (g ggufReader) build() (*Tokenizer, error) {
	kind, err := ggufValue[string](g, "model")
	if err != nil {
		return nil, err
	}
	var t *Tokenizer
	switch kind {
	case "gpt2":
		t, err = g.buildBPE()
	case "llama":
		t, err = g.buildSentencePiece(&spModel{kind: spBPE, byteFallback: true, dummyPrefix: true, special: noSpecial})
	case "t5":
		t, err = g.buildSentencePiece(&spModel{kind: spUnigram, dummyPrefix: true, removeBlanks: true, special: noSpecial})
	default:
		return nil, fmt.Errorf(`%smodel %q is not supported; "gpt2", "llama" and "t5" are`, ggufPrefix, brief(kind))
	}
	if err != nil {
		return nil, err
	}
	t.from, t.gguf = nil, &g
	if t.chats, err = g.chatTemplates(); err != nil {
		return nil, err
	}
	return t, g.setSpecial(t)
}

// buildBPE makes a byte-level tokenizer.
func (g ggufReader) buildBPE() (*Tokenizer, error) {
	pre, err := ggufValue[string](g, "pre")
	if err != nil {
		return nil, fmt.Errorf("%w (how does this file split text?)", err)
	}
	setUp, ok := ggufPre[pre]
	if !ok {
		known := slices.Sorted(maps.Keys(ggufPre))
		return nil, fmt.Errorf("%spre %q is not supported; those that are: %q", ggufPrefix, brief(pre), known)
	}
	v, added, err := g.vocabulary()
	if err != nil {
		return nil, err
	}
	lines, err := ggufSlice[string](g, "merges")
	if err != nil {
		return nil, err
	}
	merges := make([][2]string, len(lines))
	for i, line := range lines {
		if merges[i], err = splitMerge(line); err != nil {
			return nil, err
		}
	}
	t, err := newByteLevelBPE(v, merges, setUp)
	if err != nil {
		return nil, err
	}
	t.added = nil // the file says which tokens are special
	return t, t.addTokens(added)
}

// vocabulary reads the tokens, and which of them are found in text as written.
func (g ggufReader) vocabulary() (*vocab, []addedToken, error) {
	tokens, err := ggufSlice[string](g, "tokens")
	if err != nil {
		return nil, nil, err
	}
	if len(tokens) == 0 || len(tokens) > maxID {
		return nil, nil, fmt.Errorf("%stokens has %d tokens; 1 to %d are allowed", ggufPrefix, len(tokens), maxID)
	}
	types, err := g.types(len(tokens))
	if err != nil {
		return nil, nil, err
	}
	v := newVocab(len(tokens))
	v.size = len(tokens)
	var added []addedToken
	for id, token := range tokens {
		if err := v.add(token, id); err != nil {
			return nil, nil, err
		}
		if kind := types[id]; kind == pieceControl || kind == pieceUser {
			added = append(added, addedToken{ID: id, Content: token, Special: kind == pieceControl})
		}
	}
	return v, added, nil
}

// types returns the type of each of n tokens; a file may have none.
func (g ggufReader) types(n int) ([]int, error) {
	if _, ok := g.metadata[ggufPrefix+"token_type"]; !ok {
		return make([]int, n), nil
	}
	types, err := ggufSlice[int](g, "token_type")
	if err == nil && len(types) != n {
		err = fmt.Errorf("%stoken_type has %d entries for %d tokens", ggufPrefix, len(types), n)
	}
	return types, err
}

// ggufNames are transformers' names of the keys.
var ggufNames = map[string]string{
	"bos_token_id": "bos_token", "eos_token_id": "eos_token",
	"padding_token_id": "pad_token", "unknown_token_id": "unk_token",
}

// setSpecial reads the ids of the special tokens, and which are added to a text.
func (g ggufReader) setSpecial(t *Tokenizer) error {
	ids := map[string]*int{
		"bos_token_id": &t.special.bos, "eos_token_id": &t.special.eos,
		"padding_token_id": &t.special.pad, "unknown_token_id": &t.special.unk,
	}
	t.names = make(map[string]string)
	for key, id := range ids {
		if err := optional(g, key, id); err != nil {
			return err
		}
		token, ok := t.IDToToken(*id)
		if !ok && *id >= 0 {
			return fmt.Errorf("%s%s: %w", ggufPrefix, key, t.unknownID(*id))
		}
		if ok {
			t.names[ggufNames[key]] = token
		}
	}
	t.special.fillIn(t)
	return g.setTemplate(t)
}

// setTemplate reads which special tokens go around a text. A missing flag leaves
// what the kind of model does by default.
func (g ggufReader) setTemplate(t *Tokenizer) error {
	bos, eos := len(t.template.before) > 0, false
	if err := errors.Join(optional(g, "add_bos_token", &bos), optional(g, "add_eos_token", &eos)); err != nil {
		return err
	}
	t.template = template{}
	if bos && t.special.bos >= 0 {
		t.template.before = []int{t.special.bos}
	}
	if eos && t.special.eos >= 0 {
		t.template.after = []int{t.special.eos}
	}
	return nil
}

// ggufValue returns the value of a key, converted to T.
func ggufValue[T string | int | bool | float64](g ggufReader, key string) (T, error) {
	var out T
	value, ok := g.metadata[ggufPrefix+key]
	if !ok {
		return out, fmt.Errorf("there is no key %s%s", ggufPrefix, key)
	}
	return out, convert(reflect.ValueOf(value), reflect.ValueOf(&out).Elem(), key)
}

// ggufSlice returns the elements of a key that holds an array.
func ggufSlice[T string | int | float64](g ggufReader, key string) ([]T, error) {
	value, ok := g.metadata[ggufPrefix+key]
	if !ok {
		return nil, fmt.Errorf("there is no key %s%s", ggufPrefix, key)
	}
	if same, ok := value.([]T); ok {
		return same, nil
	}
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("%s%s is a %T, no array", ggufPrefix, key, value)
	}
	out := make([]T, list.Len())
	for i := range out {
		if err := convert(list.Index(i), reflect.ValueOf(&out[i]).Elem(), key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// convert sets into to from, between types of the same nature.
func convert(from, into reflect.Value, key string) error {
	if from.Kind() == reflect.Interface {
		from = from.Elem()
	}
	switch {
	case !from.IsValid():
	case from.Kind() == into.Kind(), from.CanInt() && into.Kind() != reflect.String && into.Kind() != reflect.Bool,
		from.CanUint() && into.CanInt(), from.CanFloat() && into.CanFloat():
		into.Set(from.Convert(into.Type()))
		return nil
	}
	return fmt.Errorf("%s%s holds a %s where a %s belongs", ggufPrefix, key, from.Kind(), into.Kind())
}
