package steer_test

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/probe"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

var positive = [][]int{{1, 5, 6, 7}, {1, 9, 8}, {1, 4, 4, 3, 20}}
var negative = [][]int{{1, 15, 16}, {1, 30, 31, 8}}

// TestMeans holds the difference of means against the activations themselves.
func TestMeans(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "llama")
	v := must(steer.Contrast(ctx, m, steer.Prompts{PositiveTokens: positive, NegativeTokens: negative}))(t)
	if !reflect.DeepEqual(v.Layers(), []int{0, 1, 2}) || v.Site != "hook_resid_post" {
		t.Fatal(v)
	}
	for layer, got := range v.Directions {
		want := make([]float32, len(got))
		for _, side := range []struct {
			texts [][]int
			sign  float32
		}{{positive, 1}, {negative, -1}} {
			for _, text := range side.texts {
				site := hooked.ResidPost.At(layer)
				for i, x := range must(m.Cache(text, hooked.Names(site)))(t).Get(site).At(0, -1).Float32s() {
					want[i] += side.sign * x / float32(len(side.texts))
				}
			}
		}
		golden.Close(t, "difference of means", got, want, golden.Tolerance{Abs: 1e-5})
	}
}

// TestFrom holds what probes and tensors give, and for which place.
func TestFrom(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	site := hooked.ResidPre.At(2)
	var texts [][]int
	var labels []int
	for i := range 40 {
		texts, labels = append(texts, []int{1, 2 + i%11, 20 + i%17}), append(labels, i%2)
	}
	rows := must(must(probe.Collect(ctx, m, probe.Collection{Tokens: texts, Sites: site}))(t).Rows(site))(t)
	p := must(probe.Fit(rows, labels, probe.Means{}, probe.Split{}))(t).Probe
	direction := must(p.Direction(1))(t)
	fromProbe, fromTensor := must(steer.FromProbe(p, 1))(t), must(steer.FromTensor(site, direction))(t)
	want := &steer.Vector{Site: "hook_resid_pre", Directions: map[int][]float32{2: direction.Float32s()}}
	for what, got := range map[string]*steer.Vector{"FromProbe": fromProbe, "FromTensor": fromTensor} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	z := must(must(probe.Collect(ctx, m, probe.Collection{Tokens: texts, Sites: hooked.AttnZ.At(1)}))(t).Rows(hooked.AttnZ.At(1)))(t)
	heads := must(probe.Fit(z, labels, probe.Means{}, probe.Split{}))(t).Probe
	if _, err := steer.FromProbe(heads, 1); err == nil || !strings.Contains(err.Error(), "direction has 2 axes") {
		t.Error(err)
	}

	// what hooked.Once does
	var kept bytes.Buffer
	if err := gob.NewEncoder(&kept).Encode(want); err != nil {
		t.Fatal(err)
	}
	again := &steer.Vector{}
	if err := gob.NewDecoder(&kept).Decode(again); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%v was kept as %v (%v)", want, again, err)
	}
}

// TestFromFeature takes a decoder's row.
func TestFromFeature(t *testing.T) {
	d := must(dictionary.Load("../dictionary/testdata/saes/jumprelu_resid"))(t)
	v := must(steer.FromFeature(d, 3))(t)
	layer := v.Layers()[0]
	if name := "blocks." + string(rune('0'+layer)) + "." + v.Site; name != d.Config.HookOut {
		t.Errorf("for %s, want %s", name, d.Config.HookOut)
	}
	golden.Close(t, "feature 3", v.Directions[layer], d.Weights["W_dec"].At(3).Float32s(), golden.Tolerance{})
	if _, err := steer.FromFeature(d, d.Config.Features); err == nil || !strings.Contains(err.Error(), "there is no feature") {
		t.Error(err)
	}
	heads := must(dictionary.Load("../dictionary/testdata/saes/standard_z"))(t)
	if _, err := steer.FromFeature(heads, 0); err == nil || !strings.Contains(err.Error(), "not of d_model") {
		t.Error(err)
	}
}

// TestFunctionVector holds the sum of the heads' mean outputs against hook_z times W_O, by grouped
// queries too, and adds it.
func TestFunctionVector(t *testing.T) {
	for _, family := range []string{"gpt2", "llama"} {
		m := tiny(t, golden.PureGo(t), family)
		texts := append(positive[:3:3], negative...)
		heads := []steer.Head{{0, 1}, {2, 0}, {2, 2}}
		v := must(steer.FunctionVector(ctx, m, probe.Collection{Tokens: texts}, heads, 1))(t)
		want := make([]float32, m.Config().DModel)
		for _, text := range texts {
			cache := must(m.Cache(text, hooked.Names("z")))(t)
			for _, h := range heads {
				out := must(m.WO())(t).At(h.Layer, h.Head)
				z := cache.Get("z", h.Layer).At(0, -1, h.Head)
				for i, x := range z.Einsum("d_head, d_head d_model -> d_model", out).Float32s() {
					want[i] += x / float32(len(texts))
				}
			}
		}
		golden.Close(t, family, v.Directions[1], want, golden.Tolerance{Abs: 1e-5})
		site := hooked.ResidPost.At(1)
		text := []int{1, 7, 8}
		before := must(m.Cache(text, hooked.Names(site)))(t).Get(site).Float32s()
		after := must(m.Cache(text, hooked.Names(site), steer.AddTo(v, 1, hooked.Pos(-1))))(t).Get(site).Float32s()
		for i, n := 0, len(want); i < n; i++ {
			before[2*n+i] += want[i]
		}
		golden.Close(t, family+" added", after, before, golden.Tolerance{Abs: 2e-5})
	}
}
