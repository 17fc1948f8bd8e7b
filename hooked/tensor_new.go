package hooked

import (
	"strings"

	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
)

// NewTensor makes a tensor of values of this process, with names for the axes, separated by blanks.
// The values are an *[Array], a number, or slices of numbers or truth values nested to any depth,
// such as []float32, [][]float32, []int32, [][]int32 or [Tokens]. Floats become float32, whole
// numbers int32, or int64 if they are.
//
//	direction, err := hooked.NewTensor([]float32{0.6, 0.8}, "d_model")
//
// Tensors made so work with those of any model: they go to the device of what they first meet.
func NewTensor(values any, axes string) (*Tensor, error) {
	e, err := processEngine()
	if err != nil {
		return nil, err
	}
	return e.newTensor(values, axes)
}

// NewTensor is [NewTensor] on the model's device.
func (m *Model) NewTensor(values any, axes string) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return m.eng.newTensor(values, axes)
}

func (e *engine) newTensor(values any, axes string) (*Tensor, error) {
	value, err := hostTensor(values)
	if err != nil {
		return nil, brief.Errorf("NewTensor: %w", err)
	}
	names := strings.Fields(axes)
	if len(names) != value.Rank() {
		return nil, brief.Errorf("NewTensor: %d names (%s) for values of shape %v: want a name for each axis", len(names), axes,
			value.Shape().Dimensions)
	}
	return &Tensor{value, names, e}, nil
}

// processEngine is the engine of the process's own backend.
func processEngine() (*engine, error) {
	be, _, err := backend.New()
	if err != nil {
		return nil, err
	}
	return sharedEngine(be), nil
}
