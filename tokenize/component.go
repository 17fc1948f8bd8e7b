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
// which it holds under the key member; null stands for none.
func components(kind, member string, raw json.RawMessage) ([]component, error) {
	list, err := membersOf(kind, member, raw, 0)
	if err == nil && len(list) > maxComponents {
		err = fmt.Errorf("%s: %d components; %d are allowed", kind, len(list), maxComponents)
	}
	return list, err
}

// membersOf is components at a depth of nesting.
func membersOf(kind, member string, raw json.RawMessage, depth int) ([]component, error) {
	if isNull(raw) {
		return nil, nil
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("%s: sequences are nested more than %d deep", kind, maxNesting)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("%s: %s", kind, briefError(err))
	}
	if head.Type != "Sequence" {
		return []component{{kind, head.Type, raw}}, nil
	}
	var members map[string]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%s: %s", kind, briefError(err))
	}
	if err := json.Unmarshal(members[member], &list); err != nil {
		return nil, fmt.Errorf("%s Sequence: %s: %s", kind, member, briefError(err))
	}
	return flatten(kind, member, list, depth+1)
}

func flatten(kind, member string, list []json.RawMessage, depth int) ([]component, error) {
	var out []component
	for _, raw := range list {
		inner, err := membersOf(kind, member, raw, depth)
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
		return c.wrap(briefError(err))
	}
	delete(all, "type")
	rest, err := json.Marshal(all)
	if err != nil {
		return c.wrap(err)
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	d.DisallowUnknownFields()
	if err := d.Decode(fields); err != nil {
		return c.wrap(briefError(err))
	}
	return nil
}

// wrap says where an error comes from; of none it makes none.
func (c component) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", c.kind, c.name, err)
}

// unknown is the refusal of a component that has no implementation here.
func (c component) unknown(known []string) error {
	slices.Sort(known)
	return fmt.Errorf("%s %q is not supported; those that are: %q. "+
		"Running the text without it could give wrong tokens", c.kind, brief(c.name), known)
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
