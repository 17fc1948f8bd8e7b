package hooked_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/face"
)

// TestNotebookGenerated holds notebook_gen.go against the methods that it is made of.
func TestNotebookGenerated(t *testing.T) {
	want, err := face.Methods(".")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(face.File)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("notebook_gen.go is not what the methods of Model and Cache say: run `go generate ./hooked`")
	}
}

// TestNotebookFace computes the same through both faces, and panics with the same errors.
func TestNotebookFace(t *testing.T) {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	nb := hooked.Notebook(model)
	tokens := hooked.Tokens{{1, 20, 300, 4}}
	logits, cache := nb.RunWithCache(tokens)
	if want, _ := hooked.Must2(model.RunWithCache(tokens)); !slices.Equal(logits.Float32s(), want.Float32s()) {
		t.Error("the logits differ")
	}
	stack, labels := cache.DecomposeResid(hooked.Pos(-1))
	want, wantLabels, err := cache.Cache.DecomposeResid(hooked.Pos(-1))
	if err != nil || !slices.Equal(stack.Float32s(), want.Float32s()) || !slices.Equal(labels, wantLabels) {
		t.Errorf("the decompositions differ (%v)", err)
	}
	_, err = model.Run("no tokenizer", hooked.LogitsAt(99))
	if got := hooked.Try(func() { nb.Run("no tokenizer", hooked.LogitsAt(99)) }); err == nil || got == nil || got.Error() != err.Error() {
		t.Errorf("panics with %v, want %v", got, err)
	}
	for _, none := range []*hooked.NotebookModel{nil, hooked.Notebook(nil)} {
		if err := hooked.Try(func() { none.Run(tokens) }); err == nil || !strings.Contains(err.Error(), "the model is nil") {
			t.Errorf("without a model: %v", err)
		}
	}
}

func ExampleNotebook() {
	nb := hooked.Notebook(hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing)))

	logits, cache := nb.RunWithCache(hooked.Tokens{{1, 20, 300, 4}})
	stack, labels := cache.AccumulatedResid(hooked.ApplyLN, hooked.Pos(-1))
	fmt.Println(logits.Shape(), stack.Shape(), labels)
	// Output: [1 4 336] [4 1 36] [0_pre 1_pre 2_pre final_post]
}
