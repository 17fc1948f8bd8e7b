package devices_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/devices"
	"gopherlens/internal/golden"
	_ "gopherlens/internal/purego"
	"gopherlens/xla"
)

// childEnv marks a process that has four devices and a cache of its own.
const childEnv = "GOPHERLENS_TEST_CHILD"

// TestMain begins anew as such a process, where there is a plugin.
func TestMain(m *testing.M) {
	plugin, ok := golden.Plugin()
	if !ok || os.Getenv(childEnv) != "" {
		os.Exit(m.Run())
	}
	cache, err := os.MkdirTemp("", "devices")
	if err != nil {
		panic(err)
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), childEnv+"=1", "XLA_FLAGS=--xla_force_host_platform_device_count=4",
		"GOPHERLENS_TEST_PLUGIN="+plugin, cachedir.Variable+"="+cache)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	err = again.Run()
	os.RemoveAll(cache)
	if err != nil {
		os.Exit(1)
	}
}

// fourDevices is XLA with four devices of the CPU.
func fourDevices(t *testing.T) compute.Backend {
	t.Helper()
	var be compute.Backend
	golden.OnBackends(t, func(_ *testing.T, b compute.Backend) { be = b }) // the last is XLA, if it is there
	if golden.IsPureGo(be) {
		t.Skip("no PJRT plugin is installed: run `make setup`")
	}
	return be
}

// counted are the numbers from 0 on, of a shape.
func counted(shape shapes.Shape) []float32 {
	v := make([]float32, shape.Size())
	for i := range v {
		v[i] = float32(i)
	}
	return v
}

var allGrids = []devices.Grid{{Batch: 4, Weights: 1}, {Batch: 1, Weights: 4}, {Batch: 2, Weights: 2}, {Batch: 2, Weights: 1}}

// TestPlacedValues places values on devices, cut in all ways, and reads them back; what lies on the
// devices together is at least the whole, and of what is cut on each axis no more.
func TestPlacedValues(t *testing.T) {
	of := fourDevices(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		grid := allGrids[random.IntN(len(allGrids))]
		be, err := devices.New(of, grid)
		if err != nil {
			t.Fatal(err)
		}
		var dims []int
		var axes []devices.Axis
		for range 1 + random.IntN(4) {
			dims, axes = append(dims, 1+random.IntN(8)), append(axes, devices.Axis(random.IntN(3)))
		}
		shape := shapes.Make(dtypes.Float32, dims...)
		want := counted(shape)
		buffer, err := be.Place(want, shape, axes)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(want))
		if err := buffer.ToFlatData(got); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v of kinds %v on %v: %v, error %v", dims, axes, grid, got, err)
		}
		cut := 1
		for kind, parts := range map[devices.Axis]int{devices.Batch: grid.Batch, devices.Weights: grid.Weights} {
			divides := func(i int) bool { return axes[i] == kind && dims[i]%parts == 0 }
			if slices.ContainsFunc([]int{0, 1, 2, 3}[:len(dims)], divides) {
				cut *= parts
			}
		}
		bytes, err := be.Bytes([]compute.Buffer{buffer})
		if err != nil {
			t.Fatal(err)
		}
		for d, n := range bytes {
			if int(n) != 4*len(want)/cut {
				t.Errorf("%v of kinds %v on %v: device %d has %d bytes, want %d", dims, axes, grid, d, n, 4*len(want)/cut)
			}
		}
		if err := buffer.Finalize(); err != nil {
			t.Error(err)
		}
		if err := buffer.ToFlatData(got); err == nil {
			t.Error("a buffer that was freed gives values")
		}
	}
}

// product is the program x w, [rows, 6] times [6, 8], and the sums of its rows, on as many devices
// as a batch fills.
func product(t *testing.T, be *devices.Backend, rows, batch int) (*Graph, shapes.Shape, shapes.Shape) {
	t.Helper()
	x, w := shapes.Make(dtypes.Float32, rows, 6), shapes.Make(dtypes.Float32, 6, 8)
	var on compute.Backend = be
	spread := be.Spread(batch)
	if spread != nil {
		spread.Input("x", []devices.Axis{devices.Batch})
		spread.Input("w", []devices.Axis{devices.Whole, devices.Weights})
		spread.Results([][]devices.Axis{{devices.Batch, devices.Weights}})
		on = spread
	}
	g := NewGraph(on, fmt.Sprint("product of ", rows))
	y := Dot(Parameter(g, "x", x), Parameter(g, "w", w)).Product()
	if err := g.Compile(y, ReduceSum(y, -1)); err != nil {
		t.Fatal(err)
	}
	return g, x, w
}

