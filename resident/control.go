package resident

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"gopherlens/resident/internal/wire"
)

// State is what the worker tells about itself.
type State = wire.State

// Kept is what the worker has stored under one key.
type Kept = wire.Kept

// Status asks the session's worker what it holds. It does not start one: it
// returns ErrNoWorker if there is none.
func Status() (State, error) {
	where, err := existing()
	if err != nil {
		return State{}, err
	}
	_, st, err := where.look()
	return st, err
}

// look asks the worker of a place what it holds, without starting one.
func (where place) look() (pid int, st State, err error) {
	conn, _, err := where.reach("status")
	if conn != nil {
		pid, _ = wire.PeerIsMe(conn.Unix())
	}
	if err != nil {
		closeConn(conn)
		return pid, State{}, noWorker(err)
	}
	p := &pool{place: where, client: "status", pid: pid, idle: []*wire.Conn{conn}}
	defer p.close()
	err = p.call(wire.KindStatus, p.request(), wire.Data{}, func(d *wire.Decoder, _ wire.Data) error {
		st = wire.ReadState(d)
		return d.Done()
	})
	return pid, st, err
}

// Stop ends the session's worker, of whatever build, and waits until it is
// gone. What it held is lost; the next program starts a new one. It returns
// ErrNoWorker if there is none.
func Stop() error {
	where, err := existing()
	if err != nil {
		return err
	}
	return where.stop()
}

func (where place) stop() error {
	unlock, err := lockFile(where.lock()) // what is removed below must not be a successor's
	if err != nil {
		return err
	}
	defer unlock()
	conn, err := where.dial()
	if err != nil {
		return noWorker(err)
	}
	pid, mine := wire.PeerIsMe(conn.Unix())
	conn.Close()
	if mine && pid > 0 && pid != os.Getpid() {
		endProcess(pid)
	}
	if err := os.Remove(where.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// existing returns the session's place without making its folder.
func existing() (place, error) {
	p, err := find()
	if err != nil {
		return p, err
	}
	if err := checkPrivate(p.dir); err != nil {
		return p, noWorker(err)
	}
	return p, nil
}

// noWorker turns the failure to reach a socket into ErrNoWorker.
func noWorker(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ErrNoWorker
	}
	return err
}
