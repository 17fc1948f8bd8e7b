//go:build cgo

package xla

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/backend"
	"gopherlens/internal/codecache"
)

// oneGraph, set to a graph's name, makes such a program compute only that.
const oneGraph = "GOPHERLENS_TEST_GRAPH"

// asProgram, set in its environment to a plugin, makes this test program one that computes with
// XLA.
const asProgram = "GOPHERLENS_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if plugin := os.Getenv(asProgram); plugin != "" {
		os.Exit(program(plugin))
	}
	os.Exit(m.Run())
}

// A report is what such a program tells.
type report struct {
	Results map[string]string // a hash of each graph's values, by its name
	Stats   Stats
	Growth  int // bytes of memory that loading programs again and again took
}

// program computes all graphs and reports.
func program(plugin string) int {
	be, err := compute.NewWithConfig("xla:" + plugin)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	r := report{Results: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(graphs)) {
		if only := os.Getenv(oneGraph); only != "" && only != name {
			continue
		}
		if r.Results[name], err = results(be, graphs[name]); err != nil {
			fmt.Println(name, err)
			return 1
		}
	}
	r.Results["donated"], err = donated(be)
	if err != nil {
		fmt.Println("donated", err)
		return 1
	}
	r.Stats = CacheStats()
	if os.Getenv(alsoLeak) != "" {
		r.Growth = growth(be)
	}
	json.NewEncoder(os.Stdout).Encode(r)
	return 0
}

// results calls a graph of two matrices and hashes all values that it gives.
func results(be compute.Backend, build func(x, y *Node) []*Node) (string, error) {
	e, err := NewExec(be, build)
	if err != nil {
		return "", err
	}
	defer e.Finalize()
	outputs, err := e.Call(wave(1), wave(2))
	if err != nil {
		return "", err
	}
	return hash(outputs), nil
}

// side is the matrices'.
const side = 48

// wave is a matrix of values that differ.
func wave(seed int) [][]float32 {
	out := make([][]float32, side)
	for i := range out {
		out[i] = make([]float32, side)
		for j := range out[i] {
			out[i][j] = float32((i*131+j*71+seed*29)%1009)/1009 - 0.5
		}
	}
	return out
}

func hash(outputs []*tensors.Tensor) string {
	h := sha256.New()
	for _, t := range outputs {
		t.ConstBytes(func(bytes []byte) { h.Write(bytes) })
	}
	return hex.EncodeToString(h.Sum(nil))
}

// graphs are a program each, of all kinds that XLA has another machinery for.
var graphs = map[string]func(x, y *Node) []*Node{
	"product":   func(x, y *Node) []*Node { return []*Node{Dot(x, y).Product()} },
	"several":   func(x, y *Node) []*Node { return []*Node{Softmax(x, -1), Dot(x, y).Product(), x, ReduceAllSum(y)} },
	"constants": func(x, y *Node) []*Node { return []*Node{Add(Dot(x, Const(x.Graph(), wave(3))).Product(), y)} },
	"sorts":     func(x, y *Node) []*Node { return []*Node{Sort(x, -1, true), Sort(y, 0, false)} },
	"largest":   func(x, y *Node) []*Node { v, i := TopK(x, 5, -1); return []*Node{v, i, ArgMax(y, -1)} },
	"sums":      func(x, y *Node) []*Node { return []*Node{CumSum(x, 0), ReduceMax(y, 1)} },
	"waves":     func(x, y *Node) []*Node { f := FFT(Complex(x, y)); return []*Node{Real(f), Imag(f)} },
	"functions": func(x, y *Node) []*Node { return []*Node{Tanh(x), Exp(y), Erf(x), Log(Abs(y)), Sin(x), Pow(Abs(x), y)} },
	"halves": func(x, y *Node) []*Node {
		h := func(n *Node) *Node { return ConvertDType(n, dtypes.BFloat16) }
		return []*Node{ConvertDType(Dot(h(x), h(y)).Product(), dtypes.Float32)}
	},
	"doubles": func(x, y *Node) []*Node {
		return []*Node{Dot(ConvertDType(x, dtypes.Float64), ConvertDType(y, dtypes.Float64)).Product()}
	},
	"random": func(x, y *Node) []*Node {
		_, v := RandomUniform(RNGStateFromSeedForGraph(x.Graph(), 7), shapes.Make(dtypes.Float32, 100))
		return []*Node{v}
	},
	"picks": func(x, y *Node) []*Node {
		i := Reshape(ConvertDType(MulScalar(Abs(Slice(y, AxisElem(0))), 80), dtypes.Int32), side, 1)
		return []*Node{Gather(x, i), ScatterSum(x, i, y, false, false)}
	},
	"pictures": func(x, y *Node) []*Node {
		image, kernel := Reshape(x, 1, side, side, 1), Reshape(Slice(y, AxisRange(0, 3), AxisRange(0, 3)), 3, 3, 1, 1)
		return []*Node{Convolve(image, kernel).PadSame().Done(), MaxPool(image).Window(2).Done()}
	},
	"gradient": func(x, y *Node) []*Node {
		return Gradient(ReduceAllSum(Tanh(Dot(x, y).Product())), x, y)
	},
	"loops": func(x, y *Node) []*Node {
		g := x.Graph()
		parameters := func(g *Graph) (i, m *Node) {
			return Parameter(g, "i", shapes.Make(dtypes.Int32)), Parameter(g, "m", x.Shape())
		}
		while := NewClosure(g, func(g *Graph) []*Node {
			i, _ := parameters(g)
			return []*Node{LessThan(i, Const(g, int32(5)))}
		})
		body := NewClosure(g, func(g *Graph) []*Node {
			i, m := parameters(g)
			return []*Node{Add(i, Const(g, int32(1))), Tanh(Add(m, m))}
		})
		return While(while, body, Const(g, int32(0)), x)
	},
	"batches": func(x, y *Node) []*Node {
		b := Reshape(x, 4, side/4, side)
		return []*Node{Softmax(Einsum("bik,bjk->bij", b, b), -1)}
	},
}

