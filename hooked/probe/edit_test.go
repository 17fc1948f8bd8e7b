package probe_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
)

// collected are activations at a site of the tiny model, one of d_model and one of heads, and
// labels.
func collected(t testing.TB, m *hooked.Model, site hooked.Site) (*probe.Rows, []int) {
	t.Helper()
	var tokens [][]int
	var labels []int
	for i := range 90 {
		tokens = append(tokens, []int{1, 2 + i%11, 3 + (i*i)%13, 20 + i%17})
		labels = append(labels, i%3)
	}
	a := must(probe.Collect(ctx, m, probe.Collection{Tokens: tokens, Sites: site}))(t)
	return must(a.Rows(site))(t), labels
}

// TestEdits holds what edits make of activations against their formulas, on the host.
func TestEdits(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tiny(t, be, "gpt2")
		for _, site := range []hooked.Site{hooked.ResidPost.At(1), hooked.AttnZ.At(1)} {
			rows, labels := collected(t, m, site)
			two := make([]int, len(labels))
			for i, label := range labels {
				two[i] = min(label, 1)
			}
			binary := must(probe.Fit(rows, two, probe.Logistic{}, probe.Split{}))(t)
			three := must(probe.Fit(rows, labels, probe.Ridge{}, probe.Split{}))(t)
			direction, unit := must(binary.Direction(1))(t), must(binary.Unit(1))(t).Float32s()
			leace, null := must(probe.LEACE(rows, labels))(t), must(probe.NullSpace(three.Probe, binary.Probe))(t)

			tokens := hooked.Tokens{{1, 5, 6, 7}, {1, 9, 8, 3}}
			plain := must(m.Cache(tokens, hooked.Names(site)))(t).Get(site)
			d := len(unit)
			for what, test := range map[string]struct {
				edit    func(at ...hooked.Entries) hooked.Intervention
				formula func(x []float32) []float32
			}{
				"ProjectOut": {func(at ...hooked.Entries) hooked.Intervention { return probe.ProjectOut(direction, at...) }, func(x []float32) []float32 {
					return plus(x, unit, -dot(x, unit))
				}},
				"AddTo": {func(at ...hooked.Entries) hooked.Intervention { return hooked.AddTo(direction.Scale(2.5), at...) }, func(x []float32) []float32 {
					return plus(x, direction.Float32s(), 2.5)
				}},
				"LEACE":     {leace.Edit, func(x []float32) []float32 { return must(leace.Apply(oneRow(t, x)))(t).Float32s() }},
				"NullSpace": {null.Edit, func(x []float32) []float32 { return must(null.Apply(oneRow(t, x)))(t).Float32s() }},
			} {
				if golden.LeftOut(be, what+" "+site.Name(), "LEACE blocks.1.attn.hook_z", "ProjectOut blocks.1.hook_resid_post") {
					continue
				}
				for _, at := range [][]hooked.Entries{nil, {hooked.Pos(-1), hooked.Prompt(1)}} {
					got := must(m.Cache(tokens, hooked.Names(site), hooked.Edit(site, test.edit(at...))))(t).Get(site).Float32s()
					for i := range len(got) / d {
						want := plain.Float32s()[i*d : (i+1)*d]
						if at == nil || i == 7 {
							want = test.formula(want)
						}
						golden.Close(t, what+" at "+site.String(), got[i*d:(i+1)*d], want, golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
					}
				}
			}
		}
	})
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func plus(a, b []float32, factor float64) []float32 {
	out := make([]float32, len(a))
	for i := range a {
		out[i] = float32(float64(a[i]) + factor*float64(b[i]))
	}
	return out
}

func oneRow(t testing.TB, x []float32) *probe.Rows {
	t.Helper()
	return must(probe.NewRows([][]float32{x}))(t)
}

// TestErasedInTheModel collects activations again behind a LEACE edit: a fresh probe there answers
// the majority class, and without the edit it knows more.
func TestErasedInTheModel(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	site := hooked.ResidPost.At(0)
	var tokens [][]int
	var labels []int
	for i := range 140 {
		tokens = append(tokens, []int{1, 2 + i%29, 2 + (7*i+i*i/3)%31})
		labels = append(labels, map[bool]int{true: 1}[tokens[i][2] > 12])
	}
	c := probe.Collection{Tokens: tokens, Sites: site}
	rows := must(must(probe.Collect(ctx, m, c))(t).Rows(site))(t)
	eraser := must(probe.LEACE(rows, labels))(t)
	c.Edits = []hooked.Option{hooked.Edit(site, eraser.Edit())}
	erased := must(must(probe.Collect(ctx, m, c))(t).Rows(site))(t)
	fit := func(rows *probe.Rows) probe.Metrics {
		return must(probe.Fit(twice(t, rows), append(labels, labels...), probe.Logistic{C: 10}, halves(len(labels))))(t).Test
	}
	if before := fit(rows); before.Accuracy < before.Majority+0.15 {
		t.Errorf("before: accuracy %v, the majority has %v", before.Accuracy, before.Majority)
	}
	if after := fit(erased); after.Accuracy != after.Majority || math.Abs(after.LogLoss-after.MajorityLogLoss) > 1e-4 {
		t.Errorf("after: %+v", after)
	}
}

// TestBadEdits are refused by the run, which names the site.
func TestBadEdits(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	rows, labels := collected(t, m, hooked.ResidPost.At(1))
	eraser := must(probe.LEACE(rows, labels))(t)
	for want, edit := range map[string]hooked.Intervention{
		"the direction has length 0":        probe.ProjectOut(hooked.NewZeros("d_model", 24)),
		"ProjectOut":                        probe.ProjectOut(nil),
		"whose last axes are [7]":           probe.ProjectOut(hooked.NewOnes("d_model", 7)),
		"the eraser is nil":                 (*probe.Eraser)(nil).Edit(),
		`entry 9 of axis "pos"`:             eraser.Edit(hooked.Pos(9)),
		"the direction has length NaN":      probe.ProjectOut(hooked.NewZeros("d_model", 24).Log().Sub(hooked.NewZeros("d_model", 24).Log())),
		`picks no entry of axis "pos"`:      eraser.Edit(hooked.Pos([]int{}...)),
		`entries of axis "head", the activ`: eraser.Edit(hooked.Head(0)),
	} {
		_, err := m.Run([]int{1, 2}, hooked.Edit(hooked.ResidPost.At(1), edit))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "blocks.1.hook_resid_post") {
			t.Errorf("want %q of an error, got %v", want, err)
		}
	}
}
