package steer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

const fixtures = "testdata/control_vectors/"

// facts are the fixtures' golden.json.
type facts struct {
	Vectors map[string]struct {
		File, Model string
		Hint        string `json:"model_hint"`
		Layers      []int
		Strength    float64
		Tolerance   struct{ Atol float64 }
	}
	Train struct {
		Models map[string]struct {
			IDs    [][]int `json:"ids"`
			Layers []int
		}
		Tolerance struct{ Atol float64 }
	}
	Bad map[string]string
}

func readFacts(t testing.TB) (f facts) {
	t.Helper()
	golden.JSON(t, fixtures+"golden.json", &f)
	if len(f.Vectors) != 4 || len(f.Train.Models) != 2 || len(f.Bad) != 9 {
		t.Fatalf("golden.json has %d vectors, %d trained, %d bad", len(f.Vectors), len(f.Train.Models), len(f.Bad))
	}
	return f
}

var ctx = context.Background()

// must fails the test on an error: must(f())(t).
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// tiny is a checkpoint of the fixtures, without any processing.
func tiny(t testing.TB, be compute.Backend, family string) *hooked.Model {
	t.Helper()
	return must(hooked.FromPretrained("../testdata/arch/"+family, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))(t)
}

// TestGolden holds the logits under repeng's control vectors against transformers' and
// TransformerLens'.
func TestGolden(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for name, g := range readFacts(t).Vectors {
			if golden.LeftOut(be, name, "llama_all") {
				continue
			}
			v, file, m := must(steer.Load(fixtures+g.File))(t), golden.Open(t, fixtures+name+".safetensors"), tiny(t, be, g.Model)
			if !reflect.DeepEqual(v.Layers(), g.Layers) || v.Model != g.Hint {
				t.Errorf("%s: %s, want layers %v", name, v, g.Layers)
			}
			if err := v.Fits(m); err != nil {
				t.Error(err)
			}
			for _, layer := range g.Layers {
				want, _ := file.Floats("direction." + strconv.Itoa(layer))
				golden.Close(t, name, v.Directions[layer], want, golden.Tolerance{})
			}
			tokens := hooked.Tokens(file.Ints("tokens"))
			compare := func(key string, options ...hooked.Option) {
				t.Helper()
				want, _ := file.Floats(key)
				golden.Close(t, name+" "+key, must(m.Run(tokens, options...))(t).Float32s(), want, golden.Tolerance{Abs: g.Tolerance.Atol})
			}
			compare("base_logits")
			compare("logits", steer.AddTo(v, g.Strength))
			compare("tl_logits", steer.AddTo(must(v.Scale(g.Strength))(t), 1))
			compare("logits_normalize", steer.AddKeepingNorm(v, g.Strength))
			compare("tl_logits_last_position", steer.AddTo(v, g.Strength, hooked.Pos(-1)), hooked.LogitsAt(-1))
			if file.Has("tl_logits_range_2") {
				compare("tl_logits_range_2", steer.AddTo(must(v.Between(2, len(g.Layers)))(t), g.Strength))
			}
		}
	})
}

