package axis

import "testing"

func TestFind(t *testing.T) {
	pattern := []string{"batch", "head", "query", "key"}
	grouped := []string{"batch", "pos", "kv_head", "d_head"}
	for _, test := range []struct {
		axes []string
		name string
		want int
	}{
		{pattern, "pos", 2}, {pattern, "key", 3}, {pattern, "src", 3}, {pattern, "dest", 2}, {pattern, "d_model", -1},
		{grouped, "head", 2}, {grouped, "pos", 1}, {grouped, "query", -1}, {[]string{"batch", "pos", "d_mlp"}, "neuron", 2},
	} {
		if got := Find(test.axes, test.name); got != test.want {
			t.Errorf("%q among %v: %d, want %d", test.name, test.axes, got, test.want)
		}
	}
	for name, want := range map[string]string{"query": "pos", "kv_head": "head", "key": "key", "d_mlp": "d_mlp"} {
		if got := Plain(name); got != want {
			t.Errorf("plain %q: %q, want %q", name, got, want)
		}
	}
}
