package xla

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNameless(t *testing.T) {
	for in, want := range map[string]string{
		"module @a {\nfunc.func @main":                                " {\nfunc.func @main",
		"module @b {\nfunc.func @main":                                " {\nfunc.func @main",
		"module @Exec_3 attributes {stablehlo.num_replicas = 2} {\n}": " attributes {stablehlo.num_replicas = 2} {\n}",
		"module @":       "module @",
		"module @a":      "module @a",
		"module {\n}":    "module {\n}",
		"":               "",
		"HLO module @a ": "HLO module @a ",
	} {
		if got := string(nameless([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Variables that may decide code are told apart from those that do not, in whatever order they are
// set; files that explain a program are written only where it is compiled.
func TestEnvironment(t *testing.T) {
	flags := filepath.Join(t.TempDir(), "flags")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(flags, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XLA_FLAGS", "")
	plain, ok := environment()
	if !ok {
		t.Fatal("nothing is kept without flags")
	}
	seen := []string{plain}
	for _, v := range [][2]string{{"XLA_FLAGS", "--xla_a=1"}, {"XLA_FLAGS", "--xla_a=2"}, {"XLA_DEBUG_OPTIONS", "xla_a: 1"},
		{"TF_ENABLE_ONEDNN_OPTS", "0"}, {"PJRT_NPROC", "1"}, {"NPROC", "1"}} {
		t.Setenv(v[0], v[1])
		text, ok := environment()
		if !ok || slices.Contains(seen, text) {
			t.Errorf("%s=%s decides nothing", v[0], v[1])
		}
		seen = append(seen, text)
	}
	for _, v := range []string{"TF_CPP_MIN_LOG_LEVEL", "NPROCESSES", "HOME", "GOPHERLENS_TEST", "PJRT_PLUGIN_LIBRARY_PATH"} {
		t.Setenv(v, "another")
		if text, _ := environment(); text != seen[len(seen)-1] {
			t.Errorf("%s decides something", v)
		}
	}
	t.Setenv("XLA_FLAGS", flags)
	if _, ok := environment(); ok {
		t.Error("a file of flags that is not there decides nothing")
	}
	write("--xla_a=1")
	one, ok := environment()
	write("--xla_a=2")
	if two, also := environment(); !ok || !also || one == two {
		t.Error("what is in a file of flags decides nothing")
	}
	write("--xla_dump_to=/tmp/x")
	if _, ok := environment(); ok {
		t.Error("programs are taken from disk that are to be explained")
	}
}

func TestProcessor(t *testing.T) {
	if len(processor()) < 20 {
		t.Errorf("the processor is %q", processor())
	}
	a, b := fixedParts([]byte("x"), 0, 1), fixedParts([]byte("y"), 0, 1)
	if slices.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) }) {
		t.Error("the plugin decides nothing")
	}
}
