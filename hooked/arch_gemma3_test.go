package hooked_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
)

// No fixture of a Gemma 3 exists, so these tests prove what it has and Gemma 2, which has a
// fixture, has not: a norm on q and k, and a rotary base for each kind of layer. Their model is
// Gemma 2's fixture with such norms.
const (
	// rotary bases, and what global positions are divided by
	gemma3Global, gemma3Local, gemma3Factor = 1e6, 1e4, 8.0
	gemma3Layers, gemma3Window              = 4, 5
)

var (
	gemma3Older = map[string]any{"sliding_window_pattern": 2, "rope_theta": gemma3Global, "rope_local_base_freq": gemma3Local,
		"rope_scaling": map[string]any{"rope_type": "linear", "factor": gemma3Factor}, "rope_parameters": nil, "layer_types": nil}
	gemma3Newer = map[string]any{"_sliding_window_pattern": 2, "rope_parameters": map[string]any{
		"full_attention":    map[string]any{"rope_type": "linear", "factor": gemma3Factor, "rope_theta": gemma3Global},
		"sliding_attention": map[string]any{"rope_type": "default", "rope_theta": gemma3Local}}}
)

// gemma3Norms are the weights w of the norms on q and k, as in a checkpoint: the norm multiplies by
// 1 + w.
func gemma3Norms(width int) []float32 {
	w := make([]float32, width)
	for i := range w {
		w[i] = float32(i)/10 - 0.3
	}
	return w
}

func gemma3(t *testing.T, spelling map[string]any) *hooked.Model {
	t.Helper()
	dir := copied(t, "testdata/arch/gemma2")
	var config map[string]any
	golden.JSON(t, filepath.Join(dir, "config.json"), &config)
	editConfig(t, dir, spelling)
	editConfig(t, dir, map[string]any{"architectures": []string{"Gemma3ForCausalLM"}, "model_type": "gemma3_text",
		"attn_logit_softcapping": nil, "final_logit_softcapping": nil})
	file := hooked.Must(weights.Open(filepath.Join("testdata/arch/gemma2/model.safetensors")))
	defer file.Close()
	var tensors []weights.Named
	for tensor, err := range file.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, weights.FromTensor(tensor))
	}
	width := int(config["head_dim"].(float64))
	for l := range gemma3Layers {
		for _, which := range "qk" {
			name := fmt.Sprintf("model.layers.%d.self_attn.%c_norm.weight", l, which)
			tensors = append(tensors, weights.FromFloat32s(name, []int{width}, gemma3Norms(width)))
		}
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), nil, tensors); err != nil {
		t.Fatal(err)
	}
	return hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
}

// TestGemma3Config reads both spellings of a configuration.
func TestGemma3Config(t *testing.T) {
	older, newer := gemma3(t, gemma3Older).Config(), gemma3(t, gemma3Newer).Config()
	older.ModelName, newer.ModelName = "", ""
	if !reflect.DeepEqual(older, newer) {
		t.Errorf("\n older %+v\n newer %+v", older, newer)
	}
	got := hooked.Must(json.Marshal(newer.AttnTypes))
	if want := `["local","global","local","global"]`; string(got) != want {
		t.Errorf("layers %s, want %s", got, want)
	}
}

// TestGemma3Rotation computes from hook_q and hook_k what hook_rot_q and hook_rot_k should be.
func TestGemma3Rotation(t *testing.T) {
	m := gemma3(t, gemma3Newer)
	_, cache := hooked.Must2(m.RunWithCache([]int{3, 1, 4, 1, 5, 9, 2, 6, 5}))
	for l := range gemma3Layers {
		base, factor := gemma3Local, 1.0
		if l%2 == 1 {
			base, factor = gemma3Global, gemma3Factor
		}
		for _, which := range []string{"q", "k"} {
			x := cache.Get(which, l)
			want := rotated(x.Float32s(), x.Shape(), base, factor, m.Config().Eps)
			golden.Close(t, fmt.Sprintf("layer %d, rot_%s", l, which), cache.Get("rot_"+which, l).Float32s(), want, golden.Default)
		}
	}
}

// rotated normalizes each head of x [1, pos, head, d_head], multiplies it by 1 + w, and turns its
// pairs (i, i + d_head/2) by pos / factor / base^(2i/d_head).
func rotated(x []float32, shape []int, base, factor, eps float64) []float32 {
	heads, width := shape[2], shape[3]
	w := gemma3Norms(width)
	out := make([]float32, len(x))
	for row := range len(x) / width {
		head := x[row*width : (row+1)*width]
		var square float64
		for _, v := range head {
			square += float64(v) * float64(v)
		}
		scale := math.Sqrt(square/float64(width) + eps)
		value := func(i int) float64 { return float64(head[i]) / scale * (1 + float64(w[i])) }
		for i := range width / 2 {
			angle := float64(row/heads) / factor / math.Pow(base, 2*float64(i)/float64(width))
			a, b := value(i), value(i+width/2)
			out[row*width+i] = float32(a*math.Cos(angle) - b*math.Sin(angle))
			out[row*width+i+width/2] = float32(b*math.Cos(angle) + a*math.Sin(angle))
		}
	}
	return out
}

// TestGemma3Windows checks which layers look further back than the window.
func TestGemma3Windows(t *testing.T) {
	m := gemma3(t, gemma3Older)
	_, cache := hooked.Must2(m.RunWithCache([]int{3, 1, 4, 1, 5, 9, 2, 6, 5}))
	for l := range gemma3Layers {
		last := cache.Get("pattern", l).At(0, 0, -1).Float32s() // of head 0, the last query
		for key, weight := range last {
			visible := l%2 == 1 || key >= len(last)-gemma3Window
			if visible != (weight > 0) {
				t.Errorf("layer %d: the last query gives key %d the weight %v", l, key, weight)
			}
		}
	}
}
