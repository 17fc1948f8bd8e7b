package hooked

import (
	"cmp"

	"github.com/gomlx/compute"

	"gopherlens/internal/brief"
	"gopherlens/internal/devices"
)

// Devices says over how many devices of this machine a model spreads, and what they share. The two
// numbers multiply: Devices{Batch: 2, Weights: 2} takes four. What a run gives, activations and
// gradients included, has the shapes and values that one device gives.
type Devices struct {
	// Batch is into how many parts the prompts of a batch are cut. Each part has all weights. A
	// batch that cannot be cut into so many equal parts is cut into as many as it can, down to one.
	Batch int

	// Weights is into how many parts the weights are cut, for a model that is too large for one
	// device: by heads, by columns of MLPs, and by the vocabulary where it can be. It must divide
	// the number of heads and the width of the MLPs. Key-value heads that it does not divide, norms
	// and position vectors lie on each device.
	Weights int
}

// grid is the devices as package devices has them.
func (d Devices) grid() devices.Grid {
	return devices.Grid{Batch: cmp.Or(d.Batch, 1), Weights: cmp.Or(d.Weights, 1)}
}

// on is the backend that spreads over the devices of another; that one itself for a single device.
func (d Devices) on(be compute.Backend) (compute.Backend, error) {
	if d == (Devices{}) {
		return be, nil
	}
	spread, err := devices.New(be, d.grid())
	if err != nil {
		return nil, brief.Errorf("LoadOptions.Devices: %w", err)
	}
	return spread, nil
}

// fits refuses a model whose weights cannot be cut so.
func (d Devices) fits(c Config) error {
	n := d.grid().Weights
	for _, size := range []struct {
		of   string
		size int
		ask  bool
	}{
		{"heads", c.NHeads, true},
		{"columns of each MLP", c.DMLP, !c.AttnOnly && c.DMLP > 0},
		{"columns of each expert", c.DExpert, c.NExperts > 0},
	} {
		if size.ask && size.size%n != 0 {
			return brief.Errorf("LoadOptions.Devices.Weights is %d: the model's %d %s cannot be cut into so many equal parts", n, size.size, size.of)
		}
	}
	return nil
}
