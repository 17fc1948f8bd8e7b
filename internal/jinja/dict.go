package jinja

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Dict keeps its keys in the order in which they were set, as Python's dict does.
type Dict struct {
	keys   list
	values list
	index  map[string]int
}

// NewDict is an empty Dict.
func NewDict() *Dict { return &Dict{index: map[string]int{}} }

// Set sets the value of a name, which [FromGo] or [FromJSON] has made.
func (d *Dict) Set(key string, value any) { d.set(key, value) }

// Get is the value of a name, nil where there is none.
func (d *Dict) Get(key string) any {
	v, _ := d.get(key)
	return v
}

// Each yields the names and their values, in their order.
func (d *Dict) Each() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i, k := range d.keys {
			if name, ok := text(k); ok && !yield(name, d.values[i]) {
				return
			}
		}
	}
}

// Len is how many keys there are.
func (d *Dict) Len() int {
	if d == nil {
		return 0
	}
	return len(d.keys)
}

func (d *Dict) set(key, value any) {
	h := hash(key, 0)
	if i, ok := d.index[h]; ok {
		d.values[i] = value
		return
	}
	d.index[h] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

func (d *Dict) get(key any) (any, bool) {
	i, ok := d.index[hash(key, 0)]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

func (d *Dict) clone() *Dict {
	c := &Dict{slices.Clone(d.keys), slices.Clone(d.values), map[string]int{}}
	for h, i := range d.index {
		c.index[h] = i
	}
	return c
}

func (d *Dict) items() list {
	all := make(list, len(d.keys))
	for i, k := range d.keys {
		all[i] = tuple{k, d.values[i]}
	}
	return all
}

// largestKey bounds a tuple that is a key: one of a few letters can hold others without end.
const largestKey = 1 << 16

// hash is the same text for keys that Python holds to be equal: 1, 1.0 and True are one key.
func hash(key any, depth int) string {
	if depth > deepest {
		fail("a key is nested more than %d deep", deepest)
	}
	switch k := key.(type) {
	case nil:
		return "n"
	case bool:
		if k {
			return "1"
		}
		return "0"
	case int64:
		return strconv.FormatInt(k, 10)
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<53 {
			return strconv.FormatInt(int64(k), 10)
		}
		return "f" + strconv.FormatFloat(k, 'g', -1, 64)
	case string:
		return "s" + k
	case markup:
		return "s" + string(k)
	case tuple:
		var b strings.Builder
		b.WriteString("t")
		for _, v := range k {
			h := hash(v, depth+1)
			b.WriteString(strconv.Itoa(len(h)) + ":" + h)
			if b.Len() > largestKey {
				fail("a key has more than %d bytes: it is refused", largestKey)
			}
		}
		return b.String()
	case undefined:
		return "u"
	}
	fail("%s cannot be a key", kindOf(key))
	return ""
}
