package hooked_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
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

// TestConfigsOfFamilies reads a configuration of each newer family with the fields that published
// files carry, as far as they were remembered (testdata/configs/families.json): each must be
// understood.
func TestConfigsOfFamilies(t *testing.T) {
	var configs map[string]json.RawMessage
	golden.JSON(t, "testdata/configs/families.json", &configs)
	if len(configs) < 28 {
		t.Fatalf("only %d configurations", len(configs))
	}
	for name, text := range configs {
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := hooked.ReadConfigFile(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]func(hooked.Config) bool{
		"falcon-11b":  func(c hooked.Config) bool { return c.ParallelAttnMLP && c.NKeyValueHeads == 8 },
		"gpt-oss-20b": func(c hooked.Config) bool { return c.AttnSinks && !c.RotaryScaling.Truncate && c.NExperts == 32 },
		"olmo3-7b":    func(c hooked.Config) bool { return c.RotaryBaseLocal == 5e5 && c.RotaryScaling.Factor == 8 },
		"phi35moe": func(c hooked.Config) bool {
			return c.RotaryScaling.AttnFactor == 1.243163121016122 && c.Router == hooked.SparseMixer
		},
		"stablelm-2-12b": func(c hooked.Config) bool { return c.QKNorm == hooked.OwnLN && c.ParallelAttnMLP },
		"smollm3":        func(c hooked.Config) bool { return slices.Equal(c.RotaryLayers[:4], []bool{true, true, true, false}) },
	} {
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, configs[name], 0o644); err != nil {
			t.Fatal(err)
		}
		if c := hooked.Must(hooked.ReadConfigFile(path)); !want(c) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
