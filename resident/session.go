package resident

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/program"
	"gopherlens/resident/internal/wire"
)

// The environment variables that are read.
const (
	// DirEnv names the folder of the worker's socket and log. It overrides the
	// folder that follows from the session.
	DirEnv = "GOPHERLENS_RESIDENT_DIR"
	// WatchEnv is the number of a process whose end ends the worker. It overrides the one that
	// follows from the session.
	WatchEnv = "GOPHERLENS_RESIDENT_WATCH"
	// BinEnv names the program gopherlens.
	BinEnv = program.Env
)

// A place is the folder in which a session's worker has its socket, and the
// process whose end ends the worker.
type place struct {
	dir   string
	watch int // 0: none
}

func (p place) socket() string { return filepath.Join(p.dir, "worker.sock") }
func (p place) lock() string   { return filepath.Join(p.dir, "worker.lock") }
func (p place) log() string    { return filepath.Join(p.dir, "worker.log") }

// session returns the place of this process's worker, and makes its folder.
// In a notebook that is the kernel's own folder, and the worker lives as long
// as the kernel; elsewhere it belongs to the terminal's session.
func session() (place, error) {
	p, err := find()
	if err != nil {
		return p, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return p, fmt.Errorf("resident: no folder for the worker: %w; set %s", err, DirEnv)
	}
	if err := checkPrivate(p.dir); err != nil {
		return p, err
	}
	if len(p.socket()) > maxSocketPath {
		return p, fmt.Errorf("resident: the path %s is too long for a socket; set %s to a folder with a shorter name", p.socket(), DirEnv)
	}
	return p, nil
}

// maxSocketPath is the length of sun_path, without its final zero, on the
// system that has the shortest: macOS.
const maxSocketPath = 103

func find() (place, error) {
	p, err := findDir()
	if pid := os.Getenv(WatchEnv); err == nil && pid != "" {
		if p.watch, err = strconv.Atoi(pid); err != nil || p.watch < 2 {
			return p, brief.Errorf("resident: %s=%q: want the number of a process", WatchEnv, pid)
		}
	}
	return p, err
}

func findDir() (place, error) {
	p := place{watch: sessionLeader()}
	kernel := os.Getenv("GONB_TMP_DIR")
	if kernel != "" {
		p.watch = os.Getppid()
	}
	switch dir := os.Getenv(DirEnv); {
	case dir != "":
		abs, err := filepath.Abs(dir)
		if kernel == "" {
			p.watch = 0 // a folder of one's own is no session's
		}
		p.dir = abs
		return p, err
	case kernel != "":
		p.dir = filepath.Join(kernel, "resident")
		return p, nil
	}
	name := "resident-" + strconv.Itoa(p.watch)
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		p.dir = filepath.Join(runtime, "gopherlens", name)
		return p, nil
	}
	dir, err := cachedir.Join(name)
	p.dir = dir
	return p, err
}

// sessionLeader returns the process that leads this one's session, usually a
// shell, or 0 if that is this process or cannot be seen.
func sessionLeader() int {
	sid, err := getsid()
	if err != nil || sid <= 1 || sid == os.Getpid() {
		return 0
	}
	return sid
}

// checkPrivate refuses a folder that others could write to or that is not this
// user's: they could put a socket of their own there.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("resident: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir() || ok && int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("resident: %s is not a folder of this user; set %s to one", dir, DirEnv)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("resident: the folder %s is open to other users (mode %#o); run chmod 700 on it", dir, info.Mode().Perm())
	}
	return nil
}

// errForeign says that what listens on the socket is no worker of this build.
var errForeign = errors.New("resident: the worker is of another build")

// helloTimeout is how long a worker may take to greet. It does nothing but
// that on a new connection, so that only a stopped process takes longer, or one
// on a machine that has more to do than it can. A variable for tests.
var helloTimeout = 10 * time.Second

// join connects to a worker that is there and that a new one would not differ from.
func (p place) join(client string) (*wire.Conn, error) {
	conn, g, err := p.reach(client)
	if build := expectedBuild(); err == nil && build != "" && g.Build != build {
		err = fmt.Errorf("%w: the program gopherlens has changed since it started", errForeign)
	}
	return conn, err
}

// reach connects to a worker that understands this process. On an error after the
// connection is made, that is left open for the caller to see whose it is.
func (p place) reach(client string) (*wire.Conn, wire.Greeting, error) {
	conn, err := p.dial()
	if err != nil {
		return nil, wire.Greeting{}, err
	}
	g, err := greet(conn, client)
	return conn, g, err
}

// dial opens a connection without a greeting. A suspended worker's socket takes so many,
// and then none.
func (p place) dial() (*wire.Conn, error) {
	var c *net.UnixConn
	var err error
	for end := time.Now().Add(helloTimeout); ; time.Sleep(50 * time.Millisecond) {
		c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket(), Net: "unix"})
		if !errors.Is(err, syscall.EAGAIN) {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%w since %s, and has many connections waiting; "+
				"wait and try again, or end its process", ErrSilent, helloTimeout)
		}
	}
	if err != nil {
		return nil, err
	}
	conn := wire.NewConn(c)
	if _, ok := wire.PeerIsMe(c); !ok {
		conn.Close()
		return nil, fmt.Errorf("resident: %s belongs to another user's process; set %s to a folder of your own", p.socket(), DirEnv)
	}
	return conn, nil
}

// greet exchanges versions.
func greet(conn *wire.Conn, client string) (wire.Greeting, error) {
	conn.Unix().SetDeadline(time.Now().Add(helloTimeout))
	defer conn.Unix().SetDeadline(time.Time{})
	var e wire.Encoder
	wire.Hello{Version: wire.Version(), Client: client}.Put(&e)
	var answer wire.Frame
	err := conn.Send(wire.Frame{Kind: wire.KindHello, Body: e.Body()})
	if err == nil {
		answer, err = conn.Receive()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		pid, _ := wire.PeerIsMe(conn.Unix())
		return wire.Greeting{}, silent(pid, helloTimeout)
	}
	if err != nil {
		return wire.Greeting{}, fmt.Errorf("%w (%w)", errForeign, err)
	}
	defer answer.Data.Close()
	d := wire.NewDecoder(answer.Body)
	g := wire.ReadGreeting(d)
	switch {
	case d.Err() != nil:
		return g, fmt.Errorf("%w (%w)", errForeign, d.Err())
	case g.Version != wire.Version():
		return g, brief.Errorf("%w: it is %q, this is %q", errForeign, g.Version, wire.Version())
	}
	return g, nil
}

// expectedBuild returns the build that a worker started now would have, or ""
// if the program cannot be found: then any worker that is there will do.
func expectedBuild() string {
	bin, err := program.Find()
	if err != nil {
		return ""
	}
	id, err := wire.BuildID(bin)
	if err != nil {
		return ""
	}
	return id
}
