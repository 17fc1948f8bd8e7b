package tokenize

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Types of a sentencepiece token (sentencepiece_model.proto). GGUF uses the same
// numbers, and so do its constants.
const (
	pieceNormal  = 1
	pieceUnknown = 2
	pieceControl = 3
	pieceUser    = 4
	pieceUnused  = 5
	pieceByte    = 6
)

// Types of a sentencepiece model.
const (
	spUnigram = 1
	spBPE     = 2
)

// spModel is what a tokenizer takes from sentencepiece's tokenizer.model, or from
// the GGUF file that was made of one.
type spModel struct {
	kind         int // spUnigram or spBPE
	pieces       []scoredPiece
	types        []int
	byteFallback bool
	special      specialTokens

	table        []byte // of character replacements
	dummyPrefix  bool   // a blank goes before the text
	unlessBlank  bool   // but not if the text begins with one
	firstOnly    bool   // nor after an added token
	sentinels    int    // a T5's <extra_id_0>, <extra_id_1>, ... after the pieces
	removeBlanks bool   // several blanks make one, at the ends none
	keepBlanks   bool   // blanks stay as they are, instead of "▁"
	suffixBlanks bool   // the blank goes after the text
}

// parseSentencePiece makes a tokenizer of a tokenizer.model. github.com/eliben/
// go-sentencepiece refuses the models that need it most: those, as Llama 2's and
// Mistral's, that set a blank before the text, and all Unigram models.
func parseSentencePiece(data []byte, s *settings) (*Tokenizer, error) {
	m := &spModel{
		kind: spUnigram, special: specialTokens{bos: 1, eos: 2, pad: -1, unk: 0},
		dummyPrefix: true, removeBlanks: true, // the format's defaults
	}
	if err := m.parse(data); err != nil {
		return nil, fmt.Errorf("sentencepiece model: %w", err)
	}
	if err := m.applyClass(s); err != nil {
		return nil, err
	}
	t, err := m.build()
	if err != nil {
		return nil, err
	}
	s.useModel(m)
	return t, m.addTemplate(t, s)
}

// addTemplate sets the special tokens around a text. They are up to the class of
// tokenizer; a class that is not known may even number its tokens differently
// (XLM-R shifts all ids by one).
func (m *spModel) addTemplate(t *Tokenizer, s *settings) error {
	switch class := s.class; {
	case class == "" && m.kind == spBPE && m.special.bos >= 0:
		t.template.before = []int{m.special.bos}
	case class == "", slices.Contains(bosClasses, class): // overrideTemplate does it
	case class == "T5Tokenizer":
		t.template.after = []int{m.special.eos}
	default:
		return fmt.Errorf("what a %s makes of sentencepiece's ids is not known; use its tokenizer.json", class)
	}
	return nil
}

// applyClass changes the way to text as the class of tokenizer does: in version 5 of
// transformers a Llama sets the blank before the text only, or with legacy before each
// stretch of it, and never a second one.
func (m *spModel) applyClass(s *settings) error {
	switch {
	case !isEmpty(s.config.raw("sp_model_kwargs")):
		return s.config.errorf("sp_model_kwargs", "settings of the sentencepiece library are not supported; leave them out")
	case s.splitSpecial:
		return s.config.errorf("split_special_tokens", "it is not supported for a sentencepiece model; use its tokenizer.json")
	case s.class == "T5Tokenizer":
		m.sentinels = 100
		if s.extraIDs != nil {
			m.sentinels = *s.extraIDs
		}
	case s.class == "" && s.legacy != nil && !*s.legacy && m.removeBlanks:
		return s.config.errorf("legacy", "it is not supported for a sentencepiece model that removes blanks; use its tokenizer.json")
	case s.class == "" && s.legacy != nil && !*s.legacy:
		m.unlessBlank, m.firstOnly = true, true
	case s.class != "LlamaTokenizer":
		return nil
	case m.kind != spBPE || len(m.table) > 0 || m.removeBlanks || m.keepBlanks:
		return s.config.errorf("tokenizer_class", "a %s leaves out the normaliser of this sentencepiece model; use its tokenizer.json", s.class)
	default:
		m.dummyPrefix = s.prefixSpace == nil || *s.prefixSpace
		m.unlessBlank, m.firstOnly = true, s.legacy == nil || !*s.legacy
	}
	return nil
}

