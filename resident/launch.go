package resident

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gopherlens/internal/backend"
	"gopherlens/internal/program"
	"gopherlens/resident/internal/wire"
)

// connect joins the session's worker. If there is none it starts one; one of
// another build is ended first, one that does not answer is not. The lock makes that
// a single process's work when several find no worker at once.
func (p place) connect(client string) (*wire.Conn, error) {
	conn, err := p.join(client)
	if err == nil {
		return conn, nil
	}
	closeConn(conn)
	if !startable(err) {
		return nil, err
	}
	unlock, err := lockFile(p.lock())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if conn, err = p.join(client); err == nil {
		return conn, nil // another process was faster
	}
	if err := p.replace(conn, err); err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	conn, err = p.join(client)
	if errors.Is(err, errForeign) {
		err = fmt.Errorf("%w; build the program gopherlens again from the same sources", err)
	}
	if err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

func closeConn(conn *wire.Conn) {
	if conn != nil {
		conn.Close()
	}
}

// startable reports whether a failure to join is one that a new worker mends:
// no socket, a socket that nobody listens on, or a worker of another build.
func startable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errForeign)
}

// replace ends the worker behind conn, if there is one, and removes its socket.
// It goes by signals and not by a message, since the other side may understand
// none of ours.
func (p place) replace(conn *wire.Conn, err error) error {
	if !startable(err) {
		closeConn(conn)
		return err
	}
	if conn != nil {
		pid, mine := wire.PeerIsMe(conn.Unix())
		conn.Close()
		if mine && pid > 0 && pid != os.Getpid() {
			endProcess(pid)
		}
	}
	if err := os.Remove(p.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("resident: an old socket is in the way: %w", err)
	}
	return nil
}

// endProcess asks a process to end, and makes it after a while. One that is suspended
// must go on to hear it.
func endProcess(pid int) {
	syscall.Kill(pid, syscall.SIGTERM)
	syscall.Kill(pid, syscall.SIGCONT)
	for range 200 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// lockTimeout is how long another process may hold the lock: it ends a worker and starts
// one meanwhile. A variable for tests.
var lockTimeout = 2 * startTimeout

func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("resident: %w", err)
	}
	end := time.Now().Add(lockTimeout)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("resident: locking %s: %w", path, err)
		}
		if time.Now().After(end) {
			f.Close()
			return nil, fmt.Errorf("resident: another process has been starting the worker for %s and may be suspended; "+
				"end the one that holds %s, and try again", lockTimeout, path)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// start runs the worker, detached: a session of its own, so that no signal to
// the cell reaches it, and its output in a file, since a cell waits for
// whatever still holds its output. It returns when the worker listens.
func (p place) start() error {
	bin, err := program.Find()
	if err != nil {
		return fmt.Errorf("resident: %w", err)
	}
	ready, signal, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("resident: %w", err)
	}
	defer ready.Close()
	log := openLog(p.log())
	defer log.Close()
	cmd := exec.Command(bin, "resident", "serve", "--dir", p.dir, "--watch", strconv.Itoa(p.watch), "--ready")
	cmd.Dir = "/"
	cmd.Env = backend.WithDebug(workerEnv(os.Environ()))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{signal} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	signal.Close()
	if err != nil {
		return fmt.Errorf("resident: starting the worker: %w", err)
	}
	go cmd.Wait() // so that it does not stay a zombie of a long-lived program
	return p.await(ready, bin)
}

// startTimeout is how long a worker may take until it listens. It loads no
// model and no plugin before that.
const startTimeout = 20 * time.Second

func (p place) await(ready *os.File, bin string) error {
	ready.SetReadDeadline(time.Now().Add(startTimeout))
	b, err := io.ReadAll(io.LimitReader(ready, 4096))
	if err == nil && string(b) == "ready\n" {
		return nil
	}
	reason := strings.TrimSpace(string(b))
	if reason == "" {
		reason = lastLines(p.log())
	}
	return fmt.Errorf("resident: the worker (%s resident serve) did not start: %s", bin, reason)
}

// lastLines returns the end of a file for an error message.
func lastLines(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return "it said nothing"
	}
	return strings.TrimSpace(string(b[max(0, len(b)-1000):]))
}

// maxLog is the size above which a log is begun anew with the next worker.
const maxLog = 1 << 20

// openLog opens the worker's log, or failing that nothing: a worker without a
// log is better than none. Writing to a full disk fails in the worker, which
// does not mind.
func openLog(path string) *os.File {
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		f, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return f
}

// workerEnv leaves out what belongs to the cell: the pipes to its kernel, and
// the choice of backend, which each client makes for itself.
func workerEnv(env []string) []string {
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if name != "GONB_PIPE" && name != "GONB_PIPE_BACK" && name != "GOMLX_BACKEND" {
			out = append(out, kv)
		}
	}
	return out
}
