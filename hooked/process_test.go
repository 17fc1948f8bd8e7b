package hooked_test

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
)

// processingGolden is the golden.json of a folder in testdata/processing.
type processingGolden struct {
	Variants map[string]processingVariant
}

type processingVariant struct {
	Flags         map[string]bool
	Normalization string   `json:"normalization_type"`
	Abs           float64  `json:"suggested_atol"`
	Rel           float64  `json:"suggested_rtol"`
	Removed       []string // "sd/NAME" of weights that are folded away
}

// steps are the processing steps by TransformerLens' names.
var steps = map[string]hooked.Processing{
	"fold_ln":                         hooked.FoldLN,
	"center_writing_weights":          hooked.CenterWriting,
	"center_unembed":                  hooked.CenterUnembed,
	"fold_value_biases":               hooked.FoldValueBiases,
	"refactor_factored_attn_matrices": hooked.RefactorFactored,
}

func (v processingVariant) processing() hooked.Processing {
	var p hooked.Processing
	for name, on := range v.Flags {
		if on {
			p |= steps[name]
		}
	}
	return p
}

// processed is one variant of one model: what it should be, and what it is.
type processed struct {
	processingVariant
	none, file *golden.File
	m          *hooked.Model
	tol        golden.Tolerance
}

// want is the file that holds a tensor: a tensor that the steps leave alone is only in
// none.safetensors.
func (p processed) want(name string) *golden.File {
	if p.file.Has(name) {
		return p.file
	}
	return p.none
}

// names are the tensors with this prefix that should exist after the steps.
func (p processed) names(prefix string) []string {
	var names []string
	for _, name := range p.none.Names(prefix) {
		if !slices.Contains(p.Removed, prefix+name) {
			names = append(names, name)
		}
	}
	return names
}

// free reports whether refactoring leaves a tensor open, up to signs and to rotations of equal
// singular values.
func (p processed) free(name string) bool {
	if !p.Flags["refactor_factored_attn_matrices"] {
		return false
	}
	for _, part := range []string{"W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "hook_q", "hook_k", "hook_v", "hook_z"} {
		if strings.HasSuffix(name, "attn."+part) {
			return true
		}
	}
	return false
}

func forEachVariant(t *testing.T, test func(t *testing.T, p processed)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, family := range []string{"gpt2", "gpt_neox", "llama", "qwen2"} {
			dir := filepath.Join("testdata/processing", family)
			var g processingGolden
			golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
			for name, v := range g.Variants {
				if golden.LeftOut(be, family+" "+name, "gpt2 all") {
					// the steps run on the host; XLA compiles each model's programs for a second
					continue
				}
				t.Run(family+"/"+name, func(t *testing.T) {
					test(t, processed{v, golden.Open(t, filepath.Join(dir, "none.safetensors")),
						golden.Open(t, filepath.Join(dir, name+".safetensors")),
						load(t, family, v.processing(), be), golden.Tolerance{Abs: v.Abs, Rel: v.Rel}})
				})
			}
		}
	})
}

// TestProcessedWeights compares every weight after each step, and after all of them, with
// TransformerLens.
func TestProcessedWeights(t *testing.T) {
	forEachVariant(t, func(t *testing.T, p processed) {
		for _, name := range p.names("sd/") {
			if p.free(name) {
				continue
			}
			canonical := strings.NewReplacer("attn._W_", "attn.W_", "attn._b_", "attn.b_").Replace(name)
			compare(t, p.want("sd/"+name), "sd/"+name, hooked.Must(p.m.Weight(canonical)), p.tol)
		}
		for _, name := range p.Removed {
			if _, err := p.m.Weight(strings.TrimPrefix(name, "sd/")); err == nil {
				t.Errorf("%s is still there", name)
			}
		}
		if got := string(p.m.Config().Normalization); got != p.Normalization {
			t.Errorf("normalization %q, want %q", got, p.Normalization)
		}
	})
}

