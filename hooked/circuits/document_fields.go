package circuits

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// Others write fields of their own into a document. They are kept, and written again.

// UnmarshalJSON reads the known fields and keeps the others.
func (m *Metadata) UnmarshalJSON(text []byte) (err error) {
	type plain Metadata
	m.More, err = readFields(text, (*plain)(m))
	return err
}

// MarshalJSON writes the fields, and those that were kept.
func (m Metadata) MarshalJSON() ([]byte, error) {
	type plain Metadata
	return writeFields(plain(m), m.More)
}

// UnmarshalJSON reads the known fields and keeps the others.
func (v *View) UnmarshalJSON(text []byte) (err error) {
	type plain View
	v.More, err = readFields(text, (*plain)(v))
	return err
}

// MarshalJSON writes the fields, and those that were kept.
func (v View) MarshalJSON() ([]byte, error) {
	type plain View
	return writeFields(plain(v), v.More)
}

// UnmarshalJSON reads the known fields and keeps the others.
func (n *DocumentNode) UnmarshalJSON(text []byte) (err error) {
	type plain DocumentNode
	n.More, err = readFields(text, (*plain)(n))
	return err
}

// MarshalJSON writes the fields, and those that were kept.
func (n DocumentNode) MarshalJSON() ([]byte, error) {
	type plain DocumentNode
	return writeFields(plain(n), n.More)
}

// UnmarshalJSON reads the known fields and keeps the others.
func (l *Link) UnmarshalJSON(text []byte) (err error) {
	type plain Link
	l.More, err = readFields(text, (*plain)(l))
	return err
}

// MarshalJSON writes the fields, and those that were kept.
func (l Link) MarshalJSON() ([]byte, error) {
	type plain Link
	return writeFields(plain(l), l.More)
}

// readFields reads an object into a struct, and gives the fields that it does not have.
func readFields(text []byte, into any) (more map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(text, into); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &more); err != nil {
		return nil, err
	}
	t := reflect.TypeOf(into).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		delete(more, name)
	}
	if len(more) == 0 {
		return nil, nil
	}
	return more, nil
}

// writeFields writes a struct, with more fields behind its own.
func writeFields(from any, more map[string]json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(from)
	if err != nil || len(more) == 0 {
		return text, err
	}
	rest, err := json.Marshal(maps.Clone(more)) // sorted by name
	if err != nil {
		return nil, err
	}
	return append(append(text[:len(text)-1], ','), rest[1:]...), nil
}
