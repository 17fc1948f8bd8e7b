// Package axis knows the names of the axes of activations, and under which other names they may be
// asked for.
package axis

import "slices"

// aliases are the names that an axis may have at a site, by the name that it is asked for, the
// likeliest first. Attention has positions of two kinds: those that look, and those that are looked
// at.
var aliases = map[string][]string{
	"pos":    {"query", "key"},
	"head":   {"kv_head"},
	"dest":   {"query"},
	"src":    {"key"},
	"neuron": {"d_mlp"},
}

// Find is the index among axes of the one called name, under its own or another name, or -1.
func Find(axes []string, name string) int {
	for _, alias := range append([]string{name}, aliases[name]...) {
		if i := slices.Index(axes, alias); i >= 0 {
			return i
		}
	}
	return -1
}

// Plain is the name under which an axis is found wherever there is one of its kind: pos for query,
// head for kv_head.
func Plain(name string) string {
	for _, plain := range []string{"pos", "head"} {
		if aliases[plain][0] == name {
			return plain
		}
	}
	return name
}

// IsPosition reports whether an axis runs over positions.
func IsPosition(name string) bool { return name == "pos" || slices.Contains(aliases["pos"], name) }