// donated calls a program whose input becomes its output's memory.
func donated(be compute.Backend) (string, error) {
	e, err := NewExec(be, func(x *Node) *Node { return AddScalar(x, 1) })
	if err != nil {
		return "", err
	}
	defer e.Finalize()
	t := tensors.FromValue(wave(4))
	for range 3 {
		buffer, err := DonateTensorBuffer(t, be, 0)
		if err != nil {
			return "", err
		}
		if t, err = e.Call1(buffer); err != nil {
			return "", err
		}
	}
	return hash([]*tensors.Tensor{t}), nil
}

// A machine is what processes share: a plugin, and a folder of their own.
type machine struct {
	t           *testing.T
	plugin, dir string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	plugin, ok := backend.FindPlugin()
	if !ok {
		t.Skip("no PJRT plugin is installed, so XLA is not tested: run `make setup`")
	}
	return machine{t, plugin.Path, t.TempDir()}
}

func (m machine) command(env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asProgram+"="+m.plugin, "GOPHERLENS_CACHE="+m.dir, codecache.OffEnv+"=", codecache.LimitEnv+"=")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// run runs a process to its end.
func (m machine) run(env ...string) (r report) {
	m.t.Helper()
	out, err := m.command(env...).Output()
	return m.read(out, err)
}

func (m machine) read(out []byte, err error) (r report) {
	m.t.Helper()
	if err = errors.Join(err, json.Unmarshal(out, &r)); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	return r
}

// files are the kept programs' paths.
func (m machine) files() (paths []string) {
	entries, _ := filepath.Glob(filepath.Join(m.dir, "compiled", "*")) // the pattern is good
	for _, path := range entries {
		if len(filepath.Base(path)) == 64 {
			paths = append(paths, path)
		}
	}
	return paths
}

// want checks a process's counts, and that its results are those of another bit for bit.
func (r report) want(t *testing.T, other report, compiled, loaded, refused int64) {
	t.Helper()
	s := r.Stats
	if s.Compiled != compiled || s.Loaded != loaded || s.Refused != refused || s.Unkept != 0 {
		t.Errorf("compiled %d, loaded %d, refused %d, could not keep %d; want %d, %d, %d, 0",
			s.Compiled, s.Loaded, s.Refused, s.Unkept, compiled, loaded, refused)
	}
	for name, want := range other.Results {
		if r.Results[name] != want {
			t.Errorf("%s: other values than in another process", name)
		}
	}
	if want := len(graphs) + 1; os.Getenv(oneGraph) == "" && len(r.Results) != want {
		t.Errorf("%d results of %d", len(r.Results), want)
	}
}

