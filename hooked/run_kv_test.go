package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// columns are the tokens of positions [from, to) of each prompt.
func columns(tokens hooked.Tokens, from, to int) hooked.Tokens {
	out := make(hooked.Tokens, len(tokens))
	for i, row := range tokens {
		out[i] = row[from:to]
	}
	return out
}

// comparePositions compares logits of some positions, the first of which is from, with a fixture
// [batch, pos, d_vocab].
func (f *fixture) comparePositions(t *testing.T, name string, got *hooked.Tensor, from int) {
	t.Helper()
	want, shape := f.Floats(name)
	n, vocab := got.Shape()[1], shape[2]
	for i := range shape[0] {
		start := (i*shape[1] + from) * vocab
		golden.Close(t, name, got.At(i).Float32s(), want[start:start+n*vocab], f.tol)
	}
}

// TestKVCache reads six tokens, then one at a time.
func TestKVCache(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		kv := f.m.NewKVCache(len(f.tokens))
		n := len(f.tokens[0])
		first := hooked.Must(f.m.Run(columns(f.tokens, 0, 6), hooked.WithKV(kv)))
		f.comparePositions(t, "kv/incremental_logits", first, 0)
		compiled := 0
		for p := 6; p < n; p++ {
			next := hooked.Must(f.m.Run(columns(f.tokens, p, p+1), hooked.WithKV(kv)))
			f.comparePositions(t, "kv/incremental_logits", next, p)
			if p == 6 {
				compiled = f.m.Programs()
			}
		}
		if kv.Len() != n {
			t.Errorf("the cache holds %d positions, want %d", kv.Len(), n)
		}
		if p := f.m.Programs(); p != compiled {
			t.Errorf("steps compiled %d programs", p-compiled)
		}
		compare(t, f.File, "kv/keys_layer0", hooked.Must(kv.Keys(0)), f.tol)
		compare(t, f.File, "kv/values_layer0", hooked.Must(kv.Values(0)), f.tol)
	})
}

// TestFrozenKVCache uses the beginning of the prompts twice.
func TestFrozenKVCache(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		kv := f.m.NewKVCache(len(f.tokens))
		hooked.Must(f.m.Run(columns(f.tokens, 0, f.json.FrozenLen), hooked.WithKV(kv)))
		kv.Freeze()
		n := len(f.tokens[0])
		a, cache := hooked.Must2(f.m.RunWithCache(columns(f.tokens, f.json.FrozenLen, n), hooked.WithKV(kv)))
		b := hooked.Must(f.m.Run(columns(f.corrupted, f.json.FrozenLen, n), hooked.WithKV(kv)))
		compare(t, f.File, "kv/frozen_a", a, f.tol)
		compare(t, f.File, "kv/frozen_b", b, f.tol)
		if kv.Len() != f.json.FrozenLen {
			t.Errorf("a frozen cache grew to %d positions", kv.Len())
		}
		if got, want := cache.Get("pattern", 0).Shape()[2:], []int{n - f.json.FrozenLen, n}; !slices.Equal(got, want) {
			t.Errorf("pattern [query, key] is %v, want %v", got, want)
		}
	})
}

// TestKVCacheGrows fills a cache beyond its first room: what is in it must survive.
func TestKVCacheGrows(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, nil)
	tokens := hooked.Tokens{make([]int, m.Config().NCtx)}
	for i := range tokens[0] {
		tokens[0][i] = i % 50
	}
	want := hooked.Must(m.Run(tokens, hooked.LogitsAt(-1))).Float32s()
	kv := m.NewKVCache(1)
	var got []float32
	for p := 0; p < len(tokens[0]); p += 10 {
		end := min(p+10, len(tokens[0]))
		got = hooked.Must(m.Run(columns(tokens, p, end), hooked.WithKV(kv), hooked.LogitsAt(-1))).Float32s()
	}
	golden.Close(t, "logits of the last position", got, want, golden.Default)
	if _, err := m.Run(hooked.Tokens{{1}}, hooked.WithKV(kv)); err == nil || !strings.Contains(err.Error(), "the model's context is") {
		t.Errorf("one token beyond the context: error %v", err)
	}
}

// TestKVCacheOfPaddedPrompts continues prompts of unequal length: the mask of the beginning holds
// for the rest.
func TestKVCacheOfPaddedPrompts(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		tokens, mask := hooked.Tokens(f.Ints("pad_left/tokens")), f.Ints("pad_left/attention_mask")
		kv := f.m.NewKVCache(len(tokens))
		hooked.Must(f.m.Run(columns(tokens, 0, 6), hooked.WithKV(kv), hooked.AttentionMask(columns(mask, 0, 6))))
		branch := kv.Clone()
		last := hooked.Must(f.m.Run(columns(tokens, 6, 9), hooked.WithKV(kv)))
		f.comparePositions(t, "pad_left/logits_with_mask", last, 6)
		if kv.Len() != 9 || branch.Len() != 6 {
			t.Errorf("the cache has %d positions and its clone %d, want 9 and 6", kv.Len(), branch.Len())
		}
	})
}

// TestBadKVCaches names what is wrong.
func TestBadKVCaches(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	other := load(t, "gpt2", hooked.NoProcessing, nil)
	one := hooked.Tokens{{1, 2}}
	for want, run := range map[string]func() error{
		"by another model":                  func() error { _, err := m.Run(one, hooked.WithKV(other.NewKVCache(1))); return err },
		"is for 2 prompts, the input has 1": func() error { _, err := m.Run(one, hooked.WithKV(m.NewKVCache(2))); return err },
		"Loss does not take WithKV":         func() error { _, err := m.Loss(one, hooked.WithKV(m.NewKVCache(1))); return err },
		"the key-value cache is empty":      func() error { _, err := m.NewKVCache(1).Keys(0); return err },
		"layer 7 does not exist":            func() error { _, err := m.NewKVCache(1).Values(7); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestKVAfterFailure checks that a run that fails leaves its cache as it was, and that one cache
// serves one run at a time.
func TestKVAfterFailure(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	kv := m.NewKVCache(1)
	hooked.Must(m.Run([]int{1, 2, 3}, hooked.WithKV(kv)))
	var inside, generated error
	_, err := m.Run([]int{4}, hooked.WithKV(kv), hooked.Observe(hooked.ResidPre.At(0), func(*hooked.Tensor, hooked.Site) {
		_, inside = m.Run([]int{4}, hooked.WithKV(kv))
		_, generated = m.Generate([]int{4}, hooked.Generation{MaxNewTokens: 2}, hooked.WithKV(kv))
		panic("boom")
	}))
	if err == nil || kv.Len() != 3 {
		t.Errorf("error %v, and the cache holds %d positions, want 3", err, kv.Len())
	}
	for _, err := range []error{inside, generated} {
		if err == nil || !strings.Contains(err.Error(), "another run") {
			t.Errorf("error %v, want one that names the other run", err)
		}
	}
	kv.Freeze()
	if _, err := m.Run([]int{4}, hooked.WithKV(kv)); err != nil {
		t.Error(err)
	}
}
