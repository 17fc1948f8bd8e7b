package patching_test

import (
	"context"
	"errors"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// batchTolerance is how far a sweep's numbers may depend on how it is cut into batches (issue 6 of
// the project's plan).
var batchTolerance = golden.Tolerance{Abs: 1e-4}

// TestBatchSize checks that a sweep's numbers do not depend on how many patches are computed
// together.
func TestBatchSize(t *testing.T) {
	f := openFixture(t, "llama", golden.PureGo(t))
	want := hooked.Must(f.sweep(patching.HeadOutByPos).Run(f.m))
	for _, n := range []int{1, 7, 100, 10000} {
		if n == 1 && testing.Short() {
			continue
		}
		got := hooked.Must(f.sweep(patching.HeadOutByPos).Run(f.m, patching.BatchTokens(n)))
		golden.Close(t, "HeadOutByPos", got.Float32s(), want.Float32s(), batchTolerance)
	}
}

// TestSweepIsPatching compares cells of sweeps from various sources with single runs that replace
// the same entries.
func TestSweepIsPatching(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	clean := hooked.Must(f.m.Cache(f.clean))
	base := hooked.Must(f.m.Cache(f.corrupted))
	z := base.Get("z", 1)
	for name, c := range map[string]struct {
		source patching.Source
		value  *hooked.Tensor
	}{
		"a run":         {patching.FromTokens(f.clean), clean.Get("z", 1)},
		"zeros":         {patching.AllZeros(), z.Scale(0)},
		"mean":          {patching.Mean{Of: f.clean, Over: "batch"}, z.Scale(0).Add(clean.Get("z", 1).Mean("batch"))},
		"mean over pos": {patching.Mean{Of: f.clean, Over: "batch pos"}, z.Scale(0).Add(clean.Get("z", 1).Mean("batch", "pos"))},
	} {
		grid := hooked.Must(patching.Sweep{Kind: patching.Kind{Site: hooked.AttnZ.At(1), Over: "head pos"}, Base: f.corrupted,
			Source: c.source, Metric: f.metric}.Run(f.m))
		for _, at := range [][2]int{{0, 0}, {2, 10}, {1, 14}} {
			edit := hooked.Edit(hooked.AttnZ.At(1), hooked.Replace(c.value, hooked.Head(at[0]), hooked.Pos(at[1])))
			want, _, _, err := f.m.RunWithGradients(f.corrupted, f.metric, edit, hooked.Names(hooked.AttnZ.At(1)), hooked.Gradients(hooked.AttnZ.At(1)))
			if err != nil {
				t.Fatal(err)
			}
			golden.Close(t, name, []float32{grid.At(at[0], at[1])}, want.Float32s(), f.tol)
		}
	}
}

// TestNormalized checks the ends of the scale: the clean run is 1, the corrupted one 0.
func TestNormalized(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	last := hooked.Must(f.sweep(patching.Kind{Site: hooked.ResidPost.At(-1), Over: "pos"}).Run(f.m))
	clean, corrupted := last.At(14), last.At(0)
	got := last.Normalized(corrupted, clean)
	golden.Close(t, "normalized", []float32{got.At(0), got.At(14)}, []float32{0, 1}, golden.Tolerance{})
	if clean == corrupted {
		t.Error("the patch of the last position changed nothing")
	}
}

// TestCancel checks that a sweep ends when its context does, and that progress counts up to the
// whole.
func TestCancel(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	var seen []patching.Progress
	_, err := f.sweep(patching.ResidPre).Run(f.m, patching.OnProgress(func(p patching.Progress) { seen = append(seen, p) }))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(seen); n == 0 || seen[n-1].Done != seen[n-1].Total || seen[n-1].Remaining != 0 {
		t.Errorf("progress %v does not end with everything done", seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.sweep(patching.ResidPre).Run(f.m, patching.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled sweep returned %v", err)
	}
}
