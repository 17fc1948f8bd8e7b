package hooked_test

import (
	"errors"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestErrorKinds makes an error of each kind that hooked itself gives, and tells it from the others.
func TestErrorKinds(t *testing.T) {
	options := hooked.LoadOptions{Backend: golden.PureGo(t), Offline: true}
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	long := make([]int, m.Config().NCtx+1)
	from := func(name string) error {
		_, err := hooked.FromPretrained(name, hooked.NoProcessing, options)
		return err
	}
	_, context := m.Run(long)
	_, generation := m.Generate([]int{1}, hooked.Generation{MaxNewTokens: m.Config().NCtx + 1})
	_, hook := m.Run([]int{1}, hooked.Edit("hook_patern", hooked.Zero()))
	_, glob := m.Cache([]int{1}, hooked.Names("blocks.*.hook_nothing"))
	strange := copied(t, "testdata/arch/llama")
	editConfig(t, strange, map[string]any{"clip_qkv": 8.0})
	kinds := []error{hooked.ErrUnknownModel, hooked.ErrOffline, hooked.ErrUnsupportedFile, hooked.ErrUnknownHook, hooked.ErrOutOfContext}
	for _, test := range []struct {
		what      string
		got, want error
	}{
		{"a name that is none", from("gpt2-smal"), hooked.ErrUnknownModel},
		{"a repository, offline", from("nobody/nothing-of-this-name"), hooked.ErrOffline},
		{"an unknown field", from(strange), hooked.ErrUnsupportedFile},
		{"a long text", context, hooked.ErrOutOfContext},
		{"a long generation", generation, hooked.ErrOutOfContext},
		{"a misspelt hook", hook, hooked.ErrUnknownHook},
		{"a glob that matches nothing", glob, hooked.ErrUnknownHook},
	} {
		for _, kind := range kinds {
			if errors.Is(test.got, kind) != (kind == test.want) {
				t.Errorf("%s: %v; is it %q: %v", test.what, test.got, kind, errors.Is(test.got, kind))
			}
		}
	}
}
