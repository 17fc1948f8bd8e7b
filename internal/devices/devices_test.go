package devices_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/devices"
	"gopherlens/internal/golden"
	_ "gopherlens/internal/purego"
	"gopherlens/xla"
)

// flags makes four devices of a CPU.
const flags = "XLA_FLAGS=--xla_force_host_platform_device_count=4"

// TestMain begins anew with four devices.
func TestMain(m *testing.M) {
	if name, value := flags[:9], flags[10:]; os.Getenv(name) != value {
		os.Setenv(name, value)
		again := exec.Command(os.Args[0], os.Args[1:]...)
		again.Stdout, again.Stderr = os.Stdout, os.Stderr
		if err := again.Run(); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestTry(t *testing.T) {
	plugin, _ := golden.Plugin()
	of, err := compute.NewWithConfig("xla:" + plugin)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(of.NumDevices(), of.Description())
	be, err := devices.New(of, devices.Grid{Batch: 2, Weights: 2})
	if err != nil {
		t.Fatal(err)
	}
	s := be.Spread(4)
	s.Input("x", []devices.Axis{devices.Batch, 0})
	s.Input("w", []devices.Axis{0, devices.Weights})
	g := NewGraph(s, "try")
	x := Parameter(g, "x", shapes.Make(dtypes.Float32, 4, 3))
	w := Parameter(g, "w", shapes.Make(dtypes.Float32, 3, 6))
	y := Dot(x, w).Product()
	s.Results([][]devices.Axis{{devices.Batch, devices.Weights}, nil})
	if err := g.Compile(y, ReduceSum(y, -1)); err != nil {
		t.Fatal(err)
	}
	flat := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i)
		}
		return v
	}
	bx, _ := be.BufferFromFlatData(0, flat(12), shapes.Make(dtypes.Float32, 4, 3))
	bw, _ := be.Place(flat(18), shapes.Make(dtypes.Float32, 3, 6), []devices.Axis{0, devices.Weights})
	out := g.RunWithBuffers([]compute.Buffer{bx, bw}, make([]bool, 2), 0)
	t.Log(out[0].Value(), out[1].Value())
	t.Logf("%+v", xla.CacheStats())
}
