package main

import (
	"encoding/json"
	"strings"
	"testing"

	"gopherlens/hooked"
)

// TestModelsShow shows a folder, as text and as JSON, and what is not there.
func TestModelsShow(t *testing.T) {
	const folder = "../../hooked/testdata/arch/llama"
	text, status := gopherlensOut(t, nil, "models", "show", folder)
	for _, want := range []string{"family Llama", "class LlamaForCausalLM", "3 layers, d_model 36, 6 heads of 6 over 2 key-value heads", "stored as F32", "it loads"} {
		if status != 0 || !strings.Contains(text, want) {
			t.Errorf("status %d, no %q in\n%s", status, want, text)
		}
	}
	out, status := gopherlensOut(t, nil, "models", "show", folder, "--json")
	var seen hooked.Inspection
	if err := json.Unmarshal([]byte(out), &seen); err != nil || status != 0 || seen.Layers != 3 || seen.Memory["float32"] != 4*seen.Parameters {
		t.Errorf("status %d, %v, %+v", status, err, seen)
	}
	if text, status := gopherlens(t, nil, "models", "show", "nobody/nothing"); status == 0 || !strings.Contains(text, "nobody/nothing") {
		t.Errorf("status %d: %s", status, text)
	}
}

// TestModelsFamilies lists the table that models are loaded by.
func TestModelsFamilies(t *testing.T) {
	text, status := gopherlensOut(t, nil, "models", "families")
	if n := strings.Count(text, "\n"); status != 0 || n != len(hooked.Families()) || !strings.Contains(text, "Gemma2ForCausalLM") {
		t.Errorf("status %d, %d lines:\n%s", status, n, text)
	}
}
