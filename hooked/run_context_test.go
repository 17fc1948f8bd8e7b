package hooked_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// A countdown is a context that ends when it is asked for the nth time: at any place where a run
// looks.
type countdown struct {
	context.Context
	left *atomic.Int64
}

func endingAfter(n int64) countdown {
	c := countdown{context.Background(), new(atomic.Int64)}
	c.left.Store(n)
	return c
}

// Err tells that the context has ended, from the nth time on.
func (c countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// cancelled has ended before anything begins.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestContextEndsAnywhere ends runs, and the loading of weights in them, wherever they look: each
// gives the context's error or all that it gives without, and the next run finds a model and a
// key-value cache in order.
func TestContextEndsAnywhere(t *testing.T) {
	be := golden.PureGo(t)
	tokens := hooked.Tokens{{1, 5, 9, 13}, {1, 7, 11, 20}}
	random := load(t, "llama", hooked.NoProcessing, be)
	sd := hooked.Must(random.StateDict())
	makers := map[string]func() *hooked.Model{
		"a folder": func() *hooked.Model { return load(t, "llama", hooked.DefaultProcessing, be) },
		"a state dict": func() *hooked.Model {
			return hooked.Must(hooked.FromStateDict(random.Config(), sd, hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))
		},
	}
	for what, fresh := range makers {
		whole := fresh()
		want := tensorText(hooked.Must(whole.Run(tokens, hooked.WithKV(whole.NewKVCache(2)))))
		ended := 0
		for n := int64(0); ; n++ {
			m := fresh()
			kv := m.NewKVCache(2)
			out, err := m.Run(tokens, hooked.WithKV(kv), hooked.WithContext(endingAfter(n)))
			if err == nil {
				if got := tensorText(out); got != want {
					t.Errorf("%s: the run that came to its end gives other logits", what)
				}
				break
			}
			ended++
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: ended after %d looks: %v", what, n, err)
			}
			if kv.Len() != 0 {
				t.Errorf("%s: ended after %d looks, the key-value cache holds %d positions", what, n, kv.Len())
			}
			if got := tensorText(hooked.Must(m.Run(tokens, hooked.WithKV(kv)))); got != want {
				t.Errorf("%s: ended after %d looks, the next run gives other logits", what, n)
			}
		}
		// the layers, the embedding, the end, some weights
		if least := random.Config().NLayers + 3; ended < least {
			t.Errorf("%s: a run looked only %d times, want at least %d", what, ended, least)
		}
	}
}

// TestContextOfGeneration ends a generation while it streams: what it gave is the beginning of what
// it gives without, and Generate returns it beside the error.
func TestContextOfGeneration(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, golden.PureGo(t))
	prompt := hooked.Tokens{{1, 5, 9, 13}}
	g := hooked.Generation{MaxNewTokens: 6, StopTokens: []int{}}
	want := hooked.Must(m.Generate(prompt, g))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kv := m.NewKVCache(1)
	got := slices.Clone(prompt[0])
	var err error
	for step, e := range m.GenerateStream(prompt, g, hooked.WithContext(ctx), hooked.WithKV(kv)) {
		if err = e; e != nil {
			break
		}
		if got = append(got, step.Tokens...); len(got) == 7 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "after 3 of 6 tokens") {
		t.Errorf("the stream ended with %v", err)
	}
	if !slices.Equal(got, want[0][:7]) {
		t.Errorf("the stream gave %v, want the beginning of %v", got, want[0])
	}
	if kv.Len() != 0 {
		t.Errorf("the caller's key-value cache holds %d positions", kv.Len())
	}
	for n := int64(0); ; n++ {
		made, err := m.Generate(prompt, g, hooked.WithContext(endingAfter(n)))
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("ended after %d looks: %v", n, err)
		}
		if tokens := fmt.Sprintf("after %d of 6 tokens", len(made[0])-4); !strings.Contains(err.Error(), tokens) || !slices.Equal(made[0], want[0][:len(made[0])]) {
			t.Errorf("ended after %d looks: %v beside %v", n, made, err)
		}
	}
}

// TestContextLeavesCache reads what a run has left for later, after its context has ended.
func TestContextLeavesCache(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	defer hooked.DeferAbove(0)()
	want := tensorText(hooked.Must(m.Cache([]int{1, 2, 3})).Get("pattern", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cache := hooked.Must(m.Cache([]int{1, 2, 3}, hooked.WithContext(ctx)))
	cancel()
	if got := tensorText(cache.Get("pattern", 1)); got != want {
		t.Error("the activation is another")
	}
}

// TestContextOfLoading tries every way to make a model with a context that has ended, and nil.
func TestContextOfLoading(t *testing.T) {
	o := hooked.LoadOptions{Backend: golden.PureGo(t), Context: cancelled(t)}
	m := load(t, "gpt2", hooked.NoProcessing, o.Backend)
	_, pretrained := hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, o)
	_, encoder := hooked.EncoderFromPretrained(bertDir, o)
	_, fresh := hooked.New(m.Config(), o)
	_, given := hooked.FromStateDict(m.Config(), hooked.Must(m.StateDict()), hooked.NoProcessing, o)
	for what, err := range map[string]error{"FromPretrained": pretrained, "EncoderFromPretrained": encoder, "New": fresh, "FromStateDict": given} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var none context.Context
	if _, err := m.Run([]int{1}, hooked.WithContext(none)); err == nil || !strings.Contains(err.Error(), "WithContext(nil)") {
		t.Errorf("WithContext(nil): %v", err)
	}
}

// TestContextOfVerbs gives every method that takes options a context that has ended: those that
// compute tell of it and name themselves, the others refuse the option.
func TestContextOfVerbs(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, golden.PureGo(t))
	var takes []string
	for verb, call := range verbCalls {
		_, err := call(m, someTexts, hooked.WithContext(cancelled(t)))
		switch {
		case err == nil:
			t.Errorf("%s does not look at its context", verb)
		case errors.Is(err, context.Canceled) && strings.HasPrefix(err.Error(), verb+" was ended by its context (WithContext) after 0 of "):
			takes = append(takes, verb)
		case !strings.Contains(err.Error(), verb+" does not take WithContext"):
			t.Errorf("%s: %v", verb, err)
		}
	}
	refuse := []string{"ToTokens", "ToStrTokens", "a sweep"}
	if len(takes) != len(verbCalls)-len(refuse) || slices.ContainsFunc(refuse, func(v string) bool { return slices.Contains(takes, v) }) {
		t.Errorf("%v take a context, of %v", takes, slices.Sorted(maps.Keys(verbCalls)))
	}
}
