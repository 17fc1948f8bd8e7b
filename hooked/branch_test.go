package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/sweeps"
	"gopherlens/internal/golden"
)

// branchFamilies have what makes blocks differ: local attention, norms of queries and keys, ALiBi,
// norms after the parts, attention and MLP in parallel. GPT-2 and Llama are covered by package
// patching.
var branchFamilies = []string{"gemma2", "qwen3", "bloom", "gpt_neo", "gptj"}

// TestBranchesWithoutEdits checks that rows in which nothing is changed are the base run's, from
// any position on and in any order of prompts.
func TestBranchesWithoutEdits(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range branchFamilies {
			t.Run(name, func(t *testing.T) {
				_, file, tol := readGolden(t, name)
				m := load(t, name, hooked.DefaultProcessing, be)
				base := hooked.Must(m.Cache(hooked.Tokens(file.Ints("tokens"))))
				checkBranches(t, m, base, 3, tol)
			})
		}
	})
}

func checkBranches(t *testing.T, m *hooked.Model, base *hooked.Cache, from int, tol golden.Tolerance) {
	branches := hooked.Must(m.Branches(base, sweeps.Spec[hooked.Site]{From: from, Record: []hooked.Site{hooked.AttnZ}}))
	prompts := []int{1, 0, 1}
	x := hooked.Must(branches.Start(0, prompts))
	for l := range m.Config().NLayers {
		next, recorded, err := branches.Block(l, prompts, x)
		if err != nil {
			t.Fatal(err)
		}
		x = next
		closeTensors(t, "hook_z", recorded[0], base.Get("z", l).At(prompts, hooked.Range{From: from}), tol)
	}
	closeTensors(t, "hook_resid_post", x, base.Get("resid_post", -1).At(prompts, hooked.Range{From: from}), tol)
}

// TestBranchErrors checks that what cannot be branched is refused and told why.
func TestBranchErrors(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	tokens := hooked.Tokens{{1, 2, 3, 4}}
	base := hooked.Must(m.Cache(tokens))
	part := hooked.Must(m.Cache(tokens, hooked.Names("z")))
	branches := hooked.Must(m.Branches(base, sweeps.Spec[hooked.Site]{From: 1}))
	x := hooked.Must(branches.Start(0, []int{0}))
	for want, err := range map[string]error{
		"there is no position 4":    err2(m.Branches(base, sweeps.Spec[hooked.Site]{From: 4})),
		"does not hold":             err2(m.Branches(part, sweeps.Spec[hooked.Site]{})),
		"without PosSlice":          err2(m.Branches(hooked.Must(base.RemoveBatchDim()), sweeps.Spec[hooked.Site]{})),
		"there is no prompt 7":      err3b(branches.Block(0, []int{7}, x)),
		"layer 9 does not exist":    err3b(branches.Block(9, []int{0}, x)),
		"the rows' residual stream": err3b(branches.Block(0, []int{0, 0}, x)),
		"values for 1 edits":        err3b(branches.Block(0, []int{0}, x, []any{1})),
		"want [run, batch, pos, ":   err2(m.MeasureRuns(hooked.LogitDiff(tokens), *hooked.NewArray(1, 2))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

func err2[T any](_ T, err error) error { return err }

func err3b(_ *hooked.Tensor, _ []*hooked.Tensor, err error) error { return err }

// TestMeasure compares the metric of several runs with that of each by itself.
func TestMeasure(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, nil)
	tokens := hooked.Tokens{{1, 2, 3, 4}, {5, 6, 7, 8}}
	metric := hooked.LogitDiff(hooked.Tokens{{9, 10}, {11, 12}})
	var all []float32
	var want []float32
	for _, run := range []hooked.Tokens{tokens, {tokens[1], tokens[0]}} {
		value, cache, _, err := m.RunWithGradients(run, metric, hooked.Names(hooked.ResidPost.At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, value.Item())
		all = append(all, cache.Get("resid_post", -1).At(hooked.All, []int{-1}).Float32s()...)
	}
	got := hooked.Must(m.MeasureRuns(metric, hooked.Array{Shape: []int{2, 2, 1, m.Config().DModel}, Data: all}))
	golden.Close(t, "metric", got, want, golden.Default)
	if slices.Equal(got[:1], got[1:]) {
		t.Error("both runs have the same metric")
	}
}
