package train

import (
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
)

// beginState makes the variables of [Instances.State] that no checkpoint had.
func (m *manyFit) beginState() error {
	for _, name := range slices.Sorted(maps.Keys(m.State)) {
		first := m.State[name]
		switch {
		case first == nil || !first.Ok():
			return brief.Errorf("Instances.State: variable %q has no value", name)
		case m.Start[name] != nil:
			return brief.Errorf("Instances.State: variable %q is one of Instances.Start, too", name)
		}
		if v := m.stateVariable(name); v != nil { // of a checkpoint
			if !v.Shape().Equal(first.Shape()) {
				return brief.Errorf("%s has a variable %q of shape %s, not %s", m.stepFolder(), name, v.Shape(), first.Shape())
			}
			continue
		}
		if m.step > 0 {
			return brief.Errorf("%s has no variable %q", m.stepFolder(), name)
		}
		value, err := first.LocalClone() // a step takes over what its variables hold
		if err != nil {
			return err
		}
		v, err := m.store.CreateVariable(model.JoinPath(stateScope, name), value)
		if err != nil {
			return err
		}
		v.SetTrainable(false)
	}
	return nil
}

func (m *manyFit) stateVariable(name string) *model.Variable {
	return m.store.GetVariable(model.JoinPath(stateScope, name))
}

// states are copies of the state.
func (m *manyFit) states() (map[string]*tensors.Tensor, error) {
	out := make(map[string]*tensors.Tensor)
	for name := range m.State {
		value, err := m.stateVariable(name).Value()
		if err != nil {
			return nil, err
		}
		if out[name], err = value.LocalClone(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// note makes a step leave what its loss tells.
func (m *manyFit) note(spec layout, v *Vars) {
	m.noted[spec] = slices.Sorted(maps.Keys(v.notes))
	for _, name := range m.noted[spec] {
		x := v.notes[name]
		if x == nil || x.Rank() != 1 || x.Shape().Dim(0) != m.n || x.DType() != dtypes.Float32 {
			exceptions.Panicf("Note(%q) gets %v, and wants a Float32 for each of %d instances", name, x, m.n)
		}
		perInstance(m.store, model.JoinPath(notesScope, name), m.n).SetNodeValue(x)
	}
}

// notes are what the last step of this program has told.
func (m *manyFit) notes(spec layout) (map[string][]float64, error) {
	names := m.noted[spec]
	if len(names) == 0 {
		return nil, nil
	}
	out := make(map[string][]float64)
	for _, name := range names {
		var err error
		if out[name], err = m.perInstance(model.JoinPath(notesScope, name)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
