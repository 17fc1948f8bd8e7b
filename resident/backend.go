package resident

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"gopherlens/internal/backend"
	"gopherlens/internal/fault"
	"gopherlens/resident/internal/wire"
)

// Name is the name under which this backend is registered with package compute.
const Name = "resident"

func init() {
	backend.Register(Name, func(config string) (compute.Backend, error) { return New(config) })
}

// A Backend is a connection to the resident worker, which runs another backend
// for it.
type Backend struct {
	config    string
	pool      *pool
	info      wire.Info
	rules     map[wire.Op]rule
	finalized atomic.Bool
}

var _ compute.Backend = (*Backend)(nil)

// New connects to the session's worker, starting it if there is none, and has
// it open the backend that config describes, such as "xla:cpu" or "go:"; of an empty
// one the best that is installed. It is what compute.NewWithConfig("resident:" + config)
// calls, unless that is the process's own backend, which is opened once.
//
// It fails if there is no such backend or no plugin for it, if the program gopherlens
// cannot be found or started, or with the fronted backend's own error.
func New(config string) (*Backend, error) {
	resolved, err := backend.Resolve(Name + ":" + config)
	if err != nil {
		return nil, err
	}
	p, err := newPool()
	if err != nil && !errors.Is(err, ErrSilent) {
		err = fault.Mark(err, ErrNoWorker)
	}
	if err != nil {
		return nil, err
	}
	b := &Backend{config: strings.TrimPrefix(resolved, Name+":"), pool: p}
	if err := b.open(); err != nil {
		p.close()
		return nil, err
	}
	return b, nil
}

func (b *Backend) open() error {
	e := b.pool.request()
	e.String(b.config)
	err := b.pool.call(wire.KindOpen, e, wire.Data{}, func(d *wire.Decoder, _ wire.Data) error {
		b.info = wire.ReadInfo(d)
		return d.Done()
	})
	b.rules = rulesFor(b.info.Capabilities)
	return err
}

// request begins a request to the backend in the worker.
func (b *Backend) request() *wire.Encoder {
	e := b.pool.request()
	e.Uint(b.info.Index)
	return e
}

// lacks reports whether op is a fused operation that the backend does not
// list. Callers try those first and fall back when told so; to ask the worker
// each time would cost more than the whole recording.
func (b *Backend) lacks(op wire.Op) bool {
	name := op.String()
	if !strings.HasPrefix(name, "Fused") && op != wire.OpQuantizedEmbeddingLookup {
		return false
	}
	t, err := compute.OpTypeString(name)
	return err == nil && !b.info.Capabilities.Operations[t]
}

// Name implements compute.Backend.
func (b *Backend) Name() string { return Name }

// String implements compute.Backend.
func (b *Backend) String() string { return Name }

// Description implements compute.Backend.
func (b *Backend) Description() string { return "resident: " + b.info.Description }

// NumDevices implements compute.Backend.
func (b *Backend) NumDevices() int { return len(b.info.Devices) }

// DeviceDescription implements compute.Backend.
func (b *Backend) DeviceDescription(device compute.DeviceNum) string {
	if device < 0 || int(device) >= len(b.info.Devices) {
		return fmt.Sprintf("there is no device %d", device)
	}
	return b.info.Devices[device]
}

// Capabilities implements compute.Backend: they are the fronted backend's.
func (b *Backend) Capabilities() compute.Capabilities { return b.info.Capabilities }

// Builder implements compute.Backend.
func (b *Backend) Builder(name string) compute.Builder { return newBuilder(b, name) }

// Finalize implements compute.Backend. It ends the connection: the worker frees
// what this process held and keeps what it was told to keep.
func (b *Backend) Finalize() {
	if !b.finalized.Swap(true) {
		b.pool.close()
	}
}

// IsFinalized implements compute.Backend.
func (b *Backend) IsFinalized() bool { return b == nil || b.finalized.Load() }

func flatDType(flat any) dtypes.DType {
	t := reflect.TypeOf(flat)
	if t.Kind() != reflect.Slice {
		return dtypes.InvalidDType
	}
	return dtypes.FromGoType(t.Elem())
}
