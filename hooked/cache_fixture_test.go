package hooked_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// cacheFixture is one of testdata/cache: what TransformerLens' ActivationCache and FactoredMatrix
// return on a processed model, call by call.
type cacheFixture struct {
	*golden.File
	m      *hooked.Model
	tokens hooked.Tokens
	cache  *hooked.Cache
	calls  []goldenCall
	tol    golden.Tolerance
}

// goldenCall is a call of TransformerLens and what it returned.
type goldenCall struct {
	ID     string
	Call   string
	Args   goldenArgs
	Labels []string
	Shape  []int
	Value  json.RawMessage
}

// goldenArgs are the arguments of all calls, by TransformerLens' names.
type goldenArgs struct {
	Layer           *int
	InclMid         bool  `json:"incl_mid"`
	MLPInput        bool  `json:"mlp_input"`
	ApplyLN         bool  `json:"apply_ln"`
	InclEmbeds      *bool `json:"incl_embeds"`
	InclRemainder   bool  `json:"incl_remainder"`
	ExpandNeurons   *bool `json:"expand_neurons"`
	Mode            string
	Pos             *goldenSlice `json:"pos_slice"`
	Batch           *goldenSlice `json:"batch_slice"`
	Neurons         *goldenSlice `json:"neuron_slice"`
	ActivationName  string       `json:"activation_name"`
	SublayerType    string       `json:"sublayer_type"`
	Hook            string
	Stack           string
	Tokens          json.RawMessage
	IncorrectTokens json.RawMessage `json:"incorrect_tokens"`
	Cache           string
	MLPBiases       bool `json:"include_mlp_biases"`
	Seq             string
	Detection       string `json:"detection_pattern"`
	ExcludeBOS      bool   `json:"exclude_bos"`
	ExcludeCurrent  bool   `json:"exclude_current_token"`
	Measure         string `json:"error_measure"`
	Matrix          string
	Index           []int
}

// goldenSlice is a Slice of TransformerLens.
type goldenSlice struct {
	Int   *int
	Tuple []*int
	List  []int
}

// indices are the entries that the slice picks of an axis.
func (s *goldenSlice) indices(n int) []int {
	switch {
	case s.Int != nil:
		return []int{*s.Int}
	case s.List != nil:
		return s.List
	}
	from, to, step := 0, n, 1
	switch {
	case len(s.Tuple) == 1:
		to = *s.Tuple[0]
	case len(s.Tuple) == 3:
		step = *s.Tuple[2]
		fallthrough
	default:
		if s.Tuple[0] != nil {
			from = *s.Tuple[0]
		}
		if s.Tuple[1] != nil {
			to = *s.Tuple[1]
		}
	}
	var out []int
	for i := from; i < to; i += step {
		out = append(out, i)
	}
	return out
}

// options are the arguments as options.
func (a goldenArgs) options(f *cacheFixture) []hooked.StackOption {
	var out []hooked.StackOption
	if a.Layer != nil {
		out = append(out, hooked.Layer(*a.Layer))
	}
	flags := []struct {
		given bool
		flag  hooked.StackFlag
	}{
		{a.InclMid, hooked.IncludeMid}, {a.MLPInput, hooked.MLPInput}, {a.ApplyLN, hooked.ApplyLN},
		{a.Mode == "attn", hooked.OnlyAttn}, {a.Mode == "mlp", hooked.OnlyMLP},
		{a.InclEmbeds != nil && !*a.InclEmbeds, hooked.NoEmbeds}, {a.InclRemainder, hooked.IncludeRemainder},
		{a.ExpandNeurons != nil && !*a.ExpandNeurons, hooked.WholeMLPs},
	}
	for _, x := range flags {
		if x.given {
			out = append(out, x.flag)
		}
	}
	if a.Pos != nil {
		out = append(out, hooked.Pos(a.Pos.indices(len(f.tokens[0]))...))
	}
	if a.Batch != nil {
		out = append(out, hooked.Prompt(a.Batch.indices(len(f.tokens))...))
	}
	if a.Neurons != nil {
		out = append(out, hooked.Neuron(a.Neurons.indices(f.m.Config().DMLP)...))
	}
	return out
}

func openCacheFixture(t *testing.T, name string, be compute.Backend) *cacheFixture {
	t.Helper()
	var about struct {
		Model     string
		Flags     map[string]bool
		Tolerance struct {
			Abs float64 `json:"suggested_atol"`
			Rel float64 `json:"suggested_rtol"`
		}
		Calls  []goldenCall
		Tokens hooked.Tokens
	}
	path := filepath.Join("testdata/cache", name)
	golden.JSON(t, path+".json", &about)
	processing := hooked.DefaultProcessing
	if about.Flags["refactor_factored_attn_matrices"] {
		processing |= hooked.RefactorFactored
	}
	m := load(t, strings.TrimPrefix(about.Model, "arch/"), processing, be)
	_, cache := hooked.Must2(m.RunWithCache(about.Tokens))
	return &cacheFixture{File: golden.Open(t, path+".safetensors"), m: m, tokens: about.Tokens, cache: cache,
		calls: about.Calls, tol: golden.Tolerance{Abs: about.Tolerance.Abs, Rel: about.Tolerance.Rel}}
}

// forEachCache runs a test for every fixture of testdata/cache on every backend.
func forEachCache(t *testing.T, test func(t *testing.T, f *cacheFixture)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama", "gpt2_refactored"} {
			t.Run(name, func(t *testing.T) { test(t, openCacheFixture(t, name, be)) })
		}
	})
}

// closeTensors compares two tensors, axes and all.
func closeTensors(t *testing.T, what string, got, want *hooked.Tensor, tol golden.Tolerance) {
	t.Helper()
	golden.Close(t, what, got.Float32s(), want.Float32s(), tol)
}