// useModel takes what the model says for what the files leave out. Added tokens are
// looked for in the text as it is.
func (s *settings) useModel(m *spModel) {
	for id, token := range s.added {
		token.Normalized, token.hasNormalized = false, true
		s.added[id] = token
	}
	s.addClassNames()
}

// parse reads the fields of ModelProto.
func (m *spModel) parse(data []byte) error {
	return eachField(data, func(number protowire.Number, f protoField) error {
		switch number {
		case 1:
			return m.parsePiece(f.bytes)
		case 2:
			return eachField(f.bytes, m.trainerField)
		case 3:
			return eachField(f.bytes, m.normalizerField)
		}
		return nil
	})
}

func (m *spModel) parsePiece(data []byte) error {
	p, kind := scoredPiece{}, pieceNormal
	err := eachField(data, func(number protowire.Number, f protoField) error {
		switch number {
		case 1:
			p.text = string(f.bytes)
		case 2:
			p.score = float64(math.Float32frombits(uint32(f.number)))
		case 3:
			kind = int(f.number)
		}
		return nil
	})
	m.pieces = append(m.pieces, p)
	m.types = append(m.types, kind)
	return err
}

// trainerField reads a field of TrainerSpec.
func (m *spModel) trainerField(number protowire.Number, f protoField) error {
	switch number {
	case 3:
		m.kind = int(f.number)
	case 24:
		m.suffixBlanks = f.number != 0
	case 35:
		m.byteFallback = f.number != 0
	case 40:
		m.special.unk = int(int32(f.number))
	case 41:
		m.special.bos = int(int32(f.number))
	case 42:
		m.special.eos = int(int32(f.number))
	case 43:
		m.special.pad = int(int32(f.number))
	}
	return nil
}

// normalizerField reads a field of NormalizerSpec.
func (m *spModel) normalizerField(number protowire.Number, f protoField) error {
	switch number {
	case 2:
		m.table = f.bytes
	case 3:
		m.dummyPrefix = f.number != 0
	case 4:
		m.removeBlanks = f.number != 0
	case 5:
		m.keepBlanks = f.number == 0
	}
	return nil
}

// protoField is the value of a protocol buffer's field: a number or bytes.
type protoField struct {
	number uint64
	bytes  []byte
}

// eachField calls field for each field of a message.
func eachField(data []byte, field func(protowire.Number, protoField) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var f protoField
		var fixed uint32
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			fixed, n = protowire.ConsumeFixed32(data)
			f.number = uint64(fixed)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := field(number, f); err != nil {
			return err
		}
	}
	return nil
}

// build makes the tokenizer.
func (m *spModel) build() (*Tokenizer, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	v := newVocab(len(m.pieces))
	v.size = len(m.pieces)
	var added []addedToken
	for id, p := range m.pieces {
		if err := v.add(p.text, id); err != nil {
			return nil, err
		}
		if kind := m.types[id]; kind == pieceControl || kind == pieceUser {
			added = append(added, addedToken{ID: id, Content: p.text, Special: kind == pieceControl})
		}
	}
	for i := min(m.sentinels, maxID) - 1; i >= 0; i-- {
		added = append(added, addedToken{Content: fmt.Sprintf("<extra_id_%d>", i), Special: true})
	}
	t := &Tokenizer{vocab: v, decoder: m.decoder(), bosAsID: true, special: m.special}
	if err := m.addNormalizer(t); err != nil {
		return nil, err
	}
	if m.kind == spBPE {
		t.model = m.buildBPE(v)
	} else {
		t.model = m.buildUnigram(v)
	}
	return t, t.addTokens(added)
}

