package hooked

import (
	"cmp"
	"fmt"

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
	// device: by heads or, where these cannot be cut into so many equal parts, within each head; by
	// columns of MLPs and experts, which it must divide; and by the vocabulary where that can be.
	// Norms and position vectors lie whole on each device.
	Weights int
}

// grid is the devices as package devices has them.
func (d Devices) grid() devices.Grid {
	return devices.Grid{Batch: cmp.Or(d.Batch, 1), Weights: cmp.Or(d.Weights, 1)}
}

// on is the backend that spreads over the devices of another; that one itself for a single device.
func (d Devices) on(be compute.Backend) (compute.Backend, error) {
	if d.grid() == (devices.Grid{Batch: 1, Weights: 1}) {
		return be, nil
	}
	spread, err := devices.New(be, d.grid())
	if err != nil {
		return nil, brief.Errorf("LoadOptions.Devices: %w", err)
	}
	return spread, nil
}

// devicesOf are the devices that a backend spreads over; the zero value of one that does not.
func devicesOf(be compute.Backend) Devices {
	d, ok := be.(*devices.Backend)
	if !ok {
		return Devices{}
	}
	return Devices(d.Grid())
}

// fits refuses a model whose weights cannot be cut so.
func (d Devices) fits(c Config) error {
	n := d.grid().Weights
	const refusal = "LoadOptions.Devices.Weights is %d: %s cannot be cut into so many equal parts"
	switch {
	case c.NHeads%n != 0 && c.DHead%n != 0:
		return brief.Errorf(refusal, n, fmt.Sprintf("the model's %d heads and their width of %d", c.NHeads, c.DHead))
	case !c.AttnOnly && c.DMLP%n != 0:
		return brief.Errorf(refusal, n, fmt.Sprintf("the %d columns of the model's MLPs", c.DMLP))
	case c.DExpert%n != 0:
		return brief.Errorf(refusal, n, fmt.Sprintf("the %d columns of the model's experts", c.DExpert))
	}
	return nil
}
