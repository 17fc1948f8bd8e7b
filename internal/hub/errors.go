package hub

import (
	"errors"
	"net"
)

// The kinds of errors that a program can act on; see also [fault.ErrUnsupportedFile].
var (
	// ErrUnknownModel says that there is no such file, folder, short name or repository, or
	// that it has not the revision. The hub says the same of what is hidden from this token.
	ErrUnknownModel = errors.New("unknown model")
	// ErrNoAccess says that the repository is there, and that this token may not read it.
	ErrNoAccess = errors.New("no access")
	// ErrOffline says that a model is not on this machine, or not all of it, and that the
	// network is switched off or does not lead to the hub.
	ErrOffline = errors.New("the hub cannot be reached")
)

// unreachable tells whether an error means that there is no network or no server:
// the name was not found, or nobody answered. It is not worth another attempt.
func unreachable(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var far *farError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &far) && far.Unreachable
}
