package resident_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/resident"
	"gopherlens/resident/internal/wire"
)

// roles are the parts that the test binary plays as another process.
func roles() map[string]func() {
	return map[string]func(){
		"cell":   func() { must(squares(backend(), []float32{3, 4})); fmt.Println(must(resident.Status()).PID) },
		"kernel": playKernel,
		"upload": playUpload,
		"old":    playOld,
	}
}

func must[T any](x T, err error) T {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return x
}

func backend() compute.Backend { return must(compute.NewWithConfig("resident:go:")) }

// playKernel runs a cell, as GoNB does, and then waits for the next.
func playKernel() {
	cell := exec.Command(os.Args[0])
	cell.Env = append(os.Environ(), roleEnv+"=cell")
	os.Stdout.Write(must(cell.Output()))
	time.Sleep(time.Minute)
}

// playUpload sends 40 MB again and again, and never reads a byte of it.
func playUpload() {
	b := backend()
	fmt.Println("connected")
	for {
		must(b.BufferFromFlatData(0, make([]float32, 10_000_000), shapes.Make(dtypes.Float32, 10_000_000)))
	}
}

// playOld is a worker of a build that knows nothing of this one: it answers
// each connection's greeting with another layout.
func playOld() {
	l := must(net.Listen("unix", filepath.Join(os.Getenv(resident.DirEnv), "worker.sock")))
	fmt.Println("listening")
	for {
		c := must(l.Accept())
		go func() {
			c.Read(make([]byte, 1000))
			c.Write([]byte("what do you mean?"))
		}()
	}
}

// checkWorks runs a program through a new connection.
func checkWorks(t *testing.T) {
	t.Helper()
	if got, err := squares(connect(t, "go:"), []float32{3, 4}); err != nil || got != 25 {
		t.Errorf("the sum of the squares of 3 and 4: got %v, %v; want 25", got, err)
	}
}

// forever is a loop of 2^62 rounds.
func forever(x *graph.Node) *graph.Node {
	g := x.Graph()
	cond, body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		i := graph.Parameter(g, "i", shapes.Make(dtypes.Int64))
		return []*graph.Node{graph.LessThan(i, graph.Scalar(g, dtypes.Int64, int64(1)<<62))}
	}), graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		i := graph.Parameter(g, "i", shapes.Make(dtypes.Int64))
		return []*graph.Node{graph.AddScalar(i, 1)}
	})
	return graph.While(cond, body, x)[0]
}

func TestWorkerKilledDuringCall(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	exec, err := graph.NewExec(b, forever)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := exec.Call(int64(0))
		failed <- err
	}()
	pid := status(t).PID
	eventually(t, 10*time.Second, "the program is compiled", func() bool { return status(t).Programs == 1 })
	time.Sleep(50 * time.Millisecond) // so that it runs
	syscall.Kill(pid, syscall.SIGKILL)
	select {
	case err := <-failed:
		for _, word := range []string{"the worker (process " + strconv.Itoa(pid) + ") has ended", "run the cell", "worker.log"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("the call's error lacks %q: %v", word, err)
			}
		}
		if !errors.Is(err, resident.ErrWorkerGone) {
			t.Errorf("%v is not resident.ErrWorkerGone", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the call did not end with the worker")
	}
	checkWorks(t)
	if next := status(t).PID; next == pid {
		t.Errorf("the worker is still process %d", pid)
	}
}

func TestWorkerKilledBetweenCalls(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	if _, err := squares(b, []float32{1}); err != nil {
		t.Fatal(err)
	}
	pid := status(t).PID
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, 5*time.Second, "the worker is gone", func() bool { return !alive(pid) })
	if _, err := squares(b, []float32{1}); !errors.Is(err, resident.ErrWorkerGone) || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a call after the worker's end: %v", err)
	}
	checkWorks(t)
}