// check refuses what is not implemented, and ids outside the vocabulary.
func (m *spModel) check() error {
	switch {
	case len(m.pieces) == 0 || len(m.pieces) > maxID:
		return fmt.Errorf("a vocabulary of %d tokens; 1 to %d are allowed", len(m.pieces), maxID)
	case m.kind != spUnigram && m.kind != spBPE:
		return fmt.Errorf("model type %d is not supported; 1 (Unigram) and 2 (BPE) are", m.kind)
	case m.suffixBlanks:
		return errors.New("treat_whitespace_as_suffix is not supported")
	case m.kind == spBPE && slices.Contains(m.types, pieceUnused):
		return errors.New("unused tokens in a BPE model are not supported")
	}
	for id, p := range m.pieces {
		if !(math.Abs(p.score) <= math.MaxFloat32) {
			return fmt.Errorf("token %d %q has the score %v", id, brief(p.text), p.score)
		}
	}
	s := &m.special
	for name, id := range map[string]*int{"unk_id": &s.unk, "bos_id": &s.bos, "eos_id": &s.eos, "pad_id": &s.pad} {
		if *id >= len(m.pieces) {
			return fmt.Errorf("%s %d is not in the vocabulary of %d tokens", name, *id, len(m.pieces))
		}
		*id = max(*id, -1)
	}
	return nil
}

func (m *spModel) normal(id int) bool { return m.types[id] == pieceNormal }

// buildBPE makes merges of the tokens: two neighbours become one if their texts
// together are a token, the one with the highest score first.
func (m *spModel) buildBPE(v *vocab) *bpe {
	b := &bpe{vocab: v, unk: m.special.unk, fuseUnk: true, cache: newWordCache[symbol]()}
	if m.special.unk < 0 {
		b.unk = unkNone
	}
	if m.byteFallback {
		b.fallback = byteTokens(v)
	}
	ids := make([]int, 0, len(m.pieces))
	total := 0
	for id, p := range m.pieces {
		if m.normal(id) {
			ids = append(ids, id)
			total += utf8.RuneCountInString(p.text)
		}
	}
	slices.SortStableFunc(ids, func(i, j int) int { return cmp.Compare(m.pieces[j].score, m.pieces[i].score) })
	b.merges = newPairTable(total)
	rank := 0
	for i, id := range ids {
		if i > 0 && m.pieces[id].score != m.pieces[ids[i-1]].score {
			rank = i // equal scores have equal ranks: the leftmost goes first
		}
		m.addSplits(b, v, id, rank)
	}
	return b
}

// addSplits enters every way to make a token of two.
func (m *spModel) addSplits(b *bpe, v *vocab, id, rank int) {
	text := m.pieces[id].text
	for at := range text {
		left, ok := v.ids[text[:at]]
		right, also := v.ids[text[at:]]
		if ok && also && m.normal(left) && m.normal(right) {
			b.merges.set(int32(left), int32(right), newMerge(rank, id))
		}
	}
}

func (m *spModel) buildUnigram(v *vocab) *unigram {
	u := newUnigram(v, m.pieces, m.normal)
	u.unk, u.single = m.special.unk, true
	u.unkScore = u.round(u.unkScore)
	if m.byteFallback {
		u.fallback = byteTokens(v)
	}
	return u
}

// decoder undoes the normaliser, as Hugging Face's conversion of such models does.
func (m *spModel) decoder() decoder {
	blank := meta
	d := decoderSequence{
		&replacer{Pattern: pattern{String: &blank}, Content: " "}, fallbackDecoder{}, fuse{},
	}
	if m.dummyPrefix {
		d = append(d, &strip{Content: " ", Start: 1})
	}
	return d
}

// meta is sentencepiece's sign for a blank.
const meta = "▁"

// spNormalizer is sentencepiece's normaliser (normalizer.cc, Normalize).
type spNormalizer struct {
	table        *charsMap // nil: none
	dummyPrefix  bool
	unlessBlank  bool
	firstOnly    bool
	removeBlanks bool
	blank        string
}

func (m *spModel) addNormalizer(t *Tokenizer) error {
	n := &spNormalizer{
		dummyPrefix: m.dummyPrefix, unlessBlank: m.unlessBlank, firstOnly: m.firstOnly,
		removeBlanks: m.removeBlanks, blank: meta,
	}
	if m.keepBlanks {
		n.blank = " "
	}
	if len(m.table) > 0 {
		var err error
		if n.table, err = parseCharsMap(m.table); err != nil {
			return err
		}
	}
	t.normalizer = n
	return nil
}

