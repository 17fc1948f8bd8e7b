package patching

import (
	"fmt"
	"reflect"

	"gopherlens/hooked"
)

// field is one of the fields that a [Sweep] or [Path] cannot do without.
type field struct {
	name  string
	given bool
	wants string // what to give
}

// runFields are those that both have.
func runFields(base hooked.Tokens, source Source, metric hooked.Metric) []field {
	return []field{
		{"Base", len(base) > 0, "the tokens of the run in which activations are replaced"},
		{"Source", source != nil, "what the replacements come from: FromTokens, FromCache, Mean, Given or AllZeros"},
		{"Metric", !reflect.ValueOf(metric).IsZero(), "what is measured: hooked.LogitDiff(answers), or one that hooked.NewMetric makes"},
	}
}

// checkFields refuses what was left out.
func checkFields(of string, fields []field) error {
	for _, f := range fields {
		if !f.given {
			return fmt.Errorf("the %s has no %s: give %s", of, f.name, f.wants)
		}
	}
	return nil
}

// checkModel refuses a nil model.
func checkModel(m *hooked.Model) error { return hooked.Try(func() { m.Config() }) }
