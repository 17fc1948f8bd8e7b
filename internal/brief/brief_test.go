package brief_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/brief"
)

// What is short prints as fmt prints it.
func TestShort(t *testing.T) {
	type dtype string
	for _, c := range []struct {
		format string
		arg    any
		want   string
	}{
		{"%q", "name", `"name"`},
		{"%s", dtype("F32"), "F32"},
		{"%v", []int{2, 3}, "[2 3]"},
		{"%d", []int{}, "[]"},
		{"%q", []string{"a b", "c"}, `["a b" "c"]`},
		{"%q", []byte("PK"), `"PK"`},
		{"%v", 2.5, "2.5"},
		{"%v", nil, "<nil>"},
		{"%v", true, "true"},
		{"%s", time.Second, "1s"},
		{"%#x", byte(255), "0xff"},
		{"%T", struct{ A int }{}, "struct { A int }"},
		{"%T", []int{2}, "[]int"},
		{"%T", dtype("F32"), "brief_test.dtype"},
		{"100%% %T", errors.New, "100% func(string) error"},
	} {
		if got := brief.Sprintf(c.format, c.arg); got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.format, c.arg, got, c.want)
		}
	}
}

// The type is that of its own argument.
func TestTypes(t *testing.T) {
	if got, want := brief.Sprintf("%v of type %T for %q", 3, []string{"a"}, "b"), `3 of type []string for "b"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := brief.Errorf("%*d, %T: %w", 3, 7, map[string]int{}, io.EOF), "  7, map[string]int: EOF"; got.Error() != want || !errors.Is(got, io.EOF) {
		t.Errorf("%v, want %s", got, want)
	}
}

// What is long, or shares its parts as a graph, prints in short and at once.
func TestLong(t *testing.T) {
	shared := []any{1}
	for range 100 {
		shared = []any{shared, shared} // 2^100 leaves
	}
	long := strings.Repeat("ä", 1<<20)
	for _, c := range []struct {
		arg  any
		want string
	}{
		{long, "(2097152 bytes)"},
		{[]byte(long), "(2097152 bytes)"},
		{make([]int, 1000), "[0 0 0 0 0 0 0 0 ... (1000 in all)]"},
		{[]string{long, "b"}, "(2097152 bytes)"},
		{shared, "2 of interface {}"},
		{map[string]any{"x": shared}, "a map[string]interface {}"},
		{struct{ x any }{shared}, "a struct"},
		{errors.New(long), "(2097152 bytes)"},
	} {
		got := brief.Sprintf("%v", c.arg)
		if len(got) > 1000 || !strings.Contains(got, c.want) {
			t.Errorf("%.300s (%d bytes), want %s", got, len(got), c.want)
		}
		if strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%.300s cuts a letter", got)
		}
	}
}

func TestErrorf(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: strings.Repeat("x", 10_000), Err: fs.ErrNotExist}
	err := brief.Errorf("reading: %w", cause)
	if !errors.Is(err, fs.ErrNotExist) || len(err.Error()) > 1000 {
		t.Errorf("%d bytes of %.300v", len(err.Error()), err)
	}
}

func TestNames(t *testing.T) {
	if got := brief.Names([]string{"a", "b"}); got != "a, b" {
		t.Error(got)
	}
	if got := brief.Names(make([]string, 1000)); !strings.HasSuffix(got, ", ... (1000 in all)") {
		t.Error(got)
	}
}
