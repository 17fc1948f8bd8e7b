package examples

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// A saved Found is one safetensors file: the numbers of all examples one behind the other, and in
// the metadata what they belong to.

const (
	savedKey     = "gopherlens.examples"
	savedVersion = 1
)

// saved is the metadata.
type saved struct {
	Version  int
	Contexts string
	Length   int
	Rows     [][2]int
	Config   Config
	Features []savedFeature
}

type savedFeature struct {
	Label                       string
	Active, Top, Bottom, Sample int   // how many examples
	Bins                        []int `json:",omitempty"`
}

// Save writes what was found to a safetensors file, which appears when it is complete: for [Open],
// on this machine or another, to look at it or to [Merge] it. Its arrays are, example by example,
// row, pos, from (positions), value, size (tokens in the example) and, joined, tokens and
// activations.
func (f *Found) Save(path string) error {
	if f == nil || len(f.Features) == 0 {
		return errors.New("examples: there is nothing to save")
	}
	head := saved{Version: savedVersion, Contexts: f.Contexts, Length: f.Length, Config: f.config}
	for _, r := range f.Rows {
		head.Rows = append(head.Rows, [2]int{r.From, r.To})
	}
	var all columns
	for _, one := range f.Features {
		head.Features = append(head.Features, savedFeature{one.Label, one.Active, len(one.Top), len(one.Bottom), len(one.sample), one.bins})
		for _, e := range slices.Concat(one.Top, one.Bottom, one.sample) {
			all.add(e)
		}
	}
	if head.Config.AllValues {
		head.Config.Floor = 0 // JSON has no infinity
	}
	text, err := json.Marshal(head)
	if err == nil {
		err = weights.WriteSafetensors(path, map[string]string{savedKey: string(text)}, all.named())
	}
	if err != nil {
		return fmt.Errorf("examples: saving: %w", err)
	}
	return nil
}

// columns are the numbers of many examples.
type columns struct {
	row, pos, from, size, tokens []int64
	value, activations           []float32
}

func (c *columns) add(e Example) {
	c.row, c.pos, c.from = append(c.row, int64(e.Row)), append(c.pos, int64(e.Pos)), append(c.from, int64(e.From))
	c.size, c.value = append(c.size, int64(len(e.Tokens))), append(c.value, e.Value)
	for _, id := range e.Tokens {
		c.tokens = append(c.tokens, int64(id))
	}
	c.activations = append(c.activations, e.Activations...)
}

func (c *columns) named() []weights.Named {
	whole := func(name string, v []int64) weights.Named { return weights.FromInt64s(name, []int{len(v)}, v) }
	floats := func(name string, v []float32) weights.Named { return weights.FromFloat32s(name, []int{len(v)}, v) }
	return []weights.Named{whole("row", c.row), whole("pos", c.pos), whole("from", c.from), whole("size", c.size), whole("tokens", c.tokens),
		floats("value", c.value), floats("activations", c.activations)}
}

// Open reads what [Found.Save] has written.
func Open(path string) (*Found, error) {
	f, err := open(path)
	if err != nil {
		return nil, brief.Errorf("examples: %s: %w", path, err)
	}
	return f, nil
}

func open(path string) (found *Found, err error) {
	file, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, ok := file.Metadata()[savedKey].(string)
	if !ok {
		return nil, errors.New("this file holds no examples: want one that Found.Save has written")
	}
	var head saved
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return nil, err
	}
	if head.Version != savedVersion {
		return nil, brief.Errorf("it is of version %d, and this program reads version %d", head.Version, savedVersion)
	}
	all, err := readColumns(file)
	if err != nil {
		return nil, err
	}
	return head.found(all)
}

func readColumns(file *weights.File) (c columns, err error) {
	for name, into := range map[string]*[]int64{"row": &c.row, "pos": &c.pos, "from": &c.from, "size": &c.size, "tokens": &c.tokens} {
		t, err := file.Tensor(name)
		if err != nil {
			return c, err
		}
		if *into, err = t.Int64s(); err != nil {
			return c, err
		}
	}
	for name, into := range map[string]*[]float32{"value": &c.value, "activations": &c.activations} {
		t, err := file.Tensor(name)
		if err != nil {
			return c, err
		}
		if *into, err = t.Float32s(); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

// check refuses columns that do not fit together.
func (c *columns) check() error {
	n, tokens := len(c.row), 0
	for _, size := range c.size {
		if size < 1 || int(size) > len(c.tokens) {
			return brief.Errorf("an example has %d tokens", size)
		}
		tokens += int(size)
	}
	if len(c.pos) != n || len(c.from) != n || len(c.size) != n || len(c.value) != n || tokens != len(c.tokens) || tokens != len(c.activations) {
		return errors.New("its arrays are of different lengths: the file was not written by Found.Save")
	}
	return nil
}

// take is the next n examples.
func (c *columns) take(n int) (out []Example, err error) {
	if n < 0 || n > len(c.row) {
		return nil, brief.Errorf("it tells of %d examples more, and holds %d", n, len(c.row))
	}
	for range n {
		e := Example{Row: int(c.row[0]), Pos: int(c.pos[0]), From: int(c.from[0]), Value: c.value[0]}
		size := int(c.size[0])
		for _, id := range c.tokens[:size] {
			e.Tokens = append(e.Tokens, int(id))
		}
		e.Activations = c.activations[:size:size]
		c.row, c.pos, c.from, c.size, c.value = c.row[1:], c.pos[1:], c.from[1:], c.size[1:], c.value[1:]
		c.tokens, c.activations = c.tokens[size:], c.activations[size:]
		out = append(out, e)
	}
	return out, nil
}

// found puts examples under their features.
func (head saved) found(all columns) (*Found, error) {
	f := &Found{Contexts: head.Contexts, Length: head.Length, config: head.Config.withFloor()}
	for _, r := range head.Rows {
		f.Rows = append(f.Rows, hooked.Range{From: r[0], To: r[1]})
	}
	for _, one := range head.Features {
		if n := len(one.Bins); n != 0 && n != histogramBins || (n > 0) != head.Config.Histogram {
			return nil, brief.Errorf("the histogram of %q has %d bins", one.Label, n)
		}
		feature := Feature{Label: one.Label, Active: one.Active, bins: one.Bins, config: f.config}
		for _, part := range []struct {
			n    int
			into *[]Example
		}{{one.Top, &feature.Top}, {one.Bottom, &feature.Bottom}, {one.Sample, &feature.sample}} {
			var err error
			if *part.into, err = all.take(part.n); err != nil {
				return nil, err
			}
		}
		f.Features = append(f.Features, feature)
	}
	if len(all.row) > 0 {
		return nil, brief.Errorf("it holds %d examples that belong to no feature", len(all.row))
	}
	return f, nil
}