// TestProcessedRun compares what a processed model computes: logits, log-probabilities, which no
// step changes, and every activation.
func TestProcessedRun(t *testing.T) {
	forEachVariant(t, func(t *testing.T, p processed) {
		logits, cache := hooked.Must2(p.m.RunWithCache(hooked.Tokens(p.none.Ints("tokens"))))
		compare(t, p.want("logits"), "logits", logits, p.tol)
		compare(t, p.want("log_probs"), "log_probs", logits.LogSoftmax("d_vocab"), p.tol)
		compare(t, p.none, "log_probs", logits.LogSoftmax("d_vocab"), p.tol)
		for _, hook := range p.names("cache/") {
			if !p.free(hook) {
				compare(t, p.want("cache/"+hook), "cache/"+hook, cache.Get(hook), p.tol)
			}
		}
	})
}

// TestRefactoredCircuits compares what refactoring leaves fixed: the QK and OV circuits, and the
// norms of the factors' columns, which say that each circuit is in its singular basis.
func TestRefactoredCircuits(t *testing.T) {
	forEachVariant(t, func(t *testing.T, p processed) {
		for _, name := range p.file.Names("prod/") {
			layer, what, _ := strings.Cut(name, "attn.")
			product, ok := circuits[what]
			if !ok {
				continue // singular values follow from the norms of the columns
			}
			want, _ := p.file.Floats("prod/" + name)
			golden.Close(t, name, product(headsOf(p.m, layer)), want, p.tol)
		}
	})
}

// circuits computes the products of the fixture from a layer's weights.
var circuits = map[string]func(w headWeights) []float32{
	"OV": func(w headWeights) []float32 { return w.each(func(h int) matrix { return w.v[h].times(w.o[h]) }) },
	"QK_eff": func(w headWeights) []float32 {
		return w.each(func(h int) matrix { return w.q[h].times(w.k[h].transposed()) })
	},
	"W_Q_eff_colnorm": func(w headWeights) []float32 { return w.each(func(h int) matrix { return w.q[h].columnNorms() }) },
	"W_K_eff_colnorm": func(w headWeights) []float32 { return w.each(func(h int) matrix { return w.k[h].columnNorms() }) },
	"W_V_colnorm":     func(w headWeights) []float32 { return w.each(func(h int) matrix { return w.v[h].columnNorms() }) },
	"W_O_rownorm": func(w headWeights) []float32 {
		return w.each(func(h int) matrix { return w.o[h].transposed().columnNorms() })
	},
}

// headWeights are a layer's weights by head; q and k have their bias as one more row.
type headWeights struct{ q, k, v, o []matrix }

type matrix [][]float64

func headsOf(m *hooked.Model, layer string) headWeights {
	read := func(weight, bias string) []matrix {
		w := hooked.Must(m.Weight(layer + "attn." + weight))
		var b []float32
		if bias != "" {
			b = hooked.Must(m.Weight(layer + "attn." + bias)).Float32s()
		}
		shape, flat := w.Shape(), w.Float32s()
		out := make([]matrix, shape[0])
		for h := range out {
			for range shape[1] {
				out[h], flat = append(out[h], widen(flat[:shape[2]])), flat[shape[2]:]
			}
			if b != nil {
				out[h] = append(out[h], widen(b[h*shape[2]:(h+1)*shape[2]]))
			}
		}
		return out
	}
	return headWeights{read("W_Q", "b_Q"), read("W_K", "b_K"), read("W_V", ""), read("W_O", "")}
}

func widen(row []float32) []float64 {
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = float64(v)
	}
	return out
}

// each is a matrix of every head, flat.
func (w headWeights) each(of func(h int) matrix) []float32 {
	var out []float32
	for h := range w.q {
		for _, row := range of(h) {
			for _, v := range row {
				out = append(out, float32(v))
			}
		}
	}
	return out
}

func (a matrix) transposed() matrix {
	out := make(matrix, len(a[0]))
	for _, row := range a {
		for j, v := range row {
			out[j] = append(out[j], v)
		}
	}
	return out
}

func (a matrix) times(b matrix) matrix {
	out := make(matrix, len(a))
	for i, row := range a {
		out[i] = make([]float64, len(b[0]))
		for k, x := range row {
			for j, y := range b[k] {
				out[i][j] += x * y
			}
		}
	}
	return out
}

// columnNorms are the lengths of the columns, as one row.
func (a matrix) columnNorms() matrix {
	norms := make([]float64, len(a[0]))
	for _, row := range a {
		for j, v := range row {
			norms[j] += v * v
		}
	}
	for j := range norms {
		norms[j] = math.Sqrt(norms[j])
	}
	return matrix{norms}
}

