package lens_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/lens"
	"gopherlens/internal/golden"
	"gopherlens/plots"
)

// TestLogitLensTable: the last row is the model's own prediction, and the others are the logit lens
// with the bias, in models with every kind of end: LayerNorm and RMS, weights folded and not, a
// bias, a soft cap.
func TestLogitLensTable(t *testing.T) {
	llama := openModel(t, "llama", hooked.DefaultProcessing)
	capped := hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 12, NCtx: 16, DHead: 4, NHeads: 3, DVocab: llama.Config().DVocab, ActFn: "gelu",
		Normalization: hooked.LNPre, FinalRMS: true, OutputLogitsSoftCap: 5, InitializerRange: 1, Seed: 3}, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	for family, m := range map[string]*hooked.Model{"gpt2": openModel(t, "gpt2", hooked.NoProcessing), "llama": llama, "gpt_neox": openModel(t, "gpt_neox", hooked.DefaultProcessing),
		"capped": hooked.Must(capped.WithTokenizer(hooked.Must(llama.Tokenizer())))} {
		logits, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{{3, 1, 4, 1, 5}}))
		const k = 4
		table, err := lens.LogitLensTable(cache, k)
		if err != nil {
			t.Fatal(err)
		}
		layers := m.Config().NLayers
		if len(table.Rows()) != layers+1 || table.Labels[0] != "0_pre" || len(table.Columns()) != 5 {
			t.Fatalf("%s: rows %v, columns %v", family, table.Rows(), table.Columns())
		}
		want := map[int]*hooked.Tensor{layers: logits.At(0)}
		if family != "gpt2" { // whose norms are not folded
			own, _, err := lens.LogitLensOwnScale(m, cache)
			if err != nil {
				t.Fatal(err)
			}
			bU := hooked.Must(m.BU())
			for l := range layers {
				row := own.At(l, 0)
				want[l] = row.Add(bU.Named(row.AxisNames()[1]))
			}
		}
		for l, logits := range want {
			values, ids := logits.TopK(k, logits.AxisNames()[1])
			p, _ := logits.Softmax(logits.AxisNames()[1]).TopK(k, logits.AxisNames()[1])
			texts := hooked.Must(m.StrTokens(ids.Ints()))
			var gotTexts []string
			var gotLogits, gotProbs []float32
			for at, cell := range table.Top[l] {
				for _, g := range cell {
					gotTexts, gotLogits, gotProbs = append(gotTexts, g.Text), append(gotLogits, g.Logit), append(gotProbs, g.Prob)
				}
				tokens, probabilities := table.Cell(l, at)
				if len(tokens) != k || probabilities[0] != cell[0].Prob {
					t.Errorf("%s: Cell(%d, %d) is %v %v, want %v", family, l, at, tokens, probabilities, cell)
				}
			}
			if !slices.Equal(gotTexts, texts) {
				t.Errorf("%s, row %d: %q, want %q", family, l, gotTexts, texts)
			}
			golden.Close(t, family+" logits", gotLogits, values.Float32s(), golden.Tolerance{Abs: 1e-4})
			golden.Close(t, family+" probabilities", gotProbs, p.Float32s(), golden.Tolerance{Abs: 1e-5})
		}
		if err := plots.LogitLensTable(table, plots.Axes{}).Err(); err != nil {
			t.Errorf("%s: the figure: %v", family, err)
		}
	}
}

// TestLogitLensTableRefuses lists what is an error.
func TestLogitLensTableRefuses(t *testing.T) {
	m := openModel(t, "gpt2", hooked.DefaultProcessing)
	two := hooked.Must(m.Cache(hooked.Tokens{{1, 2}, {3, 4}}))
	one := hooked.Must(two.SliceBatch(hooked.Range{From: 0, To: 1}))
	for want, err := range map[string]error{
		"all positions of one prompt": failure(lens.LogitLensTable(two, 1)),
		"LogitLensTable: the stream":  failure(lens.LogitLensTable(one, 1, hooked.Pos(-1))),
		"0 guesses":                   failure(lens.LogitLensTable(one, 0)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
