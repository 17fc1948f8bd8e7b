package circuits_test

import (
	"reflect"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, circuits.Transcoders{}, circuits.Replacement{}, circuits.Graph{}, circuits.Pruned{}, circuits.Document{}, circuits.Outcome{}, circuits.Node{}, circuits.Claim{})
	zeros.CallFunctions(t, map[string]any{"Load": circuits.Load, "PerLayer": circuits.PerLayer, "CrossLayer": circuits.CrossLayer, "Neurons": circuits.Neurons,
		"Replace": circuits.Replace, "ReadDocument": circuits.ReadDocument})
}

// A graph, what is left of it, and transcoders can be kept between a notebook's cells.
func TestOnce(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	t.Setenv("GONB_PIPE", "")
	t.Setenv("GONB_TMP_DIR", "")
	t.Cleanup(func() { hooked.Forget("pruned"); hooked.Forget("transcoders") })
	f := openFixture(t, "llama_clt", golden.PureGo(t))
	want := hooked.Must(f.graph(circuits.Options{}).Prune(circuits.NodeThreshold, circuits.EdgeThreshold))
	for range 2 {
		got := hooked.Once("pruned", func() *circuits.Pruned { return want }, hooked.OnDisk())
		if !reflect.DeepEqual(got, want) {
			t.Error("the graph is another")
		}
	}
	set := hooked.Once("transcoders", func() *circuits.Transcoders { return f.r.Transcoders() }, hooked.OnDisk())
	if set.String() != f.r.Transcoders().String() || !set.CrossLayer() {
		t.Errorf("%s, want %s", set, f.r.Transcoders())
	}
}
