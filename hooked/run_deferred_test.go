package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
)

// TestDeferred is TestFamilies of a cache that computes its activations when they are read, in any
// order.
func TestDeferred(t *testing.T) {
	defer hooked.DeferAbove(0)()
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		want, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens(file.Ints("tokens"))))
		if !strings.Contains(cache.String(), "computed when it is read") {
			t.Error("nothing was left for later")
		}
		if got := cache.Names(); !slices.Equal(got, want.HookNames) {
			t.Errorf("hooks in order:\n got %v\nwant %v", got, want.HookNames)
		}
		hooks := file.Names("cache/")
		slices.Reverse(hooks)
		for _, hook := range hooks {
			compare(t, file, "cache/"+hook, cache.Get(hook), tol)
		}
		if strings.Contains(cache.String(), "computed when it is read") {
			t.Error("something is left for later though all was read")
		}
	})
}

// TestDeferredViews holds what is made of a cache that has not computed its activations against one
// that has.
func TestDeferredViews(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.DefaultProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		views := func() map[string]*hooked.Cache {
			_, cache := hooked.Must2(m.RunWithCache(tokens))
			_, some := hooked.Must2(m.RunWithCache(tokens, hooked.PosSlice(-1, 0)))
			alone := hooked.Must(hooked.Must(m.Cache(tokens[:1], hooked.Names("pattern", "attn_out"))).RemoveBatchDim())
			edited := hooked.Must(m.Cache(tokens, hooked.Edit(hooked.AttnZ.At(0), hooked.ZeroHead(1))))
			return map[string]*hooked.Cache{"prompt": hooked.Must(cache.SliceBatch(1)), "some positions": some, "one prompt": alone,
				"heads": hooked.Must(cache.ComputeHeadResults()), "edited": edited}
		}
		want := views()
		restore := hooked.DeferAbove(0)
		got := views()
		restore()
		for what, cache := range want {
			if !slices.Equal(cache.Names(), got[what].Names()) {
				t.Errorf("%s: %v, want %v", what, got[what].Names(), cache.Names())
			}
			for _, s := range cache.Sites() {
				closeTensors(t, what+" "+s.Name(), got[what].Get(s), cache.Get(s), tol)
			}
		}
	})
}
