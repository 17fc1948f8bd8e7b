package hooked

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"

	"gopherlens/tokenize"
)

// KeptTextPrefix begins the keys under which the resident worker has what a tokenizer said.
const KeptTextPrefix = "hooked text "

// What is kept of a tokenizer's answers: short ones, and the first of a process.
const (
	longestKeptText = 1 << 16 // bytes of a question
	keptTexts       = 64
)

// A textKeeper has what a model's tokenizer said in earlier cells: to read a tokenizer from its
// file takes as long as all else that a warm cell does.
type textKeeper struct {
	keeper keeper
	model  string // the key of the model's files as they are now
	asked  atomic.Int64
	read   atomic.Bool // whether this process has read the tokenizer
}

// newTextKeeper has what a keeper has of the model that it knows by this key.
func newTextKeeper(k keeper, key, where string) *textKeeper {
	return &textKeeper{keeper: k, model: key + filesState(where, "*.txt", "*.model", "*.jinja")}
}

// tokenizer reads a tokenizer when it is first needed, and notes that.
func (k *textKeeper) tokenizer(read func() (*tokenize.Tokenizer, error)) func() (*tokenize.Tokenizer, error) {
	return sync.OnceValues(func() (*tokenize.Tokenizer, error) {
		if k != nil {
			k.read.Store(true)
		}
		return read()
	})
}

// askTokenizer answers a question about texts or tokens, by the keeper or else by the tokenizer.
func askTokenizer[T any](m *Model, question string, answer func(*tokenize.Tokenizer) (T, error)) (T, error) {
	k := m.texts
	keep := k != nil && len(question) <= longestKeptText && k.asked.Add(1) <= keptTexts
	if keep && !k.read.Load() {
		if kept, ok := takeText[T](k.keeper, k.key(question)); ok {
			return kept, nil
		}
	}
	tok, err := m.Tokenizer()
	if err != nil {
		var none T
		return none, err
	}
	answered, err := answer(tok)
	if err == nil && keep {
		k.put(k.key(question), answered)
	}
	return answered, err
}

func (k *textKeeper) key(question string) string {
	sum := sha256.Sum256([]byte(k.model + "\n" + question))
	return KeptTextPrefix + hex.EncodeToString(sum[:])
}

// put keeps an answer. That it cannot is no error: it would only have saved time.
func (k *textKeeper) put(key string, answered any) {
	var blob bytes.Buffer
	if gob.NewEncoder(&blob).Encode(answered) == nil {
		_ = k.keeper.Keep(key, blob.Bytes(), nil, nil)
	}
}

// takeText returns what is kept; nothing that cannot be read.
func takeText[T any](k keeper, key string) (answered T, ok bool) {
	blob, _, _, found, err := k.Attach(key)
	if err != nil || !found {
		return answered, false
	}
	return answered, gob.NewDecoder(bytes.NewReader(blob)).Decode(&answered) == nil
}

// question names what is asked of a tokenizer, and with what.
func question(verb string, args ...any) string { return fmt.Sprintf("%s %#v", verb, args) }
