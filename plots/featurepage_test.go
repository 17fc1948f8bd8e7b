package plots_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gopherlens/plots"
)

// wholeDictionary are so many features with ten examples each of 41 tokens, as sparse as real ones.
func wholeDictionary(n int, label func(i int) string) iter.Seq2[plots.FeatureData, error] {
	return func(yield func(plots.FeatureData, error) bool) {
		r := rand.New(rand.NewPCG(7, 7))
		vocabulary := make([]string, 20_000)
		for i := range vocabulary {
			vocabulary[i] = label(i)
		}
		draw := func() string { return vocabulary[int(math.Pow(float64(len(vocabulary)), r.Float64()))-1] }
		for i := range n {
			f := plots.FeatureData{Number: i, Density: math.Pow(10, -4+3*r.Float64())}
			if i%11 == 3 {
				f.Density = 0
			} else {
				f.Edges, f.Counts = []float64{0.25, 0.5, 1, 2, 4, 8}, []int{r.IntN(900), r.IntN(700), r.IntN(400), r.IntN(90), 1 + r.IntN(9)}
				f.Groups = []plots.TextSeries{{Name: "strongest", Texts: drawnTexts(r, draw)}}
			}
			for k := range 10 {
				f.Up = append(f.Up, plots.Ranked{Token: draw(), Value: 1 - float64(k)/20})
				f.Down = append(f.Down, plots.Ranked{Token: draw(), Value: -1 + float64(k)/20})
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func drawnTexts(r *rand.Rand, draw func() string) (texts plots.TextList) {
	for e := range 10 {
		t := plots.ValuedText{Label: fmt.Sprintf("row %d, %.3g at position 20", r.IntN(8000), 8-float64(e)/2)}
		for k := range 41 {
			t.Tokens, t.Values = append(t.Tokens, draw()), append(t.Values, 0)
			if r.IntN(12) == 0 || k == 20 {
				t.Values[k] = (8 - float32(e)/2) * max(r.Float32(), float32(1-(k-20)*(k-20)))
			}
		}
		texts = append(texts, t)
	}
	return texts
}

// pageParts takes a page apart: the index and the features of all chunks.
func pageParts(t *testing.T, page string) (index map[string]any, features []map[string]any) {
	t.Helper()
	scripts := strings.Split(page, "<script")[1:]
	for i, part := range scripts {
		body, _, ok := strings.Cut(part, "</script>")
		if !ok {
			t.Fatal("a script does not end")
		}
		if i == len(scripts)-1 {
			break // the code
		}
		if text, ok := strings.CutPrefix(body, ` type="application/json">`); ok {
			if err := json.Unmarshal([]byte(text), &index); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, ok := strings.CutPrefix(body, ` type="application/octet-stream">`)
		if !ok {
			t.Fatalf("a label made a script: %.80q", body)
		}
		packed, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
		if err != nil {
			t.Fatal(err)
		}
		var chunk []map[string]any
		if err := json.Unmarshal(plain, &chunk); err != nil {
			t.Fatal(err)
		}
		features = append(features, chunk...)
	}
	return index, features
}

// TestFeaturePage reads back all that was put into a page, and finds it small.
func TestFeaturePage(t *testing.T) {
	const n = 200
	var page bytes.Buffer
	if err := plots.FeaturePage(&page, plots.PageConfig{Title: "A dictionary", About: []string{"of 200 features"}, Unit: "activation"},
		wholeDictionary(n, func(i int) string { return fmt.Sprint(" word", i) })); err != nil {
		t.Fatal(err)
	}
	index, features := pageParts(t, page.String())
	words := index["Words"].([]any)
	if len(features) != n {
		t.Fatalf("%d features, want %d", len(features), n)
	}
	i := 0
	for want := range wholeDictionary(n, func(i int) string { return fmt.Sprint("·word", i) }) {
		got := features[i]
		if (len(want.Groups) > 0) != (got["Groups"] != nil) {
			t.Fatalf("feature %d: its examples are lost", i)
		}
		for k, r := range want.Up {
			if one := got["Up"].([]any)[k].([]any); words[int(one[0].(float64))] != r.Token || math.Abs(one[1].(float64)-r.Value) > 1e-3 {
				t.Errorf("feature %d raises %v, want %v", i, one, r)
			}
		}
		if want.Groups != nil {
			texts := got["Groups"].([]any)[0].(map[string]any)["Texts"].([]any)
			for e := range want.Groups[0].Texts.Len() {
				label, tokens, values := want.Groups[0].Texts.Text(e)
				text := texts[e].([]any)
				if text[0] != label {
					t.Errorf("feature %d, example %d is called %v, want %q", i, e, text[0], label)
				}
				for k := range tokens {
					if got := words[int(text[1].([]any)[k].(float64))]; got != tokens[k] {
						t.Fatalf("feature %d, example %d, token %d is %v, want %q", i, e, k, got, tokens[k])
					}
					if got := text[2].([]any)[k].(float64); math.Abs(got-float64(values[k])) > 5e-4*math.Abs(float64(values[k])) {
						t.Fatalf("feature %d, example %d, value %d is %v, want %v", i, e, k, got, values[k])
					}
				}
			}
		}
		i++
	}
	if each := page.Len() / n; each > 2500 {
		t.Errorf("a feature takes %d bytes, want 2500 at most", each)
	}
}

// TestFeaturePageHostile puts every label into every place of a page.
func TestFeaturePageHostile(t *testing.T) {
	labels := hostileLabels()
	label := func(i int) string { return labels[i%len(labels)] }
	features := func(yield func(plots.FeatureData, error) bool) {
		for i := range len(labels) {
			f := plots.FeatureData{Number: i, About: label(i), Density: 0.5, Numbers: []float64{math.Inf(1)}, Up: []plots.Ranked{{Token: label(i + 1), Value: math.NaN()}},
				Down:   []plots.Ranked{{Token: label(i + 2), Value: -1}},
				Groups: []plots.TextSeries{{Name: label(i), Texts: plots.TextList{{Label: label(i + 1), Tokens: []string{label(i), label(i + 2)}, Values: []float32{-1, float32(math.Inf(1))}}}}}}
			if !yield(f, nil) {
				return
			}
		}
	}
	for i := 0; i < len(labels); i += 9 {
		var page bytes.Buffer
		if err := plots.FeaturePage(&page, plots.PageConfig{Title: label(i), About: []string{label(i + 1)}, Unit: label(i + 2), Numbers: []string{label(i)}}, features); err != nil {
			t.Fatal(err)
		}
		if i%90 == 0 { // the features are the same
			if _, all := pageParts(t, page.String()); len(all) != len(labels) {
				t.Errorf("with %q the page holds %d features, want %d", label(i), len(all), len(labels))
			}
		}
		head, _, _ := strings.Cut(page.String(), "<script")
		if tags := strings.Count(head, "<"); tags != 20 {
			t.Errorf("with %q the page's head has %d tags, want 20", label(i), tags)
		}
	}
}

// TestFeaturePageRefuses names the feature and what is wrong with it; what the sequence says is
// passed on.
func TestFeaturePageRefuses(t *testing.T) {
	ended := errors.New("somebody interrupted")
	one := plots.FeatureData{Number: 3, Density: 0.1}
	with := func(f func(*plots.FeatureData)) plots.FeatureData {
		d := one
		f(&d)
		return d
	}
	for want, features := range map[string][]plots.FeatureData{
		"no feature":      nil,
		"comes twice":     {one, one},
		"Density 1.5":     {with(func(d *plots.FeatureData) { d.Density = 1.5 })},
		"want a number":   {with(func(d *plots.FeatureData) { d.Number = -1 })},
		"want one more":   {with(func(d *plots.FeatureData) { d.Counts = []int{1} })},
		"growing numbers": {with(func(d *plots.FeatureData) { d.Counts, d.Edges = []int{1}, []float64{2, 1} })},
		"Counts[0] is -1": {with(func(d *plots.FeatureData) { d.Counts, d.Edges = []int{-1}, []float64{1, 2} })},
		"names 0":         {with(func(d *plots.FeatureData) { d.Numbers = []float64{1} })},
		"has a Layer":     {with(func(d *plots.FeatureData) { d.Groups = neuronTexts()[:1] })},
		"tokens and 0 value": {with(func(d *plots.FeatureData) {
			d.Groups = []plots.TextSeries{{Texts: plots.TextList{{Tokens: []string{"a"}}}}}
		})},
	} {
		err := plots.FeaturePage(io.Discard, plots.PageConfig{}, func(yield func(plots.FeatureData, error) bool) {
			for _, f := range features {
				if !yield(f, nil) {
					return
				}
			}
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	err := plots.FeaturePage(io.Discard, plots.PageConfig{}, func(yield func(plots.FeatureData, error) bool) {
		_ = yield(one, nil) && yield(plots.FeatureData{}, ended)
	})
	if !errors.Is(err, ended) {
		t.Errorf("%v, want the sequence's error", err)
	}
}
