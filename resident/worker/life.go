package worker

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/nativemem"
	"gopherlens/internal/sysmem"
	"gopherlens/resident/internal/wire"
)

// The environment variables that are read.
const (
	// MemoryEnv is how many bytes of arrays the worker may hold, such as
	// "8GiB"; "0" sets no limit. Unset, all workers of a user have 60 % of the machine's memory
	// together, and no more than the machine has left when it is wanted.
	MemoryEnv = "GOPHERLENS_RESIDENT_MEMORY"
	// IdleEnv is how long the worker stays when nothing is connected, such as
	// "2h". Unset, it is 12 hours in a notebook or a terminal's session, where
	// the worker ends with them anyway, and half an hour elsewhere.
	IdleEnv = "GOPHERLENS_RESIDENT_IDLE"
)

// A Config says where a worker serves and what ends it.
type Config struct {
	Dir   string        // the folder of the socket
	Watch int           // the process whose end ends the worker, 0 for none
	Idle  time.Duration // how long to stay with nothing connected; 0: IdleEnv
	Ready io.WriteCloser
}

// Serve runs a worker until ctx is done, or until the end that the package
// documentation describes. It writes "ready" to c.Ready when it listens, or
// what is wrong.
func Serve(ctx context.Context, c Config) error {
	s, l, own, err := c.start()
	if c.Ready != nil {
		if err != nil {
			fmt.Fprintln(c.Ready, err)
		} else {
			fmt.Fprintln(c.Ready, "ready")
		}
		c.Ready.Close()
	}
	if err != nil {
		return err
	}
	go func() {
		c.wait(ctx, s, own)
		own.remove()
		s.store.share.close()
		l.Close()
	}()
	return s.serve(l)
}

func (c Config) start() (*server, *net.UnixListener, *socketFile, error) {
	if got := wire.Signature(); got != wire.TableHash {
		return nil, nil, nil, fmt.Errorf("resident: this program's package compute has other operations (%s) than the table (%s): "+
			"run go generate ./resident and build again", got, wire.TableHash)
	}
	budget, err := memoryBudget(os.Getenv(MemoryEnv))
	if err != nil {
		return nil, nil, nil, err
	}
	build, err := wire.OwnBuildID()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("resident: %w", err)
	}
	l, own, err := listen(c.Dir)
	if err != nil {
		return nil, nil, nil, err
	}
	s := newServer(build, budget)
	if os.Getenv(MemoryEnv) == "" {
		s.store.available = sysmem.Available
		s.store.share = ownShare(budget)
	}
	return s, l, own, nil
}

// ownShare is this worker's share of a budget, or nil where the cache cannot hold its file.
func ownShare(budget int64) *share {
	dir, err := cachedir.Join("workers")
	if err != nil || budget == 0 {
		return nil
	}
	s, err := openShare(dir, budget)
	if err != nil {
		return nil
	}
	return s
}

// tick is how often the worker looks whether it should end.
const tick = time.Second

// wait returns when the worker has no more reason to be there.
func (c Config) wait(ctx context.Context, s *server, own *socketFile) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	watched := watch(c.Watch)
	idle := c.idle()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.tidy()
		if s.store.give() {
			nativemem.Trim()
		}
		if watched() || !own.there() || s.idleFor() > idle {
			return
		}
	}
}

func (c Config) idle() time.Duration {
	if d, err := time.ParseDuration(os.Getenv(IdleEnv)); err == nil && d > 0 {
		return d
	}
	if c.Idle > 0 {
		return c.Idle
	}
	if c.Watch > 0 {
		return 12 * time.Hour
	}
	return 30 * time.Minute
}

// memoryBudget reads a size such as "8GiB", "500MB" or a number of bytes.
func memoryBudget(text string) (int64, error) {
	if text == "" {
		return sysmem.Total() / 10 * 6, nil
	}
	number, unit := text, int64(1)
	for _, u := range units {
		if before, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimSpace(before), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0) || n*float64(unit) > 1<<60 {
		return 0, fmt.Errorf("resident: %s=%q is no size; write it as in \"8GiB\"", MemoryEnv, text)
	}
	return int64(n * float64(unit)), nil
}

var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}