func TestKernelKilled(t *testing.T) {
	newSession(t)
	kernelDir, err := os.MkdirTemp("", "kernel")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(kernelDir)
	kernel, out := play(t, "kernel", "GONB_TMP_DIR="+kernelDir, resident.DirEnv+"=")
	eventually(t, 10*time.Second, "the cell has run", func() bool { return strings.Contains(out.String(), "\n") })
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil || !alive(pid) {
		t.Fatalf("the worker of the kernel: %q, %v", out, err)
	}
	kernel.Process.Kill()
	kernel.Wait()
	eventually(t, 10*time.Second, "the worker has ended", func() bool { return !alive(pid) })
	if _, err := os.Stat(filepath.Join(kernelDir, "resident", "worker.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestFolderRemoved(t *testing.T) {
	dir := newSession(t)
	connect(t, "go:")
	pid := status(t).PID
	os.RemoveAll(dir)
	eventually(t, 10*time.Second, "the worker has ended", func() bool { return !alive(pid) })
}

func TestClientKilledInTransfer(t *testing.T) {
	newSession(t)
	connect(t, "go:")
	before := status(t)
	client, out := play(t, "upload")
	eventually(t, 10*time.Second, "it uploads", func() bool {
		return strings.Contains(out.String(), "connected") && status(t).Bytes > before.Bytes
	})
	client.Process.Kill()
	client.Wait()
	eventually(t, 10*time.Second, "what it held is freed", func() bool {
		st := status(t)
		return st.Clients == before.Clients && st.Bytes == before.Bytes && st.Arrays == before.Arrays
	})
	checkWorks(t)
}

// TestStatusStartsNothing holds that looking leaves no trace.
func TestStatusStartsNothing(t *testing.T) {
	dir := newSession(t)
	os.RemoveAll(dir)
	if _, err := resident.Status(); err != resident.ErrNoWorker {
		t.Errorf("the status where nothing is: %v", err)
	}
	if err := resident.Stop(); err != resident.ErrNoWorker {
		t.Errorf("stopping where nothing is: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := newSession(t)
	if err := os.Symlink("/dev/full", filepath.Join(dir, "worker.log")); err != nil {
		t.Fatal(err)
	}
	checkWorks(t)
}

func TestStaleSocket(t *testing.T) {
	dir := newSession(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "worker.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := resident.Status(); err != resident.ErrNoWorker {
		t.Errorf("the status on a stale socket: %v; want %v", err, resident.ErrNoWorker)
	}
	checkWorks(t)
}

func TestWorkerOfAnotherProtocol(t *testing.T) {
	newSession(t)
	old, out := play(t, "old")
	eventually(t, 5*time.Second, "it listens", func() bool { return strings.Contains(out.String(), "listening") })
	go old.Wait()
	checkWorks(t)
	eventually(t, 5*time.Second, "the old worker was ended", func() bool { return !alive(old.Process.Pid) })
}

func TestWorkerOfAnOlderBuild(t *testing.T) {
	dir := newSession(t)
	bin := filepath.Join(dir, "gopherlens")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin, program, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.BinEnv, bin)
	checkWorks(t)
	first := status(t).PID
	checkWorks(t)
	if second := status(t).PID; second != first {
		t.Fatalf("the same build was replaced: process %d by %d", first, second)
	}
	// "go build -o" renews the time of a file that it need not build.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(bin, later, later); err != nil {
		t.Fatal(err)
	}
	checkWorks(t)
	if third := status(t).PID; third != first {
		t.Fatalf("the same build of another time was replaced: process %d by %d", first, third)
	}
	// A new build is another file of the same name.
	os.Remove(bin)
	if err := os.WriteFile(bin, otherBuild(t, program), 0o755); err != nil {
		t.Fatal(err)
	}
	checkWorks(t)
	if third := status(t).PID; third == first || alive(first) {
		t.Errorf("the older build, process %d, still serves", first)
	}
}

// otherBuild changes the id in a program.
func otherBuild(t *testing.T, program []byte) []byte {
	t.Helper()
	id, err := wire.BuildID(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(program, []byte(id)) {
		return append(program, 0) // it has no id: its content tells
	}
	return bytes.ReplaceAll(program, []byte(id), []byte("x"+id[1:]))
}

func TestFourClientsAtOnce(t *testing.T) {
	newSession(t)
	var outs []*output
	var cells []*exec.Cmd
	for range 4 {
		cell, out := play(t, "cell")
		cells, outs = append(cells, cell), append(outs, out)
	}
	for i, cell := range cells {
		if err := cell.Wait(); err != nil {
			t.Errorf("client %d: %v: %s", i, err, outs[i])
		}
	}
	want := strconv.Itoa(status(t).PID)
	for i, out := range outs {
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("client %d used the worker %q, not %s", i, got, want)
		}
	}
}

func TestNobodyElseCanConnect(t *testing.T) {
	dir := newSession(t)
	connect(t, "go:")
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "worker.sock"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("the mode of %s: %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	os.Chmod(dir, 0o755)
	defer os.Chmod(dir, 0o700)
	if _, err := compute.NewWithConfig("resident:go:"); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder open to others was accepted: %v", err)
	}
}

func TestMalformedMessageEndsOnlyItsConnection(t *testing.T) {
	dir := newSession(t)
	b := connect(t, "go:")
	for name, message := range map[string][]byte{
		"no frame":           []byte("GET / HTTP/1.1\r\n\r\n"),
		"no greeting":        append([]byte{'G', 'L', 7, 0, 1, 0, 0, 0}, make([]byte, 9)...),
		"a huge body":        append([]byte{'G', 'L', 1, 0, 255, 255, 255, 15}, make([]byte, 8)...),
		"a false descriptor": append([]byte{'G', 'L', 1, 1, 0, 0, 0, 0}, bytes.Repeat([]byte{1}, 8)...),
	} {
		c, err := net.Dial("unix", filepath.Join(dir, "worker.sock"))
		if err != nil {
			t.Fatal(err)
		}
		c.Write(message)
		c.(*net.UnixConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 100)); n > 0 || os.IsTimeout(err) {
			t.Errorf("%s: the connection stays open (%d bytes, %v)", name, n, err)
		}
		c.Close()
	}
	if got, err := squares(b, []float32{3, 4}); err != nil || got != 25 {
		t.Errorf("another connection: %v, %v", got, err)
	}
}
