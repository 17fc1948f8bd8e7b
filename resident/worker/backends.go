package worker

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"

	"gopherlens/internal/brief"
	"gopherlens/resident/internal/wire"
)

// A backend is one that a client has asked for, open for all clients.
type backend struct {
	config string
	real   compute.Backend
	info   wire.Info
}

// backends are the open ones, numbered in the order of their opening.
type backends struct {
	mu   sync.Mutex
	open []*backend
}

// get opens the backend of a configuration, or returns the one that is open.
func (b *backends) get(config string) (*backend, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.open {
		if x.config == config {
			return x, nil
		}
	}
	real, err := newReal(config)
	if err != nil {
		return nil, fmt.Errorf("resident: opening the backend %q: %w", brief.Text(config), err)
	}
	x := &backend{config: config, real: real, info: describe(real, len(b.open))}
	b.open = append(b.open, x)
	return x, nil
}

// newReal opens a backend. GoMLX panics on a name that it does not know.
func newReal(config string) (real compute.Backend, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return compute.NewWithConfig(config)
}

func describe(real compute.Backend, index int) wire.Info {
	info := wire.Info{
		Index:        uint64(index),
		Name:         real.Name(),
		Description:  real.Description(),
		Capabilities: real.Capabilities(),
	}
	for i := range real.NumDevices() {
		info.Devices = append(info.Devices, real.DeviceDescription(compute.DeviceNum(i)))
	}
	return info
}

// at returns the backend of a number.
func (b *backends) at(index uint64) (*backend, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if index >= uint64(len(b.open)) {
		return nil, fmt.Errorf("%w: no backend has the number %d", wire.ErrMalformed, index)
	}
	return b.open[index], nil
}
