package fleet_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/fleet"
	"gopherlens/hooked/patching"
)

// prompts are n of 12 tokens, and the same with other tokens from the fifth on.
func prompts(n int) (base, source hooked.Tokens) {
	const words = 3 // the tokens before are none: one at the end of a prompt would be taken for a pad
	state := uint32(7)
	for range n {
		var a, b []int
		for p := range 12 {
			state = state*1664525 + 1013904223
			a = append(a, words+int(state>>16)%(336-words))
			if b = append(b, a[p]); p >= 5 {
				b[p] = words + (a[p]+17)%(336-words)
			}
		}
		base, source = append(base, a), append(source, b)
	}
	return base, source
}

// sweeps are some of different kinds and metrics.
func sweeps(n int) map[string]patching.Sweep {
	base, source := prompts(n)
	answers, pairs := make([]int, n), make(hooked.Tokens, n)
	weights := make([]float32, 336)
	for i := range answers {
		answers[i], pairs[i] = 3*i+1, []int{5*i + 2, 7*i + 11}
	}
	for i := range weights {
		weights[i] = float32(i%7) - 3
	}
	from := patching.FromTokens(source)
	return map[string]patching.Sweep{
		"heads":      {Kind: patching.HeadOutAllPos, Base: base, Source: from, Metric: hooked.LogitDiff(pairs)},
		"residual":   {Kind: patching.ResidPre, Base: base, Source: from, Metric: hooked.LossMetric(base, 6, 0)},
		"zeros":      {Kind: patching.Kind{Site: hooked.MLPOut.At(1), Over: "pos"}, Base: base, Source: patching.AllZeros(), Metric: hooked.AnswerLogProb(answers).Between(-9, 1)},
		"projection": {Kind: patching.Kind{Site: hooked.AttnV, Over: "layer pos head"}, Base: base, Source: from, Metric: hooked.LogitProjection(weights)},
		"function":   {Kind: patching.ResidPre, Base: base, Source: from, Metric: spread()},
		"uneven":     {Kind: patching.MLPOut, Base: base, Source: from, Metric: spread().At(uneven(n))},
		"several":    {Kind: patching.BlockEvery, Base: base, Source: from, Metric: hooked.AnswerProb(answers)},
	}
}

// spread is a metric that is no data: how far the logits of the last two positions are apart.
func spread() hooked.Metric {
	return hooked.NewMetric([]int{-2, -1}, func(logits *graph.Node, _ []*graph.Node) *graph.Node {
		return graph.Sub(graph.ReduceMax(logits, 1, 2), graph.ReduceMin(logits, 1, 2))
	})
}

// uneven are two positions for each of n prompts.
func uneven(n int) (at [][]int) {
	for i := range n {
		at = append(at, []int{5 + i%3, 11 - i%2})
	}
	return at
}

// same compares grids bit for bit.
func same(t *testing.T, name string, got, want *patching.Grid) {
	t.Helper()
	if !slices.Equal(got.Shape(), want.Shape()) || !slices.Equal(got.Float32s(), want.Float32s()) {
		t.Errorf("%s: the fleet's grid is %v %v, that of one process %v %v", name, got, got.Float32s(), want, want.Float32s())
	}
	if first := want.Float32s()[0]; !slices.ContainsFunc(want.Float32s(), func(v float32) bool { return v != first }) {
		t.Errorf("%s: all cells are %v, which proves nothing", name, first)
	}
}

// TestSweepsHere computes sweeps with the queue in this process.
func TestSweepsHere(t *testing.T) {
	m := tiny(t)
	f := fleet.New(fleet.Folder(filepath.Join(t.TempDir(), "queue")))
	defer f.Close()
	for name, sweep := range sweeps(3) {
		want, err := sweep.Run(m, patching.BatchTokens(64))
		if err != nil {
			t.Fatal(name, err)
		}
		var last patching.Progress
		got, err := sweep.Run(m, patching.BatchTokens(64), patching.On(f), patching.OnProgress(func(p patching.Progress) { last = p }))
		if err != nil {
			t.Fatal(name, err)
		}
		same(t, name, got, want)
		if last.Done != last.Total || last.Workers != 1 {
			t.Errorf("%s: the last progress was %+v", name, last)
		}
	}
}

// TestSweepAmongFaults is [TestHarvestAmongFaults] of a sweep.
func TestSweepAmongFaults(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	m := tiny(t)
	base, source := prompts(size(8, 64))
	pairs := make(hooked.Tokens, len(base))
	for i := range pairs {
		pairs[i] = []int{5*i%336 + 1, 7*i%336 + 3}
	}
	sweep := patching.Sweep{Kind: patching.HeadOutByPos, Base: base, Source: patching.FromTokens(source), Metric: hooked.LogitDiff(pairs)}
	want, err := sweep.Run(m, patching.BatchTokens(64))
	if err != nil {
		t.Fatal(err)
	}
	fs := newFaults(t, 3, 40*time.Millisecond, time.Duration(size(3, 60))*time.Second)
	f := fleet.New(fleet.NATS(fs.cluster.url()))
	defer f.Close()
	stop := fs.lie(6)
	got, err := sweep.Run(m, patching.BatchTokens(64), patching.On(f), patching.OnProgress(func(p patching.Progress) {
		fs.reached(float64(p.Done) / float64(p.Total))
	}))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	fs.all()
	same(t, "heads", got, want)
}
