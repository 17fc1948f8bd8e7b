package hooked_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// ropeLengths are the lengths of the texts in testdata/rope: below the original context, at it, one
// above, far above.
var ropeLengths = []int{12, 16, 17, 46}

func forEachRope(t *testing.T, test func(t *testing.T, dir string, be compute.Backend)) {
	dirs, err := filepath.Glob("testdata/rope/*/config.json")
	if err != nil || len(dirs) != 13 {
		t.Fatal("fixtures are missing in testdata/rope", dirs, err)
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, path := range dirs {
			dir := filepath.Dir(path)
			if name := filepath.Base(dir); !golden.LeftOut(be, name, "dynamic", "longrope", "yarn_mscale") {
				t.Run(name, func(t *testing.T) { test(t, dir, be) })
			}
		}
	})
}

// TestRope compares logits and the first layer's output with Hugging Face, in every spelling of the
// configuration. Lengths go down as well as up: nothing of a longer text may stay behind.
func TestRope(t *testing.T) {
	forEachRope(t, func(t *testing.T, dir string, be compute.Backend) {
		_, tol := readSparse(t, dir)
		file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
		m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
		for _, n := range []int{46, 12, 17, 16} {
			tokens := hooked.Tokens(file.Ints(fmt.Sprintf("%d/tokens", n)))
			logits, cache := hooked.Must2(m.RunWithCache(tokens))
			compare(t, file, fmt.Sprintf("%d/hf_logits", n), logits, tol)
			compare(t, file, fmt.Sprintf("%d/resid_post_0", n), cache.Get("resid_post", 0), tol)
		}
		others, _ := filepath.Glob(filepath.Join(dir, "config_*.json"))
		want := hooked.Must(hooked.ReadConfig(dir))
		for _, other := range others {
			if got := hooked.Must(hooked.ReadConfigFile(other)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n got %+v\nwant %+v", other, got, want)
			}
		}
	})
}

// TestRopeSteps reads the texts token by token on a key-value cache, and some of them in two parts.
// Keys are cached before rotation, so the last token's logits are those of the whole text.
func TestRopeSteps(t *testing.T) {
	forEachRope(t, func(t *testing.T, dir string, be compute.Backend) {
		_, tol := readSparse(t, dir)
		file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
		m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
		for _, n := range ropeLengths {
			row := file.Ints(fmt.Sprintf("%d/tokens", n))[0]
			want, shape := file.Floats(fmt.Sprintf("%d/hf_logits", n))
			want = want[len(want)-shape[2]:]
			for _, prefill := range []int{1, n - 1} {
				kv := m.NewKVCache(1)
				logits := hooked.Must(m.Run(row[:prefill], hooked.WithKV(kv)))
				for _, token := range row[prefill:] {
					logits = hooked.Must(m.Run([]int{token}, hooked.WithKV(kv)))
				}
				golden.Close(t, fmt.Sprintf("%d tokens, the first %d at once", n, prefill), logits.At(0, -1).Float32s(), want, tol)
			}
		}
	})
}

// TestRopeOfBatch runs a short text beside a long one: the length that dynamic scaling sees is the
// padded batch's, so that the short row gets the long one's angles.
func TestRopeOfBatch(t *testing.T) {
	for _, name := range []string{"dynamic", "longrope"} {
		dir := filepath.Join("testdata/rope", name)
		_, tol := readSparse(t, dir)
		file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
		m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		long := file.Ints("46/tokens")[0]
		short := append(append([]int(nil), long[:12]...), make([]int, len(long)-12)...)
		logits := hooked.Must(m.Run([][]int{long, short}))
		want, shape := file.Floats("46/hf_logits")
		golden.Close(t, name+": the long row", logits.At(0).Float32s(), want, tol)
		golden.Close(t, name+": the short row", logits.At(1, hooked.Range{0, 12}).Float32s(), want[:12*shape[2]], tol)
	}
}

// TestRopeSu reads one of the first files of Phi 3, which call the scaling "su"; Hugging Face fails
// on it today.
func TestRopeSu(t *testing.T) {
	su := hooked.Must(os.ReadFile("testdata/rope/phi3_longrope/config_v4_su.json"))
	dir := copied(t, "testdata/rope/phi3_longrope")
	write(t, filepath.Join(dir, "config.json"), su)
	m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	file := golden.Open(t, "testdata/rope/phi3_longrope/golden.safetensors")
	_, tol := readSparse(t, "testdata/rope/phi3_longrope")
	compare(t, file, "46/hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("46/tokens")))), tol)
}

// TestRopeOfEditedCache refuses to compute anew what was computed under an edit: it would be lost.
func TestRopeOfEditedCache(t *testing.T) {
	dir := "testdata/rope/dynamic"
	file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
	m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	row := file.Ints("46/tokens")[0]
	kv := m.NewKVCache(1)
	hooked.Must(m.Run(row[:16], hooked.WithKV(kv), hooked.Edit(hooked.AttnZ.At(0), hooked.ZeroHead(0))))
	if _, err := m.Run(row[16:17], hooked.WithKV(kv)); err == nil || !strings.Contains(err.Error(), "edits") {
		t.Errorf("error %v, want one that names the edits", err)
	}
	if kv.Len() != 16 {
		t.Errorf("the refused run left %d positions", kv.Len())
	}
}
