package patching_test

import (
	"context"
	"errors"
	"strings"
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
	f := openFixture(t, "llama", nil)
	want := hooked.Must(patching.HeadOutByPos(f.m, f.corrupted, f.clean, f.metric))
	for _, n := range []int{1, 7, 100, 10000} {
		if n == 1 && testing.Short() {
			continue
		}
		got := hooked.Must(patching.HeadOutByPos(f.m, f.corrupted, f.clean, f.metric, patching.BatchTokens(n)))
		golden.Close(t, "HeadOutByPos", got.Float32s(), want.Float32s(), batchTolerance)
	}
}

// TestSweepIsPatching compares cells of sweeps from various sources with single runs that replace
// the same entries.
func TestSweepIsPatching(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	clean := hooked.Must(f.m.Cache(f.clean))
	base := hooked.Must(f.m.Cache(f.corrupted))
	z := base.Get("z", 1)
	for name, c := range map[string]struct {
		source any
		value  *hooked.Tensor
	}{
		"a run":         {f.clean, clean.Get("z", 1)},
		"zeros":         {patching.AllZeros(), z.Scale(0)},
		"mean":          {patching.Mean(f.clean, "batch"), z.Scale(0).Add(clean.Get("z", 1).Mean("batch"))},
		"mean over pos": {patching.Mean(f.clean, "batch pos"), z.Scale(0).Add(clean.Get("z", 1).Mean("batch", "pos"))},
	} {
		grid := hooked.Must(patching.Sweep(f.m, hooked.AttnZ.At(1), "head pos", f.corrupted, c.source, f.metric))
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
	f := openFixture(t, "gpt2", nil)
	last := hooked.Must(patching.Sweep(f.m, hooked.ResidPost.At(-1), "pos", f.corrupted, f.clean, f.metric))
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
	f := openFixture(t, "gpt2", nil)
	var seen []patching.Progress
	_, err := patching.ResidPre(f.m, f.corrupted, f.clean, f.metric, patching.OnProgress(func(p patching.Progress) { seen = append(seen, p) }))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(seen); n == 0 || seen[n-1].Done != seen[n-1].Total || seen[n-1].Remaining != 0 {
		t.Errorf("progress %v does not end with everything done", seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := patching.ResidPre(f.m, f.corrupted, f.clean, f.metric, patching.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled sweep returned %v", err)
	}
}

// TestErrors checks that sweeps that make no sense are refused and told why.
func TestErrors(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	sweep := func(site hooked.Site, over string, source any) error {
		_, err := patching.Sweep(f.m, site, over, f.corrupted, source, f.metric)
		return err
	}
	path := func(to patching.Receivers) error {
		_, err := patching.PathPatch(f.m, to, f.clean, f.corrupted, f.metric)
		return err
	}
	attribute := func(options ...patching.Option) error {
		_, err := patching.Attribution(f.m, hooked.AttnZ, "layer head", f.corrupted, f.clean, f.metric, options...)
		return err
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for want, err := range map[string]error{
		`cannot run over "layer head"`:       sweep(hooked.ResidPre, "layer head", f.clean),
		`must run over "layer" too`:          sweep(hooked.ResidPre, "pos", f.clean),
		"no such site":                       sweep(hooked.Embed, "pos", f.clean),
		"a source of type string":            sweep(hooked.ResidPre, "layer pos", "clean"),
		"as many and as long":                sweep(hooked.ResidPre, "layer pos", f.clean[:2]),
		"a nil *hooked.Cache":                sweep(hooked.ResidPre, "layer pos", (*hooked.Cache)(nil)),
		"Mean names no axes":                 sweep(hooked.ResidPre, "layer pos", patching.Mean(f.clean, "")),
		"heads receive at hook_q":            path(patching.Heads(hooked.AttnZ, patching.HeadAt{Layer: 1})),
		"heads [0] of layer 0 cannot":        path(patching.Heads(hooked.AttnQ, patching.HeadAt{})),
		"the metric looks at position 99, t": metricError(f),
		"does not take OnProgress":           attribute(patching.OnProgress(func(patching.Progress) {})),
		"does not take BatchTokens":          attribute(patching.BatchTokens(7)),
		"BatchTokens(0): want at least 1":    attribute(patching.BatchTokens(0)),
		"OnProgress needs a function":        attribute(patching.OnProgress(nil)),
		"context canceled":                   attribute(patching.WithContext(cancelled)),
		"PaddingSide and AttentionMask both": attribute(patching.PaddingSide(hooked.Left), patching.AttentionMask(ones(f.corrupted))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

func metricError(f *fixture) error {
	far := hooked.NewMetric([]int{99}, nil)
	_, err := patching.ResidPre(f.m, f.corrupted, f.clean, far)
	return err
}
