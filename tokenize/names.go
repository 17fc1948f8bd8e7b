package tokenize

import (
	"encoding/json"
	"slices"
	"strings"
)

// nameFields are the fields that name special tokens, in order, on their way through
// transformers 5.24 (PreTrainedTokenizerBase._from_pretrained, then __init__).
type nameFields struct {
	fields []nameField
	index  map[string]int // of the fields by key
	own    []nameField    // named in tokenizer_config.json, for a task that is not among roles
	// special tokens of special_tokens_map.json, after those of tokenizer_config.json
	more  []nameField
	early map[string]bool // the tokens known as special when added_tokens.json is read
}

// A nameField is a field and the file that it is from.
type nameField struct {
	key     string
	label   string // as the file has it
	raw     json.RawMessage
	file    *sideFile
	special bool // an object in it is special, whatever it says
	late    bool // read after added_tokens.json
}

const (
	extraKey      = "extra_special_tokens"
	additionalKey = "additional_special_tokens" // the older name
)

// namesOf takes the fields of tokenizer_config.json.
func namesOf(config *sideFile) *nameFields {
	n := &nameFields{index: make(map[string]int), early: make(map[string]bool)}
	for _, f := range config.fields {
		one := nameField{key: f.key, label: f.key, raw: f.raw, file: config}
		named := strings.HasSuffix(f.key, "_token")
		switch {
		case f.key == additionalKey && isEmpty(config.raw(extraKey)):
			one.key = extraKey
			n.set(one)
		// makes way for it
		case f.key == extraKey && isEmpty(f.raw) && config.raw(additionalKey) != nil:
		case f.key == extraKey, f.key == additionalKey, slices.Contains(roles, f.key), named && f.raw[0] == '{':
			n.set(one)
		case named && f.raw[0] == '"':
			n.own = append(n.own, one)
		}
	}
	return n
}

// isEmpty reports a value that Python takes for false.
func isEmpty(raw json.RawMessage) bool {
	return len(raw) == 0 || slices.Contains([]string{"null", "[]", "{}"}, string(raw))
}

func (n *nameFields) set(f nameField) {
	if i, ok := n.index[f.key]; ok {
		n.fields[i] = f
		return
	}
	n.index[f.key] = len(n.fields)
	n.fields = append(n.fields, f)
}

func (n *nameFields) get(key string) *nameField {
	if i, ok := n.index[key]; ok {
		return &n.fields[i]
	}
	return nil
}

// overrideBy takes the fields of special_tokens_map.json.
func (n *nameFields) overrideBy(file *sideFile) {
	for _, f := range file.fields {
		one := nameField{key: f.key, label: f.key, raw: f.raw, file: file, special: true}
		switch {
		case f.key == extraKey:
			n.more = append(n.more, one)
		case f.key == additionalKey, strings.HasSuffix(f.key, "_token"):
			n.set(one)
		}
	}
}

// read fills in the names of s.
func (n *nameFields) read(s *settings) error {
	named := make(map[string]nameRole)
	var own []nameRole
	for _, f := range slices.Concat(n.fields, n.own) {
		if !strings.HasSuffix(f.key, "_token") || isNull(f.raw) {
			continue
		}
		r, err := f.role(n)
		if err != nil {
			return err
		}
		if slices.Contains(roles, f.key) {
			named[f.key] = r
		} else {
			own = append(own, r)
		}
	}
	for _, role := range roles {
		if r, ok := named[role]; ok {
			s.names = append(s.names, r)
		}
	}
	s.names = append(s.names, own...)
	return n.readExtra(s)
}

// role reads the token of a task.
func (f *nameField) role(n *nameFields) (nameRole, error) {
	var t sideToken
	if err := f.read(&t); err != nil {
		return nameRole{}, err
	}
	if slices.Contains(roles, f.key) && (f.special || !t.object) {
		n.early[t.Content] = true
	}
	return nameRole{f.key, t}, f.check(&t)
}

// read reads the field's value.
func (f *nameField) read(into any) error {
	if err := json.Unmarshal(f.raw, into); err != nil {
		return f.file.wrap(f.label, briefError(err))
	}
	return nil
}

// check refuses an empty token, and makes one special that the field says is.
func (f *nameField) check(t *sideToken) error {
	if t.object && f.special {
		*t = t.asSpecial()
	}
	if t.Content == "" {
		return f.file.errorf(f.label, "an empty token")
	}
	return nil
}

// readExtra reads the special tokens without a task: lists, or tokens by name.
func (n *nameFields) readExtra(s *settings) error {
	fields := slices.Clone(n.more)
	if f := n.get(extraKey); f != nil {
		fields = append([]nameField{*f}, fields...)
	} else if f := n.get(additionalKey); f != nil && len(fields) == 0 {
		f.late = true
		fields = append(fields, *f)
	}
	for _, f := range fields {
		read := n.readList
		if f.raw[0] == '{' {
			read = n.readByName
		}
		if err := read(s, &f); err != nil && !isNull(f.raw) {
			return err
		}
	}
	return nil
}

func (n *nameFields) readList(s *settings, f *nameField) error {
	var list []sideToken
	if err := f.read(&list); err != nil {
		return err
	}
	for _, t := range list {
		if err := f.check(&t); err != nil {
			return err
		}
		if !f.late && (f.special || !t.object) {
			n.early[t.Content] = true
		}
		s.extra = append(s.extra, t)
	}
	return nil
}

// readByName reads tokens by name, which are like the ones of a task.
func (n *nameFields) readByName(s *settings, f *nameField) error {
	byName := &sideFile{name: f.file.name}
	if err := byName.parse(f.raw); err != nil {
		return f.file.wrap(f.label, err)
	}
	for _, field := range byName.fields {
		one := nameField{key: field.key, label: f.label, raw: field.raw, file: f.file}
		r, err := one.role(n)
		if err != nil {
			return err
		}
		s.names = append(s.names, r)
	}
	return nil
}
