package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sharedTuples is a pickle whose persistent id holds a tuple of depth 64 in which each
// level holds the one below it twice: 2^64 leaves in some 300 bytes.
func sharedTuples() []byte {
	p := []byte("\x80\x04(\x8c\x07storage)")
	for i := range 64 {
		p = append(p, 0x94, 'h', byte(i), 0x86) // remember it, recall it, make a pair of both
	}
	return append(p, "\x8c\x010\x8c\x03cpuK\x04tQ."...)
}

// zipped is a checkpoint of torch.save's with a pickle and a storage of 16 bytes.
func zipped(t *testing.T, pickle []byte) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range map[string][]byte{"m/data.pkl": pickle, "m/data/0": make([]byte, 16)} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		f.Write(content)
	}
	w.Close()
	return out.Bytes()
}

// text pushes a text of any length.
func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func ggufText(s string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(s)))) + s
}

// An error tells of a file's content in short, and at once, whatever that is.
func TestMessagesAreShort(t *testing.T) {
	long := strings.Repeat("n", 1<<20)
	const storage = "\x80\x04}(" // the dict, and its one item
	tensor := func(shape string) string {
		return "ctorch._utils\n_rebuild_tensor_v2\n((\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x04tQK\x00" +
			shape + shape + "\x89}tR"
	}
	shape := func(n int) string { return "(" + strings.Repeat("K\x01", n) + "t" }
	header := func(json string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(json))), json...)
	}
	gguf := func(rest string) []byte {
		return []byte("GGUF\x03\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x02\x00\x00\x00\x00\x00\x00\x00" + rest)
	}
	for _, c := range []struct {
		name    string
		format  Format
		content []byte
		want    string
	}{
		{"shared tuples", Torch, zipped(t, sharedTuples()), "a storage described by a tuple, text"},
		{"shared tuple called", Torch, zipped(t, bytes.Replace(sharedTuples(), []byte("\x8c\x010\x8c\x03cpuK\x04tQ"), []byte("}R"), 1)), "calls a tuple"},
		{"long global", Torch, zipped(t, []byte("cos\n"+long+"\n.")), "asks for os.nnn"},
		{"bytes for a name", Torch, zipped(t, []byte("}B\x00\x00\x10\x00"+long+"Ns.")), "has bytes for a name"},
		{"long name of a tensor", Torch, zipped(t, []byte(storage+text(long)+tensor(shape(2))+"u.")), ""},
		{"long name of a number", Torch, zipped(t, []byte(storage+text(long)+"K\x01u.")), "is 1, not a tensor"},
		{"many dimensions", Torch, zipped(t, []byte(storage+text("w")+tensor(shape(100_000))+"u.")), "more than 64 dimensions"},
		{"long key of a storage", Torch, zipped(t, []byte("(\x8c\x07storagectorch\nFloatStorage\n"+text(long)+"\x8c\x03cpuK\x04tQ.")), "lacks the entry"},
		{"long dtype", Safetensors, header(`{"w":{"dtype":"` + long + `","shape":[1],"data_offsets":[0,0]}}`), "is not supported"},
		{"long name", Safetensors, header(`{"` + long + `":{"dtype":"F32","shape":[1],"data_offsets":[0,0]}}`), "do not fill"},
		{"many dimensions", Safetensors, header(`{"w":{"dtype":"F32","shape":[2` + strings.Repeat(",1", 100_000) + `],"data_offsets":[0,0]}}`), "do not fill"},
		{"long number", Safetensors, header(`{"w":{"dtype":"F32","shape":[` + strings.Repeat("1", 1<<20) + `],"data_offsets":[0,0]}}`), "cannot unmarshal"},
		{"long key", GGUF, gguf(ggufText(long) + "\x09\x00\x00\x00\x63\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), "unsupported type"},
		{"alignment", GGUF, gguf(ggufText("general.alignment") + "\x08\x00\x00\x00" + ggufText(long) + ggufText("x") + "\x00\x00\x00\x00\x01"), "power of two"},
	} {
		t.Run(fmt.Sprint(c.format, " ", c.name), func(t *testing.T) {
			failed := make(chan error, 1)
			go func() {
				_, _, err := readers[c.format](&mapping{path: "x", bytes: c.content})
				failed <- err
			}()
			select {
			case err := <-failed:
				if c.want == "" && err == nil {
					return
				}
				if err == nil {
					t.Fatal("accepted")
				}
				checkMessage(t, err)
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v does not tell %q", err, c.want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("still busy after 10 s")
			}
		})
	}
	index := `{"weight_map":{"w":"` + long + `.safetensors"}}`
	if _, err := parseIndex("model.safetensors.index.json", []byte(index)); err == nil {
		t.Error("a shard whose name is too long for a file was accepted")
	} else {
		checkMessage(t, err)
	}
}
