package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A sideFile is one of the files beside a tokenizer: a JSON object, in its order, which
// decides the ids of tokens that it adds. A file that does not exist has no fields.
type sideFile struct {
	name   string
	fields []sideField
	index  map[string]int // of the fields by key
}

type sideField struct {
	key string
	raw json.RawMessage
}

func readSideFile(from *folder, name string) (*sideFile, error) {
	f := &sideFile{name: name}
	data, err := from.file(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if err := f.parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *sideFile) parse(data []byte) error {
	s, err := newJSONScanner(data)
	if err != nil {
		return err
	}
	err = s.object(func(key string) error {
		raw, err := s.raw()
		f.set(key, raw)
		return err
	})
	return errors.Join(err, s.endAfter(err))
}

// set enters a field; of two with one key the later counts.
func (f *sideFile) set(key string, raw json.RawMessage) {
	if i, ok := f.index[key]; ok {
		f.fields[i].raw = raw
		return
	}
	if f.index == nil {
		f.index = make(map[string]int)
	}
	f.index[key] = len(f.fields)
	f.fields = append(f.fields, sideField{key, raw})
}

func (f *sideFile) has(key string) bool { return !isNull(f.raw(key)) }

// raw returns the value of a field, nothing where there is none.
func (f *sideFile) raw(key string) json.RawMessage {
	if i, ok := f.index[key]; ok {
		return f.fields[i].raw
	}
	return nil
}

// get reads a field into a value; a missing field, or null, leaves it as it is.
func (f *sideFile) get(key string, into any) error {
	raw := f.raw(key)
	if isNull(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return f.wrap(key, briefError(err))
	}
	return nil
}

// wrap names the file and the field that an error is about.
func (f *sideFile) wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", f.name, brief(key), err)
}

// errorf is the refusal of a field.
func (f *sideFile) errorf(key, format string, args ...any) error {
	return f.wrap(key, fmt.Errorf(format, args...))
}

// A sideToken is a token as these files write it: "<s>", or {"content": "<s>", ...}
// with the ways in which it is found.
type sideToken struct {
	addedToken
	object        bool // not a bare string
	hasNormalized bool // the object says whether it is normalized
}

// UnmarshalJSON accepts both forms, and nothing else.
func (t *sideToken) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		*t = sideToken{}
		return json.Unmarshal(data, &t.Content)
	}
	var fields struct {
		Type       string  `json:"__type"` // "AddedToken"
		ID         *int    `json:"id"`
		Content    *string `json:"content"`
		SingleWord bool    `json:"single_word"`
		LStrip     bool    `json:"lstrip"`
		RStrip     bool    `json:"rstrip"`
		Normalized *bool   `json:"normalized"`
		Special    bool    `json:"special"`
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil {
		return briefError(err)
	}
	if fields.Content == nil {
		return errors.New(`a token without "content"`)
	}
	t.addedToken = addedToken{
		Content: *fields.Content, SingleWord: fields.SingleWord,
		LStrip: fields.LStrip, RStrip: fields.RStrip, Special: fields.Special,
	}
	if fields.ID != nil {
		t.ID = *fields.ID
	}
	t.object, t.hasNormalized = true, fields.Normalized != nil
	t.Normalized = t.hasNormalized && *fields.Normalized || !t.hasNormalized && !t.Special
	return nil
}

// asSpecial is the token as one that decoding can leave out. Unless it says otherwise,
// such a token is looked for in the text as it is.
func (t sideToken) asSpecial() sideToken {
	t.Special = true
	t.Normalized = t.Normalized && t.hasNormalized
	return t
}