// What one process compiles no other compiles again, and it gives the same values as without a
// cache. What is damaged, or what XLA does not take, is compiled again and kept.
func TestSecondProcess(t *testing.T) {
	m := newMachine(t)
	cold := m.run()
	n := cold.Stats.Compiled
	if n <= int64(len(graphs)) {
		t.Fatalf("%d programs for %d graphs", n, len(graphs))
	}
	cold.want(t, cold, n, 0, 0)
	without := m.run(codecache.OffEnv + "=off")
	if without.Stats.Loaded != 0 {
		t.Errorf("switched off, %d programs came from disk", without.Stats.Loaded)
	}
	warm := m.run(alsoLeak + "=1")
	warm.want(t, without, 0, n, 0)
	if warm.Growth > 30<<20 {
		t.Errorf("loading and letting go of a program 500 times took %d MB", warm.Growth>>20)
	}

	files := m.files()
	if len(files) != int(n) {
		t.Fatalf("%d files for %d programs", len(files), n)
	}
	for i, path := range files[:len(files)/2] {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(content, i, files), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.garble(files[len(files)/2:])
	m.run().want(t, cold, n, 0, n)
	m.run().want(t, cold, 0, n, 0)
}

// damage changes a file in the i-th way.
func damage(content []byte, i int, files []string) []byte {
	switch i % 4 {
	case 0:
		content[len(content)*i/len(files)] ^= 1
		return content
	case 1:
		return content[:len(content)*i/len(files)]
	case 2:
		return append(content, 0)
	}
	other, err := os.ReadFile(files[(i+1)%len(files)])
	if err != nil {
		return nil
	}
	return other
}

// garble puts what is no program in the place of each, with a right checksum.
func (m machine) garble(files []string) {
	m.t.Helper()
	m.t.Setenv("GOPHERLENS_CACHE", m.dir)
	store, err := codecache.Open()
	if err != nil {
		m.t.Fatal(err)
	}
	for i, path := range files {
		var key codecache.Key
		if _, err := hex.Decode(key[:], []byte(filepath.Base(path))); err != nil {
			m.t.Fatal(err)
		}
		if err := store.Put(key, bytes.Repeat([]byte{byte(i)}, 10*i)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// Four processes compile the same at once; the fifth compiles nothing.
func TestFourProcesses(t *testing.T) {
	t.Setenv(oneGraph, "functions")
	m := newMachine(t)
	var outputs [4]bytes.Buffer
	var commands []*exec.Cmd
	for i := range outputs {
		cmd := m.command()
		cmd.Stdout = &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	var n int64
	for i, cmd := range commands {
		err := cmd.Wait()
		r := m.read(outputs[i].Bytes(), err)
		n = r.Stats.Compiled + r.Stats.Loaded
		r.want(t, r, r.Stats.Compiled, r.Stats.Loaded, 0)
	}
	m.run().want(t, report{}, 0, n, 0)
}

// Whatever decides code makes other programs; where nothing can be kept, all is compiled.
func TestOtherKeys(t *testing.T) {
	t.Setenv(oneGraph, "product")
	m := newMachine(t)
	n := m.run().Stats.Compiled
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("--xla_cpu_enable_fast_math=false"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env      string
		compiled int64
		unkept   int64
	}{
		{"XLA_FLAGS=--xla_cpu_enable_fast_math=false", n, 0},
		{"XLA_FLAGS=" + file, n, 0},
		{"XLA_FLAGS=--xla_dump_to=" + t.TempDir(), n, 0},
		{"PJRT_NPROC=1", n, 0},
		{"TF_CPP_MIN_LOG_LEVEL=2", 0, 0}, // decides nothing
		{"GOPHERLENS_CACHE=" + file, n, 0},
		{codecache.OffEnv + "=off", n, 0},
		{codecache.LimitEnv + "=0", n, 0},
		{"GOPHERLENS_CACHE=\x00HOME=\x00XDG_CACHE_HOME=", n, 0},
		{codecache.LimitEnv + "=0.00000001", n, n}, // 10 bytes
	} {
		s := m.run(strings.Split(c.env, "\x00")...).Stats
		if s.Compiled != c.compiled || s.Compiled+s.Loaded != n || s.Unkept != c.unkept {
			t.Errorf("%q: compiled %d, loaded %d, could not keep %d; want %d, %d, %d",
				c.env, s.Compiled, s.Loaded, s.Unkept, c.compiled, n-c.compiled, c.unkept)
		}
	}
}

// A setting that means nothing is an error of the backend.
func TestWrongSetting(t *testing.T) {
	m := newMachine(t)
	out, err := m.command(codecache.LimitEnv + "=lots").CombinedOutput()
	if err == nil || !strings.Contains(string(out), codecache.LimitEnv+`="lots"`) {
		t.Errorf("%v: %s", err, out)
	}
}

const alsoLeak = "GOPHERLENS_TEST_LEAK"

// memory is the process's in bytes, 0 if it is not known.
func memory() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

// growth is how much memory a program takes that is loaded and let go of again and again.
func growth(be compute.Backend) int {
	load := func(times int) {
		for range times {
			results(be, graphs["several"])
		}
		runtime.GC()
	}
	load(50)
	before := memory()
	load(500)
	return memory() - before
}
