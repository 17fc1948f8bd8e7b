package hooked

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopherlens/internal/devices"
)

// DeviceMemory is how many bytes the weights take on each device that the model computes with, in
// the devices' order: one number unless it was loaded with [LoadOptions].Devices. It reads the
// weights, if no run has.
func (m *Model) DeviceMemory() ([]int64, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	byName, err := m.weights.all(context.Background())
	if err != nil {
		return nil, err
	}
	buffers := slices.Collect(maps.Values(byName))
	if d, ok := m.eng.backend.(*devices.Backend); ok {
		return d.Bytes(buffers)
	}
	var sum int64
	for _, b := range buffers {
		shape, err := b.Shape()
		if err != nil {
			return nil, err
		}
		sum += int64(shape.ByteSize())
	}
	return []int64{sum}, nil
}

// onDevices says over which devices the model spreads, and how its weights lie once they do;
// nothing of a model on one.
func (m *Model) onDevices() string {
	d, ok := m.eng.backend.(*devices.Backend)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  on %v", d.Grid())
	if n := m.cfg.NHeads; n%d.Grid().Weights != 0 {
		fmt.Fprintf(&b, "; its %d heads are cut within", n)
	}
	if !m.weights.loaded.Load() {
		return b.String()
	}
	if bytes, err := m.DeviceMemory(); err == nil {
		fmt.Fprintf(&b, "; weights take %.1f MB on each", float64(slices.Max(bytes))/1e6)
	}
	return b.String()
}
