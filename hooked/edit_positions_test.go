package hooked_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// An edit of picked positions while a text is generated gives what the same edit gives in a run of
// the whole text.
func TestEditsOfPositionsWhileGenerating(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
		prompts := hooked.Tokens{{1, 20, 300, 4, 7}, {9, 8, 77, 6, 5}}
		source := hooked.Must(m.Cache(hooked.Tokens{{3, 2, 1, 5, 6}, {6, 33, 2, 1, 8}}))
		for _, test := range []struct {
			name string
			edit hooked.Option
		}{
			{"some, from another run", hooked.Edit(hooked.AttnZ.At(0), hooked.Replace(source.Get("z", 0).At(hooked.All, []int{1, 3}), hooked.Pos(1, 3), hooked.Head(1)))},
			{"a range", hooked.Edit(hooked.MLPOut, hooked.Zero(hooked.Pos(hooked.Range{From: 1, To: 4})))},
			{"from one on", hooked.Edit(hooked.MLPOut.At(1), hooked.ScaleBy(3, hooked.Pos(hooked.Range{From: 3})))},
			{"prompt and text", hooked.Edit(hooked.AttnV.At(1), hooked.Zero(hooked.Pos(0, 6)))},
			{"in the text alone", hooked.Edit(hooked.ResidPost.At(0), hooked.AddTo(0.5, hooked.Pos(6, 7)))},
			{"a value for each pick", hooked.Edit(hooked.ResidMid.At(0), hooked.AddTo(source.Get("resid_mid", 0).At(hooked.All, []int{0, 4}), hooked.Pos(3, 6)))},
			{"keys", hooked.Edit(hooked.AttnPattern.At(1), hooked.Zero(hooked.Key(1, 6)))},
			{"keys in a range", hooked.Edit(hooked.AttnPattern.At(1), hooked.Zero(hooked.Key(hooked.Range{From: 1, To: 3})))},
			{"queries and keys", hooked.Edit(hooked.AttnPattern.At(0), hooked.ScaleBy(2, hooked.Pos(4, 6), hooked.Key(0)))},
			{"rotated keys", hooked.Edit(hooked.AttnRotK.At(0), hooked.ScaleBy(-1, hooked.Pos(2)))},
			{"everywhere", hooked.Edit(hooked.ResidMid.At(1), hooked.ScaleBy(0.5))},
		} {
			if golden.LeftOut(be, test.name, "a value for each pick") {
				continue
			}
			generateAsWhole(t, m, test.name, prompts, test.edit, test.edit)
		}
		if name := "as large as the prompt"; !golden.LeftOut(be, name) {
			resid := source.Get("resid_pre", 1)
			generateAsWhole(t, m, name, prompts, hooked.Edit(hooked.ResidPre.At(1), hooked.Replace(resid, hooked.Pos(2))),
				hooked.Edit(hooked.ResidPre.At(1), hooked.Replace(resid.At(hooked.All, hooked.Range{From: 2, To: 3}), hooked.Pos(2))))
		}
	})
}

// generateAsWhole generates with an edit, and compares with a run of the whole text with its like.
func generateAsWhole(t *testing.T, m *hooked.Model, name string, prompts hooked.Tokens, edit, whole hooked.Option) {
	t.Helper()
	const steps = 4
	text := hooked.Tokens{slices.Clone(prompts[0]), slices.Clone(prompts[1])}
	last := hooked.ResidPost.At(-1)
	var parts []*hooked.Tensor
	for step, err := range m.GenerateStream(prompts, hooked.Generation{MaxNewTokens: steps, StopTokens: []int{}}, edit, hooked.Names(last)) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i, id := range step.Tokens {
			text[i] = append(text[i], id)
		}
		parts = append(parts, step.Cache.Get(last))
	}
	for i := range text {
		text[i] = text[i][:len(text[i])-1] // the last is never read
	}
	cache, err := m.Cache(text, whole, hooked.Names(last))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	plain := hooked.Must(m.Cache(text, hooked.Names(last))).Get(last)
	if !(largest(cache.Get(last).Float32s(), plain.Float32s()) > 1e-3) {
		t.Errorf("%s: the edit changes nothing", name)
	}
	from := 0
	for i, part := range parts {
		to := from + part.Shape()[1]
		within(t, fmt.Sprint(name, ", step ", i), part.Float32s(), cache.Get(last).At(hooked.All, hooked.Range{From: from, To: to}).Float32s(), 2e-4)
		from = to
	}
}

// Pos(-1) is the newest token of each step, Key(-1) the last key.
func TestNewestPosition(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	prompt := hooked.Tokens{{1, 4, 2}}
	site := hooked.MLPOut.At(1)
	for step, err := range m.GenerateStream(prompt, hooked.Generation{MaxNewTokens: 3, StopTokens: []int{}},
		hooked.Edit(site, hooked.Replace(7, hooked.Pos(-1))), hooked.Edit(hooked.AttnPattern.At(0), hooked.Replace(0.25, hooked.Key(-1), hooked.Pos(-1))),
		hooked.Names(site, hooked.AttnPattern.At(0))) {
		if err != nil {
			t.Fatal(err)
		}
		out := step.Cache.Get(site)
		n := out.Shape()[1]
		if got := out.At(0, -1, 3).Item(); got != 7 {
			t.Errorf("the newest token has %v, want 7", got)
		}
		if n > 1 && out.At(0, 0, 3).Item() == 7 {
			t.Error("an older token is edited")
		}
		if got := step.Cache.Get(hooked.AttnPattern.At(0)).At(0, 0, -1, -1).Item(); got != 0.25 {
			t.Errorf("the newest token attends to itself by %v, want 0.25", got)
		}
	}
	if _, err := m.Generate(prompt, hooked.Generation{MaxNewTokens: 3}, hooked.Edit(site, hooked.Zero(hooked.Pos(-2)))); err != nil {
		t.Errorf("the last but one of the prompt: %v", err)
	}
}

