package hooked_test

import (
	"slices"
	"testing"

	"gopherlens/hooked"
)

// TestPublishedConfigs reads configurations of real models with all the fields that these carry
// (TinyStories' is as published, Gemma 3's a published copy, Pythia's written down from memory):
// every field must be understood, and come out as the models' papers and cards say.
func TestPublishedConfigs(t *testing.T) {
	read := func(name string) hooked.Config { return hooked.Must(hooked.ReadConfig("testdata/configs/" + name)) }
	local := func(c hooked.Config) []int { // the layers with a window
		var layers []int
		for l, kind := range c.AttnTypes {
			if kind == hooked.LocalAttention {
				layers = append(layers, l)
			}
		}
		return layers
	}
	stories, gemma, pythia := read("tinystories-8m"), read("gemma-3-1b"), read("pythia-70m")
	for _, test := range []struct {
		what      string
		got, want []int
	}{
		{"TinyStories: windows", local(stories), []int{1, 3, 5, 7}},
		{"TinyStories: sizes", []int{stories.NLayers, stories.DHead, stories.DMLP, stories.WindowSize, int(stories.AttnScale)}, []int{8, 16, 1024, 256, 1}},
		{"Gemma 3: five windows to one global layer", local(gemma)[:11], []int{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12}},
		{"Gemma 3: sizes", []int{gemma.NLayers, gemma.DHead, gemma.NKeyValueHeads, gemma.WindowSize, int(gemma.AttnScale)}, []int{26, 256, 1, 512, 16}},
		{"Gemma 3: rotary bases", []int{int(gemma.RotaryBase), int(gemma.RotaryBaseLocal)}, []int{1e6, 1e4}},
		{"Pythia: sizes", []int{pythia.NLayers, pythia.DHead, pythia.RotaryDim, pythia.DVocab}, []int{6, 64, 16, 50304}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: %v, want %v", test.what, test.got, test.want)
		}
	}
	if !pythia.ParallelAttnMLP || !pythia.DefaultPrependBOS || !gemma.UseQKNorm {
		t.Errorf("switches are off: %+v %+v", pythia, gemma)
	}
}
