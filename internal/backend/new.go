package backend

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/compute"
)

// opened is the process's backend, opened at the first call of New.
var opened struct {
	sync.Mutex
	backend compute.Backend
	choice  Choice
}

// New returns the process's backend and why it was chosen, opening it at the
// first call. All callers share it: buffers of one backend are foreign to
// another, and XLA starts its threads once per backend. A failed attempt is not
// kept, so that the next call tries again.
func New() (compute.Backend, Choice, error) {
	opened.Lock()
	defer opened.Unlock()
	if opened.backend != nil && !opened.backend.IsFinalized() {
		return opened.backend, opened.choice, nil
	}
	choice, err := Choose()
	if err != nil {
		return nil, Choice{}, err
	}
	b, err := open(choice.Config)
	if err != nil {
		return nil, choice, fmt.Errorf("backend %q (%s) did not start: %w", choice.Config, choice.Why, err)
	}
	opened.backend, opened.choice = b, choice
	return b, choice, nil
}

// open makes the backend, turning a constructor's panic into an error.
func open(config string) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = asError(r)
		}
	}()
	name, rest, _ := strings.Cut(config, ":")
	if own := constructors[name]; own != nil {
		return own(rest)
	}
	if name == standIn && !hasXLA(name) {
		return nil, fmt.Errorf("no backend %q in this program", name)
	}
	return compute.NewWithConfig(config)
}

// asError returns what a panic was called with as an error.
func asError(r any) error {
	if err, ok := r.(error); ok {
		return err
	}
	return errors.New(fmt.Sprint(r))
}
