package dictionary_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
)

// What is saved in bfloat16 takes half the room, says so, and is read as its values rounded to
// eight significant bits.
func TestSaveRounded(t *testing.T) {
	d := hooked.Must(dictionary.Load("testdata/saes/standard_z"))
	sizes := make(map[hooked.DType]int64)
	for _, how := range []hooked.DType{hooked.F32, hooked.BF16} {
		folder := filepath.Join(t.TempDir(), "saved")
		if err := d.Save(folder, dictionary.SaveOptions{DType: how}); err != nil {
			t.Fatal(err)
		}
		var cfg struct{ DType string }
		if err := json.Unmarshal(hooked.Must(os.ReadFile(filepath.Join(folder, "cfg.json"))), &cfg); err != nil || cfg.DType != string(how) {
			t.Errorf("cfg.json says %q (%v), want %q", cfg.DType, err, how)
		}
		sizes[how] = hooked.Must(os.Stat(filepath.Join(folder, "sae_weights.safetensors"))).Size()
		back := hooked.Must(dictionary.Load(folder))
		most := map[hooked.DType]float64{hooked.F32: 0, hooked.BF16: 1.0 / 256}[how]
		rounded := false
		for name, w := range d.Weights {
			got := back.Weights[name].Float32s()
			for i, v := range w.Float32s() {
				off := math.Abs(float64(got[i] - v))
				rounded = rounded || off > 0
				if !(off <= most*math.Abs(float64(v))) {
					t.Fatalf("%s: %s[%d] is %v, saved was %v", how, name, i, got[i], v)
				}
			}
		}
		if rounded != (how == hooked.BF16) {
			t.Errorf("%s: values were rounded: %v", how, rounded)
		}
	}
	if !(sizes[hooked.BF16] < sizes[hooked.F32]*6/10) {
		t.Errorf("the files have %v bytes", sizes)
	}
	err := d.Save(filepath.Join(t.TempDir(), "saved"), dictionary.SaveOptions{DType: "int8"})
	if err == nil || !strings.Contains(err.Error(), "bfloat16") {
		t.Errorf("int8: %v", err)
	}
}
