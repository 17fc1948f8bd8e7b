package xla

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// This file knows what decides the machine code of a program beside the program itself.

// layout is the version of what is hashed.
const layout = "1"

// fixedParts are what decides all programs of a plugin on this machine alike, nil if the processor
// is not known.
func fixedParts(plugin []byte, major, minor int) (parts [][]byte) {
	cpu := processor()
	if cpu == "" {
		return nil
	}
	for _, text := range []string{
		layout,
		string(plugin),
		strconv.Itoa(major) + "." + strconv.Itoa(minor),
		runtime.GOOS, runtime.GOARCH,
		cpu,
		strconv.Itoa(runtime.NumCPU()), // XLA cuts loops into so many parts
	} {
		parts = append(parts, []byte(text))
	}
	return parts
}

// deciding are the names of environment variables that XLA and the libraries in it read and that
// may decide code; those of logs do not.
var deciding = regexp.MustCompile(`^(XLA_|TF_|JAX_|LLVM_|ONEDNN_|DNNL_|YNN|XNN|NVIDIA_|CUDA_|CUDNN_|CUBLAS_|PJRT_NPROC=|NPROC=|OMP_NUM_THREADS=)`)

const logs = "TF_CPP_"

// environment are the variables that may decide code, sorted. A file of flags counts with its
// content. It is not ok where compiling is wanted for what it does beside, which is writing files
// that explain the program.
func environment() (text string, ok bool) {
	var found []string
	for _, variable := range os.Environ() {
		if deciding.MatchString(variable) && !strings.HasPrefix(variable, logs) {
			found = append(found, variable)
		}
	}
	flags, err := xlaFlags()
	if err != nil {
		return "", false
	}
	if flags != os.Getenv(flagsVariable) {
		found = append(found, flags)
	}
	slices.Sort(found)
	text = strings.Join(found, "\x00")
	return text, !strings.Contains(text, "xla_dump")
}

// The name that go-xla writes first tells which shape an executor met first, and decides nothing.
var module = []byte("module @")

// nameless is a program's text without its name, so that another order of calls finds it.
func nameless(code []byte) []byte {
	rest, ok := bytes.CutPrefix(code, module)
	if !ok {
		return code
	}
	if end := bytes.IndexAny(rest, " {\n"); end >= 0 {
		return rest[end:]
	}
	return code
}
