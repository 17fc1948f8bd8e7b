package hooked

import (
	"strings"

	"gopherlens/internal/brief"
)

// NewTensor puts values of this process on the model's device, with names for the axes, separated
// by blanks: a direction of one's own is m.NewTensor(values, "d_model").
func (m *Model) NewTensor(values *Array, axes string) (*Tensor, error) {
	if err := values.check(); err != nil {
		return nil, brief.Errorf("NewTensor: %w", err)
	}
	names := strings.Fields(axes)
	if len(names) != len(values.Shape) {
		return nil, brief.Errorf("NewTensor: %d names (%s) for an array of shape %v: want a name for each axis", len(names), axes, values.Shape)
	}
	return m.eng.tensorOf(values.Data, values.Shape, names...), nil
}
