package resident

import (
	"errors"

	"gopherlens/resident/internal/wire"
)

// The kinds of errors that a program can act on, with [errors.Is].
var (
	// ErrNoWorker says that the session has no worker, or that none could be started.
	ErrNoWorker = errors.New("resident: no worker is running for this session")
	// ErrWorkerGone says that the worker has ended, and with it the values that this process
	// held there. A new [New] starts another; buffers and programs of the old one are lost.
	ErrWorkerGone = errors.New("resident: the worker has ended")
	// ErrSilent says that a worker is there and does not answer. It may be suspended, or
	// slow: it is never ended for that, since all that it holds would be lost.
	ErrSilent = errors.New("resident: the worker does not answer")
	// ErrOutOfMemory says that something does not fit into the memory that the worker may
	// take, even with all gone that can be made again.
	ErrOutOfMemory = wire.ErrOutOfMemory
)
