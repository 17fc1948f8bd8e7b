package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// template is the ids of the special tokens that go before and after a text.
type template struct{ before, after []int }

// check bounds what goes around each text.
func (t template) check() error {
	if n := len(t.before) + len(t.after); n > maxTemplate {
		return fmt.Errorf("post_processor: more than %d special tokens around a text; %d are allowed", n-1, maxTemplate)
	}
	for _, id := range slices.Concat(t.before, t.after) {
		if id < 0 || id > maxID {
			return fmt.Errorf("post_processor: a special token has the id %d; 0 to %d is allowed", id, maxID)
		}
	}
	return nil
}

func (t template) around(ids []int) []int {
	if len(t.before)+len(t.after) == 0 {
		return ids
	}
	return slices.Concat(t.before, ids, t.after)
}

// processors are the post-processors of tokenizer.json, by type.
var processors = map[string]func(component) (template, error){
	"BertProcessing": newBertProcessing,
	// trims offsets only
	"ByteLevel":          func(component) (template, error) { return template{}, nil },
	"RobertaProcessing":  newRobertaProcessing,
	"TemplateProcessing": newTemplate,
}

func (f *tokenizerFile) addTemplate(t *Tokenizer) error {
	list, err := makeAll("post_processor", "processors", f.PostProcessor, processors)
	for _, outer := range list {
		t.template.before = slices.Concat(outer.before, t.template.before)
		t.template.after = slices.Concat(t.template.after, outer.after)
		if err == nil {
			err = t.template.check()
		}
	}
	return err
}

// tokenAndID is how the older post-processors write a token: ["[SEP]", 102].
type tokenAndID struct{ id int }

// UnmarshalJSON reads the pair.
func (t *tokenAndID) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a special token of %d parts; it is a token and an id", len(pair))
	}
	var token string
	return errors.Join(json.Unmarshal(pair[0], &token), json.Unmarshal(pair[1], &t.id))
}

// pairTemplate is the template of the older post-processors, which need both tokens.
func pairTemplate(c component, cls, sep *tokenAndID) (template, error) {
	if cls == nil || sep == nil {
		return template{}, c.wrap(errors.New(`it needs "cls" and "sep"`))
	}
	return template{[]int{cls.id}, []int{sep.id}}, nil
}

func newBertProcessing(c component) (template, error) {
	var fields struct {
		Sep *tokenAndID `json:"sep"`
		Cls *tokenAndID `json:"cls"`
	}
	if err := c.read(&fields); err != nil {
		return template{}, err
	}
	return pairTemplate(c, fields.Cls, fields.Sep)
}

func newRobertaProcessing(c component) (template, error) {
	var fields struct {
		Sep            *tokenAndID `json:"sep"`
		Cls            *tokenAndID `json:"cls"`
		TrimOffsets    bool        `json:"trim_offsets"`     // spans here cover the whole text
		AddPrefixSpace bool        `json:"add_prefix_space"` // matters to trimming only
	}
	if err := c.read(&fields); err != nil {
		return template{}, err
	}
	return pairTemplate(c, fields.Cls, fields.Sep)
}

// templateFields are the fields of TemplateProcessing.
type templateFields struct {
	Single []struct {
		SpecialToken *struct {
			ID     string `json:"id"`
			TypeID int    `json:"type_id"` // which of two texts it belongs to
		} `json:"SpecialToken"`
		Sequence json.RawMessage `json:"Sequence"`
	} `json:"single"`
	Pair          json.RawMessage `json:"pair"` // of two texts, which nothing here takes
	SpecialTokens map[string]struct {
		ID     string   `json:"id"`
		IDs    []int    `json:"ids"`
		Tokens []string `json:"tokens"`
	} `json:"special_tokens"`
}

func newTemplate(c component) (template, error) {
	var fields templateFields
	var t template
	if err := c.read(&fields); err != nil {
		return t, err
	}
	into, texts := &t.before, 0
	for _, part := range fields.Single {
		if part.SpecialToken == nil {
			into = &t.after
			texts++
			continue
		}
		special, ok := fields.SpecialTokens[part.SpecialToken.ID]
		if !ok {
			return t, c.wrap(fmt.Errorf("special token %q has no ids", brief(part.SpecialToken.ID)))
		}
		*into = append(*into, special.IDs...)
		if err := t.check(); err != nil {
			return t, err
		}
	}
	if texts != 1 {
		return t, c.wrap(fmt.Errorf("its single template has %d texts; it takes one", texts))
	}
	return t, nil
}

// bosClasses are the tokenizers of Hugging Face's transformers that begin texts with a
// BOS.
var bosClasses = []string{"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer"}

// addTemplate makes the template of a tokenizer without a tokenizer.json, of
// add_bos_token and add_eos_token. (Where there is a tokenizer.json, that has a template;
// transformers 4 made another for the classes in bosClasses, version 5 leaves it. In
// version 4 a missing add_bos_token was true for these classes.)
func (s *settings) addTemplate(t *Tokenizer) error {
	bos, eos := len(t.template.before) > 0, len(t.template.after) > 0
	if s.addBOS != nil {
		bos = *s.addBOS
	}
	if s.addEOS != nil {
		eos = *s.addEOS
	}
	if _, ok := classTemplates[s.class]; ok {
		s.applyTemplate(t)
		return nil
	}
	switch {
	case bos && t.named.bos < 0:
		return s.config.errorf("add_bos_token", "a %s adds a BOS token, and no file names one", s.class)
	case eos && t.named.eos < 0:
		return s.config.errorf("add_eos_token", "it is true, and no file names an EOS token")
	}
	t.template = template{}
	if bos {
		t.template.before = []int{t.named.bos}
	}
	if eos {
		t.template.after = []int{t.named.eos}
	}
	return nil
}