// A run that goes on from a cache counts as one of the whole text does.
func TestEditsOfPositionsOnACache(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	text := hooked.Tokens{{1, 4, 2, 8, 5, 3}}
	edit := hooked.Edit(hooked.ResidMid.At(0), hooked.ScaleBy(-3, hooked.Pos(4)))
	kv := m.NewKVCache(1)
	hooked.Must(m.Run(hooked.Tokens{text[0][:3]}, hooked.WithKV(kv)))
	got := hooked.Must(m.Run(hooked.Tokens{text[0][3:]}, hooked.WithKV(kv), edit))
	want := hooked.Must(m.Run(text, edit)).At(hooked.All, hooked.Range{From: 3})
	within(t, "logits", got.Float32s(), want.Float32s(), 1e-5)
}

func TestEditsOfPositionsErrors(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	at := hooked.ResidMid.At(0)
	tokens := hooked.Tokens{{1, 4, 2}}
	kv := m.NewKVCache(1)
	hooked.Must(m.Run(tokens, hooked.WithKV(kv)))
	kv.Freeze()
	zero := func(e hooked.Entries) hooked.Option { return hooked.Edit(at, hooked.Zero(e)) }
	generate := func(e hooked.Entries) error {
		_, err := m.Generate(tokens, hooked.Generation{MaxNewTokens: 3}, zero(e))
		return err
	}
	onCache := func(e hooked.Entries) error { _, err := m.Run(tokens, hooked.WithKV(kv), zero(e)); return err }
	plain := func(e hooked.Entries) error { _, err := m.Run(tokens, zero(e)); return err }
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"beyond the text", generate(hooked.Pos(5)), "position 5, and the text has 5"},
		{"before the prompt", generate(hooked.Pos(-4)), "position -4"},
		{"in the cache", onCache(hooked.Pos(2)), "holds already"},
		{"a range in the cache", onCache(hooked.Pos(hooked.Range{From: 0, To: 2})), "0:2"},
		{"an empty range on the cache", onCache(hooked.Pos(hooked.Range{From: 4, To: 4})), "4:4"},
		{"beyond what is read", onCache(hooked.Pos(6)), "the text has 6"},
		{"no entry on the cache", onCache(hooked.Pos([]int{}...)), "picks no entry"},
		{"a range that is too long", plain(hooked.Pos(hooked.Range{From: 1, To: 4})), "entries 1 to 4"},
		{"an empty range", plain(hooked.Pos(hooked.Range{From: 2, To: 2})), "entries 2 to 2"},
		{"no entry", plain(hooked.Pos([]int{}...)), "picks no entry"},
		{"a single one", plain(hooked.Pos(3)), `entry 3 of axis "pos", which has 3`},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: %v, want something of %q", test.name, test.err, test.want)
		}
	}
	if s := fmt.Sprint(hooked.Pos(1, -2), hooked.Head(hooked.Range{From: 2, To: 5})); s != "pos[1 -2] head[2:5]" {
		t.Errorf("entries print as %q", s)
	}
}

// A range picks what its indices pick, whichever way it is written, and another one compiles
// nothing.
func TestEntriesOfRanges(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	at := hooked.MLPOut.At(0)
	run := func(e hooked.Entries) []float32 {
		return hooked.Must(m.Run(tapTokens, hooked.Edit(at, hooked.ScaleBy(5, e)))).Float32s()
	}
	for _, test := range []struct {
		span    hooked.Range
		indices []int
	}{
		{hooked.Range{From: 1, To: 3}, []int{1, 2}}, {hooked.Range{From: 2}, []int{2, 3, 4}}, {hooked.Range{From: -2}, []int{3, 4}},
		{hooked.Range{From: 1, To: -1}, []int{1, 2, 3}}, {hooked.Range{}, []int{0, 1, 2, 3, 4}},
	} {
		within(t, fmt.Sprint(test.span), run(hooked.Pos(test.span)), run(hooked.Pos(test.indices...)), 0)
	}
	programs := m.Programs()
	run(hooked.Pos(hooked.Range{From: 0, To: 4}))
	if n := m.Programs() - programs; n != 0 {
		t.Errorf("another range compiled %d programs", n)
	}
	// a value with as many entries as are picked
	cache := hooked.Must(m.Cache(tapTokens, hooked.Names(at)))
	part := cache.Get(at).At(hooked.All, []int{3, 4, 1})
	edited := hooked.Must(m.Cache(tapTokens, hooked.Names(at), hooked.Edit(at, hooked.Replace(part, hooked.Pos(hooked.Range{From: 0, To: 3}))))).Get(at)
	within(t, "values", edited.At(hooked.All, hooked.Range{From: 0, To: 3}).Float32s(), part.Float32s(), 0)
	// in a decomposition a range keeps its axis, as in Tensor.At
	all := hooked.Must(m.Cache(tapTokens))
	stack, _, err := all.DecomposeResid(hooked.Pos(hooked.Range{From: 2, To: 3}))
	if err != nil || len(stack.Shape()) != 4 || stack.Shape()[2] != 1 {
		t.Errorf("a range of one: %v, %v", stack, err)
	}
}
