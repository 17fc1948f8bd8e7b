package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"gopherlens/internal/fault"
)

func TestMark(t *testing.T) {
	err := fault.Mark(fmt.Errorf("reading x: %w", fs.ErrNotExist), fault.ErrUnsupportedFile)
	if got := err.Error(); got != "reading x: file does not exist" {
		t.Errorf("the text became %q", got)
	}
	for _, kind := range []error{fs.ErrNotExist, fault.ErrUnsupportedFile} {
		if !errors.Is(fmt.Errorf("outer: %w", err), kind) {
			t.Errorf("%v is lost", kind)
		}
	}
	if errors.Is(err, fault.ErrOutOfContext) {
		t.Error("it has a kind that nobody gave it")
	}
	if fault.Mark(nil, fault.ErrUnsupportedFile) != nil {
		t.Error("no error became one")
	}
}

// TestEnded checks what a program finds in the error of a context that has ended.
func TestEnded(t *testing.T) {
	why := errors.New("the cell was interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := fault.Ended(ctx, "step %d", 1); err != nil {
		t.Errorf("before it has ended: %v", err)
	}
	cancel(why)
	err := fault.Ended(ctx, "after %d steps", 1)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("%v: context.Canceled or its cause is lost", err)
	}
	if got := err.Error(); got != "after 1 steps: context canceled (the cell was interrupted)" {
		t.Errorf("the text is %q", got)
	}
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	if err := fault.Ended(late, "late"); err.Error() != "late: context deadline exceeded" {
		t.Errorf("of a deadline: %v", err)
	}
}
