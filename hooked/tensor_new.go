package hooked

import (
	"fmt"
	"strings"
)

// NewTensor puts values of this process on the model's device, with names for the axes, separated by blanks: a direction of
// one's own is m.NewTensor(values, "d_model").
func (m *Model) NewTensor(values *Array, axes string) (*Tensor, error) {
	names := strings.Fields(axes)
	if len(names) != len(values.Shape) || sizeOf(values.Shape) != len(values.Data) {
		return nil, fmt.Errorf("NewTensor: %d values of shape %v with axes %v: want a name for each axis, and as many values as the shape says",
			len(values.Data), values.Shape, names)
	}
	return m.eng.tensorOf(values.Data, values.Shape, names...), nil
}