// TestProcessed holds that a control vector, which was made for the model as its file has it, does
// the same to one with TransformerLens' processing: folded norms, centred weights.
func TestProcessed(t *testing.T) {
	for name, g := range readFacts(t).Vectors {
		v, file := must(steer.Load(fixtures+g.File))(t), golden.Open(t, fixtures+name+".safetensors")
		m := must(hooked.FromPretrained("../testdata/arch/"+g.Model, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
		values, shape := file.Floats("logits")
		want := must(m.NewTensor(&hooked.Array{Shape: shape, Data: values}, "batch pos d_vocab"))(t).LogSoftmax("d_vocab")
		got := must(m.Run(hooked.Tokens(file.Ints("tokens")), steer.AddTo(v, g.Strength)))(t).LogSoftmax("d_vocab")
		golden.Close(t, name, got.Float32s(), want.Float32s(), golden.Tolerance{Abs: 2 * g.Tolerance.Atol})
	}
}

// TestArithmetic holds sums and multiples against repeng's.
func TestArithmetic(t *testing.T) {
	some, all := must(steer.Load(fixtures+"llama_some.gguf"))(t), must(steer.Load(fixtures+"llama_all.gguf"))(t)
	for name, got := range map[string]*steer.Vector{
		"sum": must(some.Add(all))(t), "difference": must(all.Sub(some))(t), "scaled": must(all.Scale(-0.5))(t), "negated": must(some.Neg())(t),
	} {
		file := golden.Open(t, fixtures+"arithmetic_"+name+".safetensors")
		if names := file.Names("direction."); len(names) != len(got.Directions) {
			t.Errorf("%s: layers %v, want %v", name, got.Layers(), names)
		}
		for layer, direction := range got.Directions {
			want, _ := file.Floats("direction." + strconv.Itoa(layer))
			golden.Close(t, name, direction, want, golden.Tolerance{Abs: 1e-7})
		}
	}
	// what only the second has comes with its sign turned
	if got := must(some.Sub(all))(t).Directions[1][0]; got != -all.Directions[1][0] {
		t.Errorf("some - all is %v at layer 1, want %v", got, -all.Directions[1][0])
	}
}

// TestFiles writes what was read: where the file's tensors stand in the order of the layers, to the
// byte of repeng's.
func TestFiles(t *testing.T) {
	for _, name := range []string{"gpt2_all", "llama_some", "llama_all", "gemma2_all", "trained_gpt2", "trained_llama"} {
		v := must(steer.Load(fixtures + name + ".gguf"))(t)
		path := filepath.Join(t.TempDir(), "again.gguf")
		if err := v.Save(path); err != nil {
			t.Fatal(err)
		}
		if again := must(steer.Load(path))(t); !reflect.DeepEqual(again, v) {
			t.Errorf("%s: %v was read back as %v", name, v, again)
		}
		ours, theirs := must(os.ReadFile(path))(t), must(os.ReadFile(fixtures+name+".gguf"))(t)
		if trained := name[0] == 't'; bytes.Equal(ours, theirs) == trained { // which has the last layer first
			t.Errorf("%s: the same bytes: %v", name, !trained)
		}
	}
}

// TestTrained holds the directions of contrast pairs against repeng's, from its hidden states.
func TestTrained(t *testing.T) {
	f := readFacts(t)
	methods := map[string]steer.Method{"pca_diff": steer.PairDifferences, "pca_center": steer.PairCentred}
	for family, g := range f.Train.Models {
		file := golden.Open(t, fixtures+"trained_"+family+".safetensors")
		saved := must(steer.Load(fixtures + "trained_" + family + ".gguf"))(t)
		for name, method := range methods {
			for _, layer := range g.Layers {
				hidden, shape := file.Floats("hidden/" + strconv.Itoa(layer))
				var sides [2][][]float64
				for i := range shape[0] {
					row := make([]float64, shape[1])
					for k := range row {
						row[k] = float64(hidden[i*shape[1]+k])
					}
					sides[i%2] = append(sides[i%2], row)
				}
				want, _ := file.Floats(name + "/direction." + strconv.Itoa(layer))
				tol := golden.Tolerance{Abs: f.Train.Tolerance.Atol}
				got := must(steer.Direction(method, sides[0], sides[1]))(t)
				// the last layer's hidden state of transformers is after the final norm, which is
				// what repeng read too
				golden.Close(t, family+" "+name, got, want, tol)
				if name == "pca_diff" {
					golden.Close(t, family+" gguf", saved.Directions[layer], want, golden.Tolerance{})
				}
			}
			// from the model itself, where both read the same
			m := tiny(t, golden.PureGo(t), family)
			p := steer.Prompts{Method: method}
			p.Collection.Sites = hooked.ResidPost.At(1)
			for i, ids := range g.IDs {
				side := []*[][]int{&p.PositiveTokens, &p.NegativeTokens}[i%2]
				*side = append(*side, ids)
			}
			v := must(steer.Contrast(ctx, m, p))(t)
			want, _ := file.Floats(name + "/direction.1")
			golden.Close(t, family+" "+name+" from the model", v.Directions[1], want, golden.Tolerance{Abs: f.Train.Tolerance.Atol})
		}
	}
}
