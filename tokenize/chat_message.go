package tokenize

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	short "gopherlens/internal/brief"
	"gopherlens/internal/jinja"
)

// A Message is one turn of a chat.
//
// Read from JSON it is {"role": "user", "content": "...", ...}, and keeps the order of its keys,
// which some templates print.
type Message struct {
	Role string // "system", "user", "assistant", "tool", or what else the template knows

	// Content is a string, or a list of parts such as {"type": "text", "text": "..."}: any value
	// that JSON can say, or a [json.RawMessage]. Nil is none.
	Content any

	// Fields are what else the template reads: "tool_calls", "reasoning_content", "name". A nil
	// value is left out, as in transformers.
	Fields map[string]any

	order []string // of the keys in JSON; nil for a message that is not from there
}

const (
	roleKey    = "role"
	contentKey = "content"
)

// UnmarshalJSON reads a message.
func (m *Message) UnmarshalJSON(data []byte) error {
	f := new(sideFile)
	if err := f.parse(data); err != nil {
		return fmt.Errorf("a message: %w", err)
	}
	*m = Message{order: []string{}}
	for _, field := range f.fields {
		value, err := decodeJSON(field.raw)
		if err != nil {
			return briefError(err)
		}
		m.order = append(m.order, field.key)
		switch field.key {
		case roleKey:
			role, ok := value.(string)
			if !ok {
				return short.Errorf("a message: the role is %s: want a string", field.raw)
			}
			m.Role = role
		case contentKey:
			m.Content = value
		default:
			if m.Fields == nil {
				m.Fields = make(map[string]any)
			}
			m.Fields[field.key] = value
		}
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (m Message) MarshalJSON() ([]byte, error) {
	out := []byte("{")
	for i, key := range m.keys() {
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value(key))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// keys are the message's keys: as its JSON had them, and then what was set later.
func (m Message) keys() []string {
	var keys []string
	if m.Role != "" || slices.Contains(m.order, roleKey) {
		keys = append(keys, roleKey)
	}
	if m.Content != nil || slices.Contains(m.order, contentKey) {
		keys = append(keys, contentKey)
	}
	keys = append(keys, slices.Sorted(maps.Keys(m.Fields))...)
	place := func(key string) int {
		if i := slices.Index(m.order, key); i >= 0 {
			return i
		}
		return len(m.order)
	}
	slices.SortStableFunc(keys, func(a, b string) int { return place(a) - place(b) })
	return keys
}

func (m Message) value(key string) any {
	switch key {
	case roleKey:
		return m.Role
	case contentKey:
		return m.Content
	}
	return m.Fields[key]
}

// dict is the message as a template sees it.
func (m Message) dict() (*jinja.Dict, error) {
	if m.order == nil && m.Role == "" {
		return nil, fmt.Errorf("it has no Role")
	}
	for _, key := range []string{roleKey, contentKey} {
		if _, ok := m.Fields[key]; ok {
			return nil, fmt.Errorf("its Fields hold %q, which has a field of its own", key)
		}
	}
	d := jinja.NewDict()
	for _, key := range m.keys() {
		value, err := jinja.FromGo(m.value(key))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", brief(key), err)
		}
		if value != nil {
			d.Set(key, value)
		}
	}
	return withReasoning(d), nil
}

// reasoningFields are the names under which templates look for what a model has thought, the one in
// use first.
var reasoningFields = []string{"reasoning_content", "thinking", "reasoning"}

// withReasoning gives a message its reasoning under the names that templates know, in the order of
// keys that transformers gives it.
func withReasoning(d *jinja.Dict) *jinja.Dict {
	var reasoning any
	for _, name := range slices.Backward(reasoningFields) {
		if v := d.Get(name); v != nil {
			reasoning = v
		}
	}
	if reasoning == nil {
		return d
	}
	out := jinja.NewDict()
	out.Set("thinking", reasoning)
	for name, v := range d.Each() {
		out.Set(name, v)
	}
	out.Set("reasoning_content", reasoning)
	return out
}

// decodeJSON is a JSON value as a [Message] holds it: strings and null as Go's, the others as they
// are written.
func decodeJSON(raw json.RawMessage) (any, error) {
	switch {
	case isNull(raw):
		return nil, nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	return slices.Clone(raw), nil
}
