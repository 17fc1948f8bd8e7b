package patching_test

import (
	"testing"

	"gopherlens/hooked/patching"
	"gopherlens/internal/zeros"
)

// TestZeroValues calls every exported method of every exported type on its zero value and on nil,
// with zero arguments: each returns, or panics with an error of its own words.
func TestZeroValues(t *testing.T) {
	zeros.CallMethods(t, patching.Given{}, patching.Grid{}, patching.Kind{}, patching.Mean{}, patching.Path{}, patching.Progress{}, patching.Receivers{}, patching.Sweep{})
	zeros.CallFunctions(t, map[string]any{"FromTokens": patching.FromTokens, "FromCache": patching.FromCache, "AllZeros": patching.AllZeros,
		"FinalResid": patching.FinalResid, "Heads": patching.Heads, "BaseRun": patching.BaseRun, "Replacements": patching.Replacements})
}