func (n *spNormalizer) normalize(p piece) (piece, error) {
	e := edit(p)
	at := 0
	if n.removeBlanks {
		at = n.leadingBlanks(p.text)
	}
	if at == len(p.text) {
		return e.piece(), nil
	}
	if n.dummyPrefix && !(n.firstOnly && !p.first()) && !(n.unlessBlank && startsBlank(p.text[at:])) {
		e.replace(at, at, n.blank)
	}
	afterBlank := n.removeBlanks
	for at < len(p.text) {
		with, size := n.next(p.text[at:])
		if afterBlank {
			with = strings.TrimLeft(with, " ")
		}
		if with != "" {
			afterBlank = n.removeBlanks && strings.HasSuffix(with, " ")
		}
		e.replace(at, at+size, strings.ReplaceAll(with, " ", n.blank))
		at += size
	}
	p = e.piece()
	if n.removeBlanks {
		p = p.slice(0, len(p.text)-trailing(p.text, n.blank))
	}
	return p, nil
}

// startsBlank reports a text that begins with a blank, however it is written.
func startsBlank(s string) bool { return strings.HasPrefix(s, " ") || strings.HasPrefix(s, meta) }

// next returns what stands for the beginning of s, and how much of s that is.
func (n *spNormalizer) next(s string) (with string, size int) {
	if n.table != nil {
		if with, size = n.table.longest(s); size > 0 {
			return with, size
		}
	}
	_, size = utf8.DecodeRuneInString(s)
	return s[:size], size
}

func (n *spNormalizer) leadingBlanks(s string) int {
	at := 0
	for at < len(s) {
		with, size := n.next(s[at:])
		if with != " " {
			break
		}
		at += size
	}
	return at
}

// trailing returns the length of the copies of tail at the end of s.
func trailing(s, tail string) int {
	n := len(s)
	for strings.HasSuffix(s, tail) {
		s = s[:len(s)-len(tail)]
	}
	return n - len(s)
}

// buildSentencePiece makes a tokenizer of a GGUF file's "llama" model, which is a
// sentencepiece BPE, or "t5", which is a Unigram; m has what the two differ in.
func (g ggufReader) buildSentencePiece(m *spModel) (*Tokenizer, error) {
	tokens, err := ggufSlice[string](g, "tokens")
	if err != nil {
		return nil, err
	}
	scores, err := ggufSlice[float64](g, "scores")
	if err != nil {
		return nil, err
	}
	if m.types, err = g.types(len(tokens)); err != nil {
		return nil, err
	}
	if len(scores) != len(tokens) {
		return nil, fmt.Errorf("%sscores has %d entries for %d tokens", ggufPrefix, len(scores), len(tokens))
	}
	for i, token := range tokens {
		m.pieces = append(m.pieces, scoredPiece{token, scores[i]})
	}
	if err := g.spSettings(m); err != nil {
		return nil, err
	}
	t, err := m.build()
	if err != nil {
		return nil, err
	}
	if m.kind == spBPE && m.special.bos >= 0 {
		t.template.before = []int{m.special.bos} // llama.cpp's default for such models
	}
	return t, nil
}

// spSettings reads the settings that a file may have.
func (g ggufReader) spSettings(m *spModel) error {
	ids := map[string]*int{"unknown_token_id": &m.special.unk, "bos_token_id": &m.special.bos}
	for key, into := range ids {
		if err := optional(g, key, into); err != nil {
			return err
		}
	}
	if _, ok := g.metadata[ggufPrefix+"precompiled_charsmap"]; ok {
		table, err := ggufSlice[int](g, "precompiled_charsmap")
		if err != nil {
			return err
		}
		m.table = make([]byte, len(table))
		for i, v := range table {
			m.table[i] = byte(v)
		}
	}
	return errors.Join(
		optional(g, "add_space_prefix", &m.dummyPrefix),
		optional(g, "remove_extra_whitespaces", &m.removeBlanks),
	)
}

// optional reads a key if it is there.
func optional[T string | int | bool | float64](g ggufReader, key string, into *T) error {
	if _, ok := g.metadata[ggufPrefix+key]; !ok {
		return nil
	}
	value, err := ggufValue[T](g, key)
	if err == nil {
		*into = value
	}
	return err
}