// TestPrograms computes products on all grids, of batches that can be cut into equal parts and that
// cannot, from values that lie as the program needs them or do not. Whole numbers make them exact.
func TestPrograms(t *testing.T) {
	of := fourDevices(t)
	for _, grid := range allGrids {
		be, err := devices.New(of, grid)
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{4, 2, 3} {
			g, x, w := product(t, be, rows, rows)
			for _, kinds := range [][]devices.Axis{nil, {devices.Weights, devices.Batch}, {devices.Batch, devices.Weights}} {
				a, errA := be.Place(counted(x), x, kinds)
				b, errB := be.BufferFromFlatData(0, counted(w), w)
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				// once more as they lie then, and once on fewer devices
				fewer, _, _ := product(t, be, rows, rows/2)
				for _, g := range []*Graph{fewer, g, g, fewer} {
					out := g.RunWithBuffers([]compute.Buffer{a, b}, make([]bool, 2), 0)
					got, sums := out[0].Value().([][]float32), out[1].Value().([]float32)
					for i := range rows {
						sum := float32(0)
						for j := range 8 {
							want := float32(0)
							for k := range 6 {
								want += float32(i*6+k) * float32(k*8+j)
							}
							if sum += want; got[i][j] != want {
								t.Fatalf("%v, %d rows: entry %d, %d is %v, want %v", grid, rows, i, j, got[i][j], want)
							}
						}
						if sums[i] != sum {
							t.Fatalf("%v, %d rows: the sum of row %d is %v, want %v", grid, rows, i, sums[i], sum)
						}
					}
				}
			}
		}
	}
}

// TestConcurrentPrograms runs programs of two grids at once, whose inputs they share and move
// about.
func TestConcurrentPrograms(t *testing.T) {
	of := fourDevices(t)
	const rows = 8
	var wait sync.WaitGroup
	for _, grid := range allGrids {
		be, err := devices.New(of, grid)
		if err != nil {
			t.Fatal(err)
		}
		g, x, w := product(t, be, rows, rows)
		fewer, _, _ := product(t, be, rows, 2)
		a, errA := be.Place(counted(x), x, nil)
		b, errB := be.Place(counted(w), w, nil)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		want := g.RunWithBuffers([]compute.Buffer{a, b}, make([]bool, 2), 0)[0].Value().([][]float32)
		for i := range 4 {
			wait.Go(func() {
				for range 20 {
					one := []*Graph{g, fewer}[i%2]
					out := one.RunWithBuffers([]compute.Buffer{a, b}, make([]bool, 2), 0)
					if got := out[0].Value().([][]float32); !slices.EqualFunc(got, want, slices.Equal) {
						t.Errorf("%v: beside others a program gives %v, alone %v", grid, got, want)
					}
				}
			})
		}
	}
	wait.Wait()
}

// TestProgramsFromDisk checks that a partitioned program is taken from disk the second time, as the
// program of the same grid and no other, and computes the same.
func TestProgramsFromDisk(t *testing.T) {
	of := fourDevices(t)
	const rows = 16 // of no other test
	values := func(grid devices.Grid) ([][]float32, xla.Stats) {
		be, err := devices.New(of, grid)
		if err != nil {
			t.Fatal(err)
		}
		before := xla.CacheStats()
		g, x, w := product(t, be, rows, rows)
		after := xla.CacheStats()
		a, errA := be.Place(counted(x), x, nil)
		b, errB := be.Place(counted(w), w, nil)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		out := g.RunWithBuffers([]compute.Buffer{a, b}, make([]bool, 2), 0)
		return out[0].Value().([][]float32), xla.Stats{Compiled: after.Compiled - before.Compiled, Loaded: after.Loaded - before.Loaded}
	}
	for _, grid := range allGrids {
		compiled, first := values(grid)
		loaded, second := values(grid)
		if first.Compiled != 1 || second.Compiled != 0 || second.Loaded != 1 {
			t.Errorf("%v: first %+v, then %+v: want one program compiled, then loaded", grid, first, second)
		}
		if !slices.EqualFunc(compiled, loaded, slices.Equal) {
			t.Errorf("%v: the program from disk gives %v, compiled it gave %v", grid, loaded, compiled)
		}
	}
}

