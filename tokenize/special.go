package tokenize

// specialTokens are the ids of the tokens with a task, -1 for none.
type specialTokens struct{ bos, eos, pad, unk int }

var noSpecial = specialTokens{-1, -1, -1, -1}

// endOfText is the token that TransformerLens falls back on for a tokenizer that
// names no end of text.
const endOfText = "<|endoftext|>"

// setSpecial looks the special tokens up. As in TransformerLens, padding and
// beginning default to the end of text: GPT-2 has one token for all three.
func (t *Tokenizer) setSpecial(s *settings) {
	ids := map[string]*int{
		"bos_token": &t.special.bos, "eos_token": &t.special.eos,
		"pad_token": &t.special.pad, "unk_token": &t.special.unk,
	}
	t.names = make(map[string]string)
	for _, n := range s.names {
		t.names[n.role] = n.token.Content
		if id, ok := t.TokenToID(n.token.Content); ok && ids[n.role] != nil {
			*ids[n.role] = id
		}
	}
	t.named = t.special
	t.special.fillIn(t)
}

func (s *specialTokens) fillIn(t *Tokenizer) {
	if s.eos < 0 {
		if id, ok := t.TokenToID(endOfText); ok {
			s.eos = id
		}
	}
	if s.pad < 0 {
		s.pad = s.eos
	}
	if s.bos < 0 {
		s.bos = s.eos
	}
}

// BOS returns the id of the token that begins a text, and whether there is one.
func (t *Tokenizer) BOS() (int, bool) { return t.need().special.bos, t.special.bos >= 0 }

// EOS returns the id of the token that ends a text.
func (t *Tokenizer) EOS() (int, bool) { return t.need().special.eos, t.special.eos >= 0 }

// Pad returns the id of the token that fills up short rows.
func (t *Tokenizer) Pad() (int, bool) { return t.need().special.pad, t.special.pad >= 0 }

// Unk returns the id of the token for what the vocabulary cannot write.
func (t *Tokenizer) Unk() (int, bool) { return t.need().special.unk, t.special.unk >= 0 }