// stepTolerance is how far a step may move a log-probability: ten times what rounding to float32
// does in these models (their golden.json gives 2e-6 to 9e-6).
var stepTolerance = golden.Tolerance{Abs: 1e-4}

// TestStepsKeepPredictions applies each step alone, and all of them, to every family:
// log-probabilities must not change, and what does not apply must say why.
func TestStepsKeepPredictions(t *testing.T) {
	be := golden.PureGo(t)
	for _, name := range families(t) {
		_, file, _ := readGolden(t, name)
		tokens := hooked.Tokens(file.Ints("tokens"))
		logProbs := func(p hooked.Processing) ([]float32, *hooked.Model) {
			m := load(t, name, p, be)
			return hooked.Must(m.Run(tokens)).LogSoftmax("d_vocab").Float32s(), m
		}
		want, _ := logProbs(hooked.NoProcessing)
		all := hooked.DefaultProcessing | hooked.RefactorFactored
		for _, step := range append(slices.Collect(maps.Values(steps)), all) {
			got, m := logProbs(step)
			golden.Close(t, name+" after "+step.String(), got, want, stepTolerance)
			rest := step &^ m.Applied()
			for _, skipped := range m.Skipped() {
				if rest&skipped.Step == 0 || skipped.Why == "" {
					t.Errorf("%s: skipped %v, applied %v", name, skipped, m.Applied())
				}
				rest &^= skipped.Step
			}
			if rest != 0 {
				t.Errorf("%s: %v was neither applied nor skipped", name, rest)
			}
		}
	}
}

// TestNotFinite refuses weights that are no finite numbers, from a state dict and from a file: they
// would make every logit NaN, and in silence.
func TestNotFinite(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		sd := hooked.Must(m.StateDict())
		sd["blocks.1.attn.W_Q"].Data[5] = float32(bad)
		_, err := hooked.FromStateDict(m.Config(), sd, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
		for _, part := range []string{"blocks.1.attn.W_Q", "entry 5", fmt.Sprint(float32(bad))} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want one that names %s", err, part)
			}
		}
		dir := copied(t, "testdata/arch/llama")
		file := hooked.Must(weights.Open("testdata/arch/llama/model.safetensors"))
		var tensors []weights.Named
		for tensor, err := range file.Tensors() {
			values := hooked.Must(tensor.Float32s())
			if err == nil && tensor.Name == "model.norm.weight" {
				values[2] = float32(bad)
			}
			tensors = append(tensors, weights.FromFloat32s(tensor.Name, tensor.Shape, values))
		}
		if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), nil, tensors); err != nil {
			t.Fatal(err)
		}
		if _, err := loadHere(t, dir); err == nil || !strings.Contains(err.Error(), "model.norm.weight") || !strings.Contains(err.Error(), "entry 2") {
			t.Errorf("from a file: error %v, want one that names model.norm.weight, entry 2", err)
		}
	}
}

// TestShortArrays refuses arrays whose values are not as many as their shape says, wherever one is
// given: a backend would read past their end.
func TestShortArrays(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.NoProcessing, be)
		for _, a := range []*hooked.Array{nil, {Shape: []int{1 << 28}, Data: []float32{0}}, {Shape: []int{-1}}, {Shape: []int{0}},
			{Shape: []int{1 << 40, 1 << 40}, Data: []float32{0}}, {Shape: []int{2}, Data: make([]float32, 3)}} {
			_, err := m.Run([]int{1, 2}, hooked.Edit("resid_pre", hooked.Replace(a)))
			check := func(what string, err error) {
				if err == nil {
					t.Errorf("%s takes %+v", what, a)
				}
			}
			check("an edit", err)
			_, err = m.NewTensor(a, "x")
			check("NewTensor", err)
			sd := hooked.Must(m.StateDict())
			sd["ln_final.w"] = a
			_, err = hooked.FromStateDict(m.Config(), sd, hooked.NoProcessing, hooked.LoadOptions{Backend: be})
			check("FromStateDict", err)
		}
		_, err := m.Run([]int{1}, hooked.Edit("resid_pre", hooked.Replace([][]int{{1, 2}, {3}})))
		if err == nil {
			t.Error("an edit takes rows of unequal length")
		}
	})
}