// TestGridsRefused checks grids that a backend has no devices for.
func TestGridsRefused(t *testing.T) {
	be := fourDevices(t)
	two, err := devices.New(be, devices.Grid{Batch: 2, Weights: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of   compute.Backend
		grid devices.Grid
		want string
	}{
		{be, devices.Grid{Batch: 5, Weights: 1}, "5 devices are asked for, and the backend xla has 4: of a CPU, XLA_FLAGS="},
		{be, devices.Grid{Batch: 1 << 62, Weights: 4}, "has 4"},
		{be, devices.Grid{Batch: 0, Weights: 4}, "a grid of 0 by 4"},
		{two, devices.Grid{Batch: 2, Weights: 1}, "spreads over 2 devices, which share batches already"},
		{golden.PureGo(t), devices.Grid{Batch: 2, Weights: 1}, "pure Go computes on one"},
	} {
		if _, err := devices.New(c.of, c.grid); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.grid, err, c.want)
		}
	}
	if again, err := devices.New(be, devices.Grid{Batch: 2, Weights: 1}); err != nil || again != two {
		t.Errorf("the same grid is another backend: %v", err)
	}
}

// A fakeKeeper keeps buffers in this process.
type fakeKeeper struct {
	compute.Backend
	blobs map[string][]byte
	kept  map[string][]compute.Buffer
	names map[string][]string
}

func (f *fakeKeeper) Keep(key string, blob []byte, names []string, buffers []compute.Buffer) error {
	f.blobs[key], f.names[key], f.kept[key] = blob, names, buffers
	return nil
}

func (f *fakeKeeper) Attach(key string) ([]byte, []string, []compute.Buffer, bool, error) {
	blob, ok := f.blobs[key]
	return blob, f.names[key], f.kept[key], ok, nil
}

// TestKeeper keeps buffers that lie on several devices, and has them again under the same grid
// only.
func TestKeeper(t *testing.T) {
	of := &fakeKeeper{fourDevices(t), map[string][]byte{}, map[string][]compute.Buffer{}, map[string][]string{}}
	be, err := devices.New(of, devices.Grid{Batch: 2, Weights: 2})
	if err != nil {
		t.Fatal(err)
	}
	k, ok := be.Keeper()
	if !ok {
		t.Fatal("no keeper")
	}
	shape := shapes.Make(dtypes.Float32, 4, 6)
	cut, _ := be.Place(counted(shape), shape, []devices.Axis{devices.Whole, devices.Weights})
	home, _ := be.BufferFromFlatData(0, counted(shape), shape)
	if err := k.Keep("model", []byte("blob"), []string{"cut", "home"}, []compute.Buffer{cut, home}); err != nil {
		t.Fatal(err)
	}
	blob, names, buffers, ok, err := k.Attach("model")
	if err != nil || !ok || string(blob) != "blob" || !slices.Equal(names, []string{"cut", "home"}) {
		t.Fatalf("attached %q, %v, %v, error %v", blob, names, ok, err)
	}
	want, _ := be.Bytes([]compute.Buffer{cut, home})
	if got, err := be.Bytes(buffers); err != nil || !slices.Equal(got, want) {
		t.Errorf("on the devices lie %v bytes, want %v; error %v", got, want, err)
	}
	for _, b := range buffers {
		got := make([]float32, shape.Size())
		if err := b.ToFlatData(got); err != nil || !slices.Equal(got, counted(shape)) {
			t.Errorf("what was kept is %v, error %v", got, err)
		}
	}
	other, _ := devices.New(of, devices.Grid{Batch: 4, Weights: 1})
	if k, _ := other.Keeper(); k != nil {
		if _, _, _, ok, _ := k.Attach("model"); ok {
			t.Error("another grid attaches to what lies otherwise")
		}
	}
	if plain, _ := devices.New(fourDevices(t), devices.Grid{Batch: 2, Weights: 2}); plain != nil {
		if _, ok := plain.Keeper(); ok {
			t.Error("a backend that keeps nothing is a keeper")
		}
	}
}
