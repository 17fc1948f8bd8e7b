package hooked_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// cacheCalls are the calls of the fixtures that return a tensor and perhaps labels, by
// TransformerLens' names.
var cacheCalls = map[string]func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error){
	"accumulated_resid": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		return c.AccumulatedResid(a.options(f)...)
	},
	"decompose_resid": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		return c.DecomposeResid(a.options(f)...)
	},
	"stack_head_results": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		return c.StackHeadResults(a.options(f)...)
	},
	"stack_neuron_results": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		return c.StackNeuronResults(a.options(f)...)
	},
	"get_full_resid_decomposition": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		return c.FullResidDecomposition(a.options(f)...)
	},
	"compute_head_results": func(_ *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		full, err := c.ComputeHeadResults()
		if err != nil {
			return nil, nil, err
		}
		t, err := full.Lookup(a.Hook)
		return t, nil, err
	},
	"stack_activation": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		name := a.ActivationName
		if a.SublayerType != "" {
			name = "blocks.*." + a.SublayerType + ".hook_" + name
		}
		t, err := c.StackActivation(name, a.options(f)...)
		return t, nil, err
	},
	"apply_ln_to_stack": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		t, err := c.ApplyLNToStack(stackNamed(f, c, a.Stack), a.options(f)...)
		return t, nil, err
	},
	"logit_attrs": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		options := a.options(f)
		if a.IncorrectTokens != nil {
			options = append(options, incorrectTokens(goldenTokens(a.IncorrectTokens)))
		}
		t, err := c.LogitAttrs(stackNamed(f, c, a.Stack), goldenTokens(a.Tokens), options...)
		return t, nil, err
	},
	"accumulated_bias": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		options := a.options(f)
		if !a.MLPBiases {
			options = append(options, hooked.WholeMLPs)
		}
		t, err := f.m.AccumulatedBias(options...)
		return t, nil, err
	},
	"apply_slice_to_batch_dim": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		var index any = a.Batch.indices(len(f.tokens))
		if a.Batch.Int != nil {
			index = *a.Batch.Int
		}
		c, err := c.SliceBatch(index)
		if err != nil {
			return nil, nil, err
		}
		t, err := c.Lookup(a.Hook)
		return t, nil, err
	},
	"get_neuron_results": func(f *cacheFixture, c *hooked.Cache, a goldenArgs) (*hooked.Tensor, []string, error) {
		options := goldenArgs{Pos: a.Pos, Neurons: a.Neurons}.options(f)
		t, err := c.NeuronResults(*a.Layer, options...)
		return t, nil, err
	},
}

// stackNamed is the stack that a fixture describes in Python.
func stackNamed(f *cacheFixture, c *hooked.Cache, python string) *hooked.Tensor {
	switch python {
	case "decompose_resid()":
		return first2(c.DecomposeResid())
	case "decompose_resid(pos_slice=-1)":
		return first2(c.DecomposeResid(hooked.Pos(-1)))
	case "stack_head_results(pos_slice=-1)":
		return first2(c.StackHeadResults(hooked.Pos(-1)))
	case "resid_post[-1][:, -1]":
		return c.Get("resid_post", -1).At(hooked.All, -1)
	case "decompose_resid()[:, 2]":
		return first2(c.DecomposeResid()).At(hooked.All, 2)
	case "decompose_resid(pos_slice=-1)[:, 1]":
		return first2(c.DecomposeResid(hooked.Pos(-1))).At(hooked.All, 1)
	}
	panic("no stack " + python)
}

// first2 is the stack without its labels.
func first2(stack *hooked.Tensor, _ []string, err error) *hooked.Tensor {
	return hooked.Must(stack, err)
}

// goldenTokens are tokens in the forms of the fixtures: a text, an id, {"tensor": ids}.
func goldenTokens(raw json.RawMessage) any {
	var text string
	var id int
	var one struct{ Tensor []int }
	var rows struct{ Tensor [][]int }
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &id) == nil:
		return id
	case json.Unmarshal(raw, &one) == nil:
		return one.Tensor
	case json.Unmarshal(raw, &rows) == nil:
		return hooked.Tokens(rows.Tensor)
	}
	panic("no tokens: " + string(raw))
}

func incorrectTokens(tokens any) hooked.StackOption {
	switch v := tokens.(type) {
	case string:
		return hooked.IncorrectTokens(v)
	case int:
		return hooked.IncorrectTokens(v)
	case []int:
		return hooked.IncorrectTokens(v)
	}
	return hooked.IncorrectTokens(tokens.(hooked.Tokens))
}

// TestCacheCalls makes every call of the fixtures, on the whole cache or on that of the first
// prompt without batch axis.
func TestCacheCalls(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		single := hooked.Must(hooked.Must(f.m.Cache(f.tokens[:1])).RemoveBatchDim())
		made := 0
		for _, call := range f.calls {
			run := cacheCalls[call.Call]
			if run == nil {
				continue
			}
			made++
			cache := f.cache
			if call.Args.Cache != "" {
				cache = single
			}
			got, labels, err := run(f, cache, call.Args)
			if call.Shape[0] == 0 { // TransformerLens returns an empty stack
				if err == nil || !strings.Contains(err.Error(), "nothing before layer 0") {
					t.Errorf("%s: want an error that there is nothing to stack, got %v", call.ID, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", call.ID, err)
				continue
			}
			if call.Labels != nil && !slices.Equal(labels, call.Labels) {
				t.Errorf("%s: labels %v, want %v", call.ID, labels, call.Labels)
			}
			checkCall(t, f, call, got)
		}
		if made == 0 {
			t.Error("no call of the fixture was made")
		}
	})
}

func checkCall(t *testing.T, f *cacheFixture, call goldenCall, got *hooked.Tensor) {
	t.Helper()
	if call.Call == "get_neuron_results" && call.Shape[0] == 1 { // the fixture stores [:1, :3]
		got = got.At(hooked.Range{From: 0, To: 1}, hooked.Range{From: 0, To: 3})
	}
	if !slices.Equal(got.Shape(), call.Shape) {
		t.Errorf("%s %s: %v, want shape %v", call.ID, call.Call, got, call.Shape)
		return
	}
	want, _ := f.Floats(call.ID)
	golden.Close(t, call.ID+" "+call.Call, got.Float32s(), want, f.tol)
}
