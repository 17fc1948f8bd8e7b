package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
)

// embedded is a queue inside this process, which nobody else can connect to.
type embedded struct {
	server *server.Server
	lock   *flock.Flock
}

// embed starts a server in a folder.
func embed(ctx context.Context, folder string) (*embedded, *conn, error) {
	lock, folder, err := queueFolder(folder)
	if err != nil {
		return nil, nil, brief.Errorf("fleet: the folder of the queue: %w", err)
	}
	e := &embedded{lock: lock}
	e.server, err = server.NewServer(&server.Options{ServerName: "gopherlens", DontListen: true, JetStream: true, StoreDir: folder,
		NoSigs: true, NoLog: true})
	if err != nil {
		e.close()
		return nil, nil, brief.Errorf("fleet: the queue in %s: %w", folder, err)
	}
	e.server.Start()
	if !e.server.ReadyForConnections(connectTime) || !e.server.JetStreamEnabled() {
		e.close()
		return nil, nil, brief.Errorf("fleet: the queue in %s does not start: may files be written there, and has the disk room?", folder)
	}
	c, err := dial(ctx, "", []nats.Option{nats.InProcessServer(e.server)})
	if err != nil {
		e.close()
		return nil, nil, err
	}
	return e, c, nil
}

// queueFolder is a folder that no other process has its queue in, emptied: the one that is asked
// for, or the first of the user's cache that is free.
func queueFolder(wanted string) (*flock.Flock, string, error) {
	for n := 0; ; n++ {
		folder := wanted
		if folder == "" {
			var err error
			if folder, err = cachedir.Join("fleet", fmt.Sprintf("queue-%d", n)); err != nil {
				return nil, "", err
			}
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, "", err
		}
		lock := flock.New(filepath.Join(folder, ".lock"))
		locked, err := lock.TryLock()
		switch {
		case err != nil:
			return nil, "", err
		case locked:
			inner := filepath.Join(folder, "jetstream")
			return lock, folder, os.RemoveAll(inner)
		case wanted != "":
			return nil, "", brief.Errorf("%s has the queue of another process: take another one", folder)
		}
	}
}

func (e *embedded) close() {
	if e == nil {
		return
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	e.lock.Close()
}
