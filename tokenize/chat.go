package tokenize

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	short "gopherlens/internal/brief"
	"gopherlens/internal/jinja"
)

// ChatOptions say how a chat becomes text. The zero value is that of transformers'
// apply_chat_template.
type ChatOptions struct {
	// AddGenerationPrompt ends the text with what begins an answer, which the model is to write.
	AddGenerationPrompt bool

	// ContinueFinalMessage leaves the last message open at its end, so that the model goes on with
	// it. ContinueField is the field that is left open, "reasoning_content" say: "content" unless
	// given.
	ContinueFinalMessage bool
	ContinueField        string

	// Tools are the functions that the model may call, as JSON schemas; Documents what it may read.
	// Each is an object: a map, or a [json.RawMessage], which keeps the order of its keys.
	Tools, Documents []any

	// Template is the name of one of [Tokenizer.ChatTemplates], or a template itself.
	Template string

	// Variables are what else the template reads ("enable_thinking"). They go before the
	// tokenizer's special tokens, which are there as bos_token, eos_token and so on.
	Variables map[string]any

	Now time.Time // for templates that print the date; the time of the call unless given
}

// A Chat is a conversation as a model reads it.
type Chat struct {
	Text string
	IDs  []int // [pos], with the special tokens that the template writes, and no others

	// Assistant tells which tokens the assistant has written, [pos]. It is nil if the template does
	// not tell, by {% generation %}, and with ContinueFinalMessage.
	Assistant []bool
}

// Chat makes text and tokens of a conversation by the model's own template (or o.Template), to the
// letter as transformers' apply_chat_template does. Special tokens that a message spells out become
// special tokens.
//
// It fails if there is no template, and where the template refuses the messages: some want user and
// assistant to alternate, or know no system message. A template that runs for ever or fills the
// memory is stopped.
func (t *Tokenizer) Chat(messages []Message, o ChatOptions) (*Chat, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	c, err := t.chat(messages, o)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	return c, nil
}

func (t *Tokenizer) chat(messages []Message, o ChatOptions) (*Chat, error) {
	source, err := t.chatTemplate(o)
	if err == nil {
		err = o.check(messages)
	}
	if err != nil {
		return nil, err
	}
	template, err := jinja.Parse(source)
	if err != nil {
		return nil, err
	}
	variables, err := t.chatVariables(o)
	if err != nil {
		return nil, err
	}
	all, err := dicts(messages)
	if err != nil {
		return nil, err
	}
	var end *continuation
	if o.ContinueFinalMessage {
		if end, err = leaveOpen(all[len(all)-1], o.ContinueField, source); err != nil {
			return nil, err
		}
	}
	variables["messages"] = all
	out, err := template.Render(variables, jinja.Options{Now: o.Now})
	if err != nil {
		return nil, err
	}
	if end != nil {
		text, err := end.cut(out.Text)
		if err != nil {
			return nil, err
		}
		return t.encodeChat(text, nil, false)
	}
	return t.encodeChat(out.Text, out.Generated, marksGenerated.MatchString(source))
}

// marksGenerated finds out whether a template tells what the assistant has written.
var marksGenerated = regexp.MustCompile(`\{%-?\s*generation\s*-?%\}`)

func (o ChatOptions) check(messages []Message) error {
	switch {
	case len(messages) == 0:
		return errors.New("there are no messages: give at least one")
	case o.ContinueFinalMessage && o.AddGenerationPrompt:
		return errors.New("ContinueFinalMessage leaves the last message open, and AddGenerationPrompt begins another: ask for one of them")
	case o.ContinueField != "" && !o.ContinueFinalMessage:
		return short.Errorf("ContinueField %q means nothing without ContinueFinalMessage", o.ContinueField)
	}
	return nil
}

// chatVariables are what the template reads, without the messages.
func (t *Tokenizer) chatVariables(o ChatOptions) (map[string]any, error) {
	all := make(map[string]any)
	for name, token := range t.names {
		all[name] = token
	}
	for name, v := range o.Variables {
		if field, ok := chatNames[name]; ok {
			return nil, fmt.Errorf("Variables hold %q: give it as %s", name, field)
		}
		all[name] = v
	}
	for name, list := range map[string][]any{"tools": o.Tools, "documents": o.Documents} {
		objects, err := objectsOf(list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", chatNames[name], err)
		}
		all[name] = objects
	}
	all["add_generation_prompt"] = o.AddGenerationPrompt
	return all, nil
}

// chatNames are the variables that a chat sets itself, and what sets them.
var chatNames = map[string]string{
	"messages": "the messages", "tools": "Tools", "documents": "Documents", "add_generation_prompt": "AddGenerationPrompt",
}

// objectsOf are the entries of a list that holds nothing but objects; nil for no list.
func objectsOf(list []any) (any, error) {
	if list == nil {
		return nil, nil
	}
	all := make([]any, len(list))
	for i, v := range list {
		value, err := jinja.FromGo(v)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		if _, ok := value.(*jinja.Dict); !ok {
			return nil, fmt.Errorf("entry %d is a %T: want an object, as a map or a json.RawMessage", i, v)
		}
		all[i] = value
	}
	return all, nil
}

func dicts(messages []Message) ([]*jinja.Dict, error) {
	all := make([]*jinja.Dict, len(messages))
	for i, m := range messages {
		d, err := m.dict()
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		all[i] = d
	}
	return all, nil
}

// encodeChat encodes a rendered chat. generated are the parts that the assistant has written, where
// the template tells.
func (t *Tokenizer) encodeChat(text string, generated [][2]int, tells bool) (*Chat, error) {
	if !tells {
		ids, err := t.Encode(text)
		return &Chat{Text: text, IDs: ids}, err
	}
	e, err := t.Offsets(text)
	if err != nil {
		return nil, err
	}
	c := &Chat{text, e.IDs, make([]bool, len(e.IDs))}
	for _, part := range generated {
		e.mark(c.Assistant, text, part)
	}
	return c, nil
}

// mark marks the tokens of a part of the text: from the one with its first character to the first
// one with its last, as transformers does. (A part that ends in token 0 marks all that follows
// there: it takes that 0 for no token.)
func (e Encoding) mark(tokens []bool, text string, part [2]int) {
	first := slices.IndexFunc(e.Spans, func(s Span) bool { return s.End > part[0] })
	last := e.tokenAt(lastRune(text[:part[1]]))
	for i := max(first, 0); first >= 0 && i <= last; i++ {
		tokens[i] = true
	}
}

// tokenAt is the token with the byte at a place, or the last one before it.
func (e Encoding) tokenAt(place int) int {
	before := -1
	for i, s := range e.Spans {
		if s.Start <= place && place < s.End {
			return i
		}
		if s.End <= place {
			before = i
		}
	}
	return before
}

// lastRune is where the last character of a text begins; -1 of none.
func lastRune(s string) int {
	if s == "" {
		return -1
	}
	_, n := utf8.DecodeLastRuneInString(s)
	return len(s) - n
}
