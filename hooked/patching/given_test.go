package patching_test

import (
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// TestGiven compares a sweep whose replacements are given, at one position of each prompt, with
// single runs that put them there.
func TestGiven(t *testing.T) {
	f := openFixture(t, "llama", golden.PureGo(t))
	site := hooked.AttnZ.At(1)
	z := hooked.Must(f.m.Cache(f.clean, hooked.Names(site))).Get(site).Mean("batch").At(3) // [head, d_head]
	at := make([][]int, len(f.corrupted))
	for i := range at {
		at[i] = []int{5}
	}
	given := patching.Given{Of: map[hooked.Site]*hooked.Tensor{site: z}, At: at}
	grid := hooked.Must(patching.Sweep{Kind: patching.Kind{Site: hooked.AttnZ, Over: "layer head"}, Base: f.corrupted, Source: given, Metric: f.metric}.Run(f.m))
	put := hooked.Must(f.m.Cache(f.corrupted, hooked.Names(site))).Get(site).Scale(0).Add(z)
	base := hooked.Must(f.m.Measure(f.corrupted, f.metric)).Item()
	for head := range f.m.Config().NHeads {
		want := hooked.Must(f.m.Measure(f.corrupted, f.metric, hooked.Edit(site, hooked.Replace(put, hooked.Head(head), hooked.Pos(5))))).Item()
		golden.Close(t, "layer 1", []float32{grid.At(1, head)}, []float32{want}, f.tol)
		golden.Close(t, "layer 0, which stays", []float32{grid.At(0, head)}, []float32{base}, f.tol)
	}
	for want, g := range map[string]patching.Given{
		"none for":              {Of: map[hooked.Site]*hooked.Tensor{hooked.ResidPre.At(1): z}},
		"no position 99":        {Of: given.Of, At: append([][]int{{99}}, at[1:]...)},
		"positions of 1 prompt": {Of: given.Of, At: at[:1]},
		"hook_z":                {Of: map[hooked.Site]*hooked.Tensor{site: z.At(hooked.All, hooked.Range{From: 0, To: 2})}},
	} {
		_, err := patching.Sweep{Kind: patching.HeadOutAllPos, Base: f.corrupted, Source: g, Metric: f.metric}.Run(f.m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
