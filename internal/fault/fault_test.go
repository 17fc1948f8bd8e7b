package fault_test

import (
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
