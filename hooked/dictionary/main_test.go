package dictionary_test

import (
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// model is one of the tiny checkpoints as the fixtures use it: without any processing.
func model(t testing.TB, name string, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained("../testdata/arch/"+name, hooked.NoProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tensor is a fixture's tensor on a model's backend.
func tensor(t testing.TB, m *hooked.Model, f *golden.File, name, axes string) *hooked.Tensor {
	t.Helper()
	values, shape := f.Floats(name)
	x, err := m.NewTensor(&hooked.Array{Shape: shape, Data: values}, axes)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
