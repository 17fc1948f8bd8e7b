package hooked

import (
	"errors"

	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/resident"
)

// The kinds of errors that a program can act on, by [errors.Is]. Whatever the kind, the message
// names the thing and what to do about it.
var (
	// ErrUnknownModel says that there is no such file, folder, short name or repository.
	ErrUnknownModel = hub.ErrUnknownModel
	// ErrNoAccess says that the repository is there and that the token in use may not read it.
	ErrNoAccess = hub.ErrNoAccess
	// ErrOffline says that a model is not on this machine and the hub cannot be reached.
	ErrOffline = hub.ErrOffline
	// ErrUnsupportedFile says that a file is there and cannot be used: of an unknown kind or
	// family, with a field or a tensor that is not understood, or damaged.
	ErrUnsupportedFile = fault.ErrUnsupportedFile
	// ErrUnknownHook says that a name, glob or site selects nothing in this model.
	ErrUnknownHook = errors.New("unknown hook")
	// ErrAxes says that a result of [Apply]'s function has not as many axes as are named.
	ErrAxes = errors.New("other axes than are named")
	// ErrOutOfContext says that a text, or what a key-value cache holds and a text, has more
	// tokens than the model has positions.
	ErrOutOfContext = fault.ErrOutOfContext
	// ErrNoWorker says that a notebook's worker is not running and could not be started.
	ErrNoWorker = resident.ErrNoWorker
	// ErrOutOfMemory says that something does not fit into what the worker may take.
	ErrOutOfMemory = resident.ErrOutOfMemory
	// ErrWorkerGone says that the worker has ended, and with it what it held.
	ErrWorkerGone = resident.ErrWorkerGone
)
