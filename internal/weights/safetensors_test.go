package weights_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// safetensorsFile writes a file with the given header text and size of data.
func safetensorsFile(t *testing.T, header string, dataSize int) string {
	t.Helper()
	text := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	text = append(append(text, header...), make([]byte, dataSize)...)
	return writeFile(t, "bad.safetensors", text)
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// badHeaders are headers over 8 bytes of data, each with one fault, and a part of
// the error that it must give.
var badHeaders = []struct{ fault, header, want string }{
	{"not JSON", `nonsense`, "not a safetensors header"},
	{"an array", `[]`, "not a safetensors header"},
	{"cut off", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]`, "not a safetensors header"},
	{"text after it", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}{}`, "something follows"},
	{"no offsets", `{"a":{"dtype":"F32","shape":[2]}}`, "data_offsets"},
	{"three offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, "data_offsets"},
	{"offsets not whole", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.5]}}`, "not a safetensors header"},
	{"past the end", `{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, "0 to 16 of 8 bytes"},
	{"before the beginning", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, "begin at -8"},
	{"end before start", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,-8]}}`, "0 to -8"},
	{"gap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "begin at 4"},
	{"overlap", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, `tensor "b": its data begin at 4`},
	{"not all described", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "4 bytes of data are described"},
	{"shape too small", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, "do not fill"},
	{"negative shape", `{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, "do not fill"},
	{"shape that overflows", `{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}`, "do not fill"},
	{"shape that overflows to the right size", `{"a":{"dtype":"F32","shape":[4611686018427387905,2],"data_offsets":[0,8]}}`, "do not fill"},
	{"unknown type", `{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}`, `type "F4" is not supported`},
	{"a type of ggml", `{"a":{"dtype":"Q4_0","shape":[2],"data_offsets":[0,8]}}`, `type "Q4_0" is not supported`},
	{"name twice", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "occurs twice"},
	{"metadata not strings", `{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "__metadata__"},
}

func TestBadHeader(t *testing.T) {
	for _, c := range badHeaders {
		t.Run(c.fault, func(t *testing.T) {
			path := safetensorsFile(t, c.header, 8)
			f, err := weights.Open(path)
			if err == nil {
				f.Close()
				t.Fatal("the file was accepted")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not tell the file and %q", err, c.want)
			}
		})
	}
}

func TestHeaderLengthLies(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty":         {},
		"seven bytes":   make([]byte, 7),
		"longer":        append(binary.LittleEndian.AppendUint64(nil, 3), "{}"...),
		"wraps int64":   append(binary.LittleEndian.AppendUint64(nil, 1<<63), "{}"...),
		"all bits set":  append(binary.LittleEndian.AppendUint64(nil, 1<<64-1), "{}"...),
		"ends too soon": append(binary.LittleEndian.AppendUint64(nil, 1), "{}"...),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := weights.Open(writeFile(t, "bad.safetensors", content))
			if err == nil {
				f.Close()
				t.Fatal("the file was accepted")
			}
			if !strings.Contains(err.Error(), "damaged or incomplete: fetch it again") {
				t.Errorf("error %q does not say what to do", err)
			}
		})
	}
}
