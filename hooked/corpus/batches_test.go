package corpus_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/train"
)

func TestBatches(t *testing.T) {
	c, err := corpus.FromTokens([][]int{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 0}})
	if err != nil {
		t.Fatal(err)
	}
	var got []hooked.Tokens
	for b, err := range corpus.Batches(c, 2) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Tokens)
	}
	if len(got) != 2 || !slices.Equal(got[0][1], []int{3, 4}) || !slices.Equal(got[1][0], []int{5, 6}) {
		t.Errorf("got %v", got)
	}
	for _, test := range []struct {
		c    corpus.Contexts
		size int
		want string
	}{{c, 6, "no batch of 6"}, {c, 0, "want 1 or more"}, {nil, 2, "contexts are nil"}} {
		for _, err := range corpus.Batches(test.c, test.size) {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		}
	}
}

// TestTrainOnTexts trains on a corpus, with the loss on documents that are left out.
func TestTrainOnTexts(t *testing.T) {
	model, err := hooked.New(hooked.Config{NLayers: 1, DModel: 16, NCtx: 8, DHead: 8, NHeads: 2, DMLP: 32, DVocab: 10, ActFn: "relu", Seed: 1})
	if err == nil {
		model, err = model.WithTokenizer(words(t, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
	counting := make([][]int, 60) // 2 3 4 ... 9 2 3: the next token follows from this one
	for i := range counting {
		for k := range 12 {
			counting[i] = append(counting[i], 2+(i+k)%8)
		}
	}
	eval, rest, err := corpus.Split(textsOf(t, counting), 0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	shuffled, err := corpus.Shuffled(rest, 2)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]train.Data, 2)
	for i, texts := range []corpus.Texts{shuffled, eval} {
		contexts, err := corpus.ForModel(texts, model, corpus.Options{Length: 8})
		if err != nil {
			t.Fatal(err)
		}
		data[i] = corpus.Batches(contexts, 8)
	}
	out, err := train.Run(t.Context(), model, train.Config{Data: data[0], Steps: 150, LearningRate: 1e-2, Eval: train.Evaluation{Data: data[1]}})
	if err != nil {
		t.Fatal(err)
	}
	// after a BOS between two documents nobody can know what follows: log 8 for about one token in
	// 12
	if loss := out.Curve[len(out.Curve)-1].Eval["loss"]; !(loss > 0 && loss < 1) {
		t.Errorf("the loss on what is left out is %v", loss)
	}
}
