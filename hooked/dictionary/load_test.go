package dictionary_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// changed is a copy of a dictionary's folder whose cfg.json has other fields; nil takes one out.
func changed(t *testing.T, dir string, fields map[string]any) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(filepath.Dir(dir)), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(to, "cfg.json")
	if _, err := os.Stat(file); err != nil {
		file = filepath.Join(to, "config.json")
	}
	var values map[string]any
	golden.JSON(t, file, &values)
	for name, v := range fields {
		switch {
		case strings.HasPrefix(name, "metadata."):
			values["metadata"].(map[string]any)[strings.TrimPrefix(name, "metadata.")] = v
		case v == nil:
			delete(values, name)
		default:
			values[name] = v
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// What a file says and this package does not know is refused by its name.
func TestRefused(t *testing.T) {
	const standard, topk, batch, transcoder = "testdata/saes/standard_z", "testdata/saes/topk_rescale_resid", "testdata/saes/batchtopk_resid/training",
		"testdata/saes/skip_transcoder_mlp"
	const old, sparsify = "testdata/layouts/saelens_v3_hook_point", "testdata/layouts/sparsify/layers.1"
	const scope2 = "testdata/layouts/gemma_scope2_transcoder/transcoder/layer_1_width_16k_l0_medium_affine"
	for _, test := range []struct {
		dir    string
		fields map[string]any
		want   []string
	}{
		{standard, map[string]any{"architecture": "crosscoder"}, []string{"crosscoder", "known"}},
		{standard, map[string]any{"architecture": "jumpreul"}, []string{"jumpreul", `"jumprelu"`}},
		{standard, map[string]any{"input_scale": 2.0}, []string{"input_scale", "2"}},
		{standard, map[string]any{"normalize_activations": "covariance_whitening"}, []string{"covariance_whitening", "layer_norm"}},
		{standard, map[string]any{"reshape_activations": "hook_q"}, []string{"reshape_activations", "hook_q"}},
		{standard, map[string]any{"d_in": 23}, []string{"W_dec", "[96 24]", "23"}},
		{standard, map[string]any{"d_in": 24.5}, []string{"d_in", "24.5"}},
		{standard, map[string]any{"d_in": nil}, []string{"d_in", "missing"}},
		{standard, map[string]any{"d_sae": "96"}, []string{"d_sae", "96"}},
		{standard, map[string]any{"apply_b_dec_to_input": "yes"}, []string{"apply_b_dec_to_input", "yes"}},
		{standard, map[string]any{"k": 5}, []string{`"k"`}},
		{standard, map[string]any{"metadata.hook_head_index": 3}, []string{"hook_head_index", "one head"}},
		{standard, map[string]any{"metadata.hook_name": nil}, []string{"LoadOptions.Hook"}},
		{standard, map[string]any{"metadata.hook_name": "blocks.1.hook_resid_pre"}, []string{"hook_z", "resid_pre"}},
		{standard, map[string]any{"metadata.hook_name_out": "blocks.1.hook_mlp_out"}, []string{"hook_name_out"}},
		{standard, map[string]any{"metadata": 3}, []string{"metadata", "3"}},
		{topk, map[string]any{"k": 9.5}, []string{"9.5", "whole"}},
		{topk, map[string]any{"k": 0}, []string{"k is 0"}},
		{topk, map[string]any{"k": 151}, []string{"151", "150"}},
		{batch, map[string]any{"architecture": "matryoshka_batchtopk", "matryoshka_widths": []int{40, 12}}, []string{"matryoshka_widths"}},
		{batch, map[string]any{"matryoshka_widths": []int{12}}, []string{"matryoshka_widths"}},
		{batch, map[string]any{"architecture": "topk", "k": 6}, []string{"topk_threshold", "topk"}},
		{transcoder, map[string]any{"apply_b_dec_to_input": true}, []string{"apply_b_dec_to_input"}},
		{transcoder, map[string]any{"metadata.hook_name_out": nil}, []string{"hook_name_out"}},
		{transcoder, map[string]any{"architecture": "transcoder"}, []string{"W_skip", "transcoder"}},
		{old, map[string]any{"activation_fn_str": "tanh-relu"}, []string{"tanh-relu", "relu"}},
		{old, map[string]any{"activation_fn_kwargs": map[string]any{"slope": 2}}, []string{"slope"}},
		{old, map[string]any{"finetuning_scaling_factor": true}, []string{"finetuning_scaling_factor"}},
		{old, map[string]any{"hook_point_head_index": 2}, []string{"head"}},
		{old, map[string]any{"input_scale": 2.0}, []string{"input_scale"}},
		{sparsify, map[string]any{"transcode": true}, []string{"transcode"}},
		{sparsify, map[string]any{"activation": "groupmax"}, []string{"groupmax"}},
		{sparsify, map[string]any{"hookpoint": "x"}, []string{"hookpoint"}},
		{scope2, map[string]any{"architecture": "topk"}, []string{"jump_relu"}},
		{scope2, map[string]any{"type": "crosscoder"}, []string{"crosscoder"}},
		{scope2, map[string]any{"affine_connection": false}, []string{"W_skip"}},
	} {
		_, err := dictionary.Load(changed(t, test.dir, test.fields))
		if err == nil {
			t.Errorf("%s with %v: no error", test.dir, test.fields)
			continue
		}
		if !errors.Is(err, hooked.ErrUnsupportedFile) {
			t.Errorf("%v is no ErrUnsupportedFile", err)
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %v: %q says nothing of %q", test.dir, test.fields, err, want)
			}
		}
	}
}

// What changes nothing is taken: settings of a run, null, and what older versions wrote.
func TestTaken(t *testing.T) {
	for _, test := range []struct {
		dir    string
		fields map[string]any
	}{
		{"testdata/saes/standard_z", map[string]any{"device": "cuda:3", "dtype": "bfloat16", "l1_coefficient": 2.0, "metadata.anything": []int{1}}},
		{"testdata/layouts/saelens_v3_hook_point", map[string]any{"lr": 4e-4, "wandb_project": "x", "l1_coefficient": 8e-5, "n_batches_in_buffer": 128,
			"is_dataset_tokenized": true, "use_ghost_grads": false, "feature_sampling_window": 1000, "hook_point_head_index": nil, "cached_activations_path": nil,
			"b_dec_init_method": "mean", "store_batch_size": 32, "log_to_wandb": true, "checkpoint_path": "x", "expansion_factor": 32}},
		{"testdata/layouts/saelens_v5", map[string]any{"finetuning_scaling_factor": false, "neuronpedia_id": "gpt2-small/8-res-jb", "activation_fn_kwargs": map[string]any{},
			"dataset_trust_remote_code": true, "model_from_pretrained_kwargs": map[string]any{"center_writing_weights": true}, "seqpos_slice": []any{nil}}},
	} {
		d, err := dictionary.Load(changed(t, test.dir, test.fields))
		if err != nil {
			t.Errorf("%s with %v: %v", test.dir, test.fields, err)
			continue
		}
		plain := hooked.Must(dictionary.Load(test.dir))
		if d.Config.String() != plain.Config.String() {
			t.Errorf("%s, want %s", d.Config, plain.Config)
		}
	}
}

// Older files hold the logarithm of the threshold, and a factor of ones.
func TestOlderWeights(t *testing.T) {
	const dir = "testdata/saes/jumprelu_resid"
	plain := hooked.Must(dictionary.Load(dir))
	to := changed(t, dir, nil)
	file := filepath.Join(to, "sae_weights.safetensors")
	sd := hooked.Must(hooked.ReadArrays(file))
	write := func(sd hooked.StateDict) error {
		if err := sd.Save(file); err != nil {
			t.Fatal(err)
		}
		_, err := dictionary.Load(to)
		return err
	}
	log := *sd["threshold"]
	log.Data = append([]float32(nil), log.Data...)
	for i, v := range log.Data {
		log.Data[i] = float32(math.Log(float64(v)))
	}
	ones := hooked.NewArray(len(log.Data))
	for i := range ones.Data {
		ones.Data[i] = 1
	}
	older := maps.Clone(sd)
	delete(older, "threshold")
	older["log_threshold"], older["scaling_factor"] = &log, ones
	if err := write(older); err != nil {
		t.Fatal(err)
	}
	d := hooked.Must(dictionary.Load(to))
	golden.Close(t, "threshold", d.Weights["threshold"].Float32s(), plain.Weights["threshold"].Float32s(), golden.Tolerance{Rel: 1e-6})

	ones.Data[5] = 1.5
	for name, bad := range map[string]hooked.StateDict{
		"scaling_factor": older,
		"threshold":      {"W_enc": sd["W_enc"], "W_dec": sd["W_dec"], "b_enc": sd["b_enc"], "b_dec": sd["b_dec"]},
		"W_extra":        {"W_extra": ones, "W_enc": sd["W_enc"], "W_dec": sd["W_dec"], "b_enc": sd["b_enc"], "b_dec": sd["b_dec"], "threshold": sd["threshold"]},
	} {
		if err := write(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sd["b_enc"].Data[7] = float32(math.NaN())
	if err := write(sd); err == nil || !strings.Contains(err.Error(), "value 7") {
		t.Errorf("a weight that is NaN: %v", err)
	}
}

// The name of a site may be given where nothing says it, and must not contradict what does.
func TestHookOption(t *testing.T) {
	to := filepath.Join(t.TempDir(), "plain")
	if err := os.CopyFS(to, os.DirFS("testdata/layouts/gemma_scope_res/layer_1/width_16k/average_l0_71")); err != nil {
		t.Fatal(err)
	}
	if _, err := dictionary.Load(to); err == nil || !strings.Contains(err.Error(), "LoadOptions.Hook") {
		t.Errorf("without a site: %v", err)
	}
	d, err := dictionary.Load(filepath.Join(to, "params.npz"), dictionary.LoadOptions{Hook: "blocks.2.hook_resid_post"})
	if err != nil || d.Config.Hook != "blocks.2.hook_resid_post" || d.Config.HookOut != d.Config.Hook {
		t.Errorf("%v %v", d, err)
	}
	if d, err = dictionary.Load(to, dictionary.LoadOptions{Hook: "blocks.2.hook_mlp_in", HookOut: "blocks.2.hook_mlp_out"}); err != nil || d.Config.Kind != dictionary.JumpReLUTranscoder {
		t.Errorf("as a transcoder: %v %v", d, err)
	}
	if d, err = dictionary.Load(to, dictionary.LoadOptions{Hook: "blocks.2.attn.hook_z"}); err != nil || !d.Config.FlattenHeads {
		t.Errorf("of heads: %v %v", d, err)
	}
	if _, err := dictionary.Load("testdata/saes/standard_z", dictionary.LoadOptions{Hook: "blocks.2.hook_resid_post"}); err == nil ||
		!strings.Contains(err.Error(), "blocks.1.attn.hook_z") {
		t.Errorf("a contradiction: %v", err)
	}
	if _, err := dictionary.Load("testdata"); err == nil || !strings.Contains(err.Error(), "sae_weights.safetensors") {
		t.Errorf("a folder without a dictionary: %v", err)
	}
	if _, err := dictionary.Load("no/such/folder", dictionary.LoadOptions{Offline: true}); !errors.Is(err, hooked.ErrOffline) {
		t.Errorf("nothing on disk: %v", err)
	}
	if _, err := dictionary.Load("no such folder"); !errors.Is(err, hooked.ErrUnknownModel) {
		t.Errorf("no name: %v", err)
	}
}
