package resident_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident"
)

// configs are the backends that are measured, in this process and in the worker.
func configs(b *testing.B, run func(*testing.B, string)) {
	b.Run("go", func(b *testing.B) { run(b, "go:") })
	b.Run("xla", func(b *testing.B) { run(b, xla(b)) })
}

func inProcess(b *testing.B, config string) compute.Backend {
	real, err := compute.NewWithConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	return real
}

const hundredMB = 25_000_000 // float32 values

func BenchmarkUpload100MB(b *testing.B) {
	configs(b, func(b *testing.B, config string) {
		newSession(b)
		r := connect(b, config)
		values := make([]float32, hundredMB)
		shape := shapes.Make(dtypes.Float32, hundredMB)
		for b.Loop() {
			x, err := r.BufferFromFlatData(0, values, shape)
			if err != nil {
				b.Fatal(err)
			}
			x.Finalize()
		}
	})
}

func BenchmarkDownload100MB(b *testing.B) {
	configs(b, func(b *testing.B, config string) {
		newSession(b)
		x := upload(b, connect(b, config), hundredMB, 1)
		values := make([]float32, hundredMB)
		for b.Loop() {
			if err := x.ToFlatData(values); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkExecute runs x + x on 1000 values: in this process, in the worker,
// and in the worker's memo. Every call in "worker" donates, so that it is not
// remembered; a donated result is the next call's input.
func BenchmarkExecute(b *testing.B) {
	configs(b, func(b *testing.B, config string) {
		b.Run("in process", func(b *testing.B) {
			real := inProcess(b, config)
			x, err := real.BufferFromFlatData(0, make([]float32, 1000), shapes.Make(dtypes.Float32, 1000))
			if err != nil {
				b.Fatal(err)
			}
			chain(b, doubled(b, real, "x", 1000), x, true)
		})
		b.Run("worker", func(b *testing.B) {
			newSession(b)
			r := connect(b, config)
			chain(b, doubled(b, r, "x", 1000), upload(b, r, 1000, 0), true)
		})
		b.Run("memo", func(b *testing.B) {
			newSession(b)
			r := connect(b, config)
			exec, x := doubled(b, r, "x", 1000), upload(b, r, 1000, 0)
			for b.Loop() {
				execute(b, exec, x, false).Finalize()
			}
		})
	})
}

func chain(b *testing.B, exec compute.Executable, x compute.Buffer, donate bool) {
	for b.Loop() {
		x = execute(b, exec, x, donate)
	}
}

// BenchmarkAttach270 attaches what the default model's weights are: 270 arrays.
func BenchmarkAttach270(b *testing.B) {
	newSession(b)
	r := connect(b, "go:")
	var names []string
	var buffers []compute.Buffer
	for i := range 270 {
		names = append(names, fmt.Sprintf("blocks.%d.weight", i))
		buffers = append(buffers, upload(b, r, 1000, float32(i)))
	}
	if err := r.Keep("model", make([]byte, 10_000), names, buffers); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, got, ok, err := r.Attach("model"); !ok || err != nil || len(got) != 270 {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkConnect connects to a worker that is there and has opened the backend.
func BenchmarkConnect(b *testing.B) {
	newSession(b)
	connect(b, "go:")
	for b.Loop() {
		r, err := resident.New("go:")
		if err != nil {
			b.Fatal(err)
		}
		r.Finalize()
	}
}
