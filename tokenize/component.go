package tokenize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// A component is one entry of tokenizer.json's normalizer, pre_tokenizer,
// post_processor or decoder.
type component struct {
	kind string // "normalizer" and so on, for errors
	name string // its "type"
	raw  json.RawMessage
}

// components returns the entry raw as a list: a Sequence stands for its members,
// which lists holds under the key member; null stands for none.
func components(kind, member string, raw json.RawMessage) ([]component, error) {
	if isNull(raw) {
		return nil, nil
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if head.Type != "Sequence" {
		return []component{{kind, head.Type, raw}}, nil
	}
	var members map[string]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if err := json.Unmarshal(members[member], &list); err != nil {
		return nil, fmt.Errorf("%s Sequence: %s: %w", kind, member, err)
	}
	return flatten(kind, member, list)
}

func flatten(kind, member string, list []json.RawMessage) ([]component, error) {
	var out []component
	for _, raw := range list {
		inner, err := components(kind, member, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// read fills fields from c. A field that it does not know might change the ids,
// so it is refused.
func (c component) read(fields any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(c.raw, &all); err != nil {
		return c.wrap(err)
	}
	delete(all, "type")
	rest, err := json.Marshal(all)
	if err != nil {
		return c.wrap(err)
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	d.DisallowUnknownFields()
	if err := d.Decode(fields); err != nil {
		return c.wrap(err)
	}
	return nil
}

func (c component) wrap(err error) error { return fmt.Errorf("%s %s: %w", c.kind, c.name, err) }

// unknown is the refusal of a component that has no implementation here.
func (c component) unknown(known []string) error {
	slices.Sort(known)
	return fmt.Errorf("%s %q is not supported; those that are: %q. "+
		"Running the text without it could give wrong tokens", c.kind, c.name, known)
}

// lookUp finds the component in a table of constructors and makes it.
func lookUp[T any](c component, table map[string]func(component) (T, error)) (T, error) {
	construct, ok := table[c.name]
	if !ok {
		known := make([]string, 0, len(table))
		for name := range table {
			known = append(known, name)
		}
		var none T
		return none, c.unknown(known)
	}
	return construct(c)
}
