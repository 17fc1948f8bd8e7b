// Command exemplars makes transcoders for all layers of a small model from one pass over some text,
// in closed form: features are inputs that occurred, decoders the ridge regression on them.
//
//	exemplars [-model smollm2-135m] [-rows 144] [-width 4] [-active 0.015] -folder DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"

	_ "gopherlens/xla"
)

type settings struct {
	model, folder string
	rows, width   int
	active, ridge float64
}

// group is how many layers' activations are held at once.
const group = 10

func main() {
	var s settings
	flag.StringVar(&s.model, "model", "smollm2-135m", "the model")
	flag.StringVar(&s.folder, "folder", "", "where the transcoders go")
	flag.IntVar(&s.rows, "rows", 144, "rows of 128 tokens")
	flag.IntVar(&s.width, "width", 4, "features, in multiples of the model's width")
	flag.Float64Var(&s.active, "active", 0.015, "share of the positions at which a feature is active")
	flag.Float64Var(&s.ridge, "ridge", 0.3, "ridge, in mean squares of a feature")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "exemplars:", err)
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context) error {
	m, err := hooked.FromPretrained(s.model, hooked.NoProcessing)
	if err != nil {
		return err
	}
	texts, err := corpus.Package(ctx, "brown")
	if err != nil {
		return err
	}
	shuffled, err := corpus.Shuffled(texts, 1)
	if err != nil {
		return err
	}
	contexts, err := corpus.ForModel(shuffled, m, corpus.Options{Length: 128})
	if err != nil {
		return err
	}
	var rows hooked.Tokens
	for row, err := range contexts.From(0) {
		if err != nil {
			return err
		}
		if rows = append(rows, slices.Clone(row)); len(rows) == s.rows {
			break
		}
	}
	var layers []*dictionary.Dictionary
	begin := time.Now()
	for begun := 0; begun < m.Config().NLayers; begun += group {
		first := begun
		last := min(begun+group, m.Config().NLayers)
		for ; first < last; first++ {
			d, err := dictionary.Load(s.part(first))
			if err != nil {
				break
			}
			layers = append(layers, d)
		}
		if first == last {
			continue
		}
		in, out, err := s.activations(m, rows, first, last)
		if err != nil {
			return err
		}
		fmt.Printf("layers %d to %d: activations after %.0f s\n", first, last-1, time.Since(begin).Seconds())
		for l := first; l < last; l++ {
			d, explained, l0, err := s.layer(m.Config(), l, in[l-first], out[l-first])
			if err != nil {
				return err
			}
			in[l-first], out[l-first] = nil, nil
			if err := d.Save(s.part(l)); err != nil {
				return err
			}
			layers = append(layers, d)
			fmt.Printf("layer %2d: L0 %.1f, explained of held-out %.3f, %.0f s\n", l, l0, explained, time.Since(begin).Seconds())
		}
	}
	t, err := circuits.PerLayer(layers...)
	if err != nil {
		return err
	}
	t.Scan = "exemplars"
	return t.Save(s.folder)
}

// part is where a layer's transcoder is kept until all are there.
func (s settings) part(l int) string { return fmt.Sprintf("%s-part/layer_%d", s.folder, l) }

// activations are those of some layers, position after position, without the BOS.
func (s settings) activations(m *hooked.Model, rows hooked.Tokens, first, last int) (in, out [][]float32, err error) {
	in, out = make([][]float32, last-first), make([][]float32, last-first)
	var names []hooked.Selector
	for l := first; l < last; l++ {
		names = append(names, hooked.LN2Normalized.At(l), hooked.MLPOut.At(l))
	}
	d := m.Config().DModel
	for batch := range slices.Chunk(rows, 8) {
		cache, err := m.Cache(hooked.Tokens(batch), hooked.Names(names...), hooked.StopAtLayer(last))
		if err != nil {
			return nil, nil, err
		}
		for l := first; l < last; l++ {
			for _, to := range []struct {
				site hooked.Site
				list *[]float32
			}{{hooked.LN2Normalized.At(l), &in[l-first]}, {hooked.MLPOut.At(l), &out[l-first]}} {
				values := cache.Get(to.site).Float32s()
				for b := range batch {
					*to.list = append(*to.list, values[(b*128+1)*d:(b+1)*128*d]...)
				}
			}
		}
	}
	return in, out, nil
}

// layer makes a layer's transcoder of inputs and outputs [n, d].
func (s settings) layer(c hooked.Config, l int, x, y []float32) (*dictionary.Dictionary, float64, float64, error) {
	d, features := c.DModel, s.width*c.DModel
	n := len(x) / d
	fitted := n * 9 / 10 // the rest is for the measure
	random := rand.New(rand.NewPCG(1, uint64(l)))
	mean := make([]float64, d)
	for i, v := range x[:fitted*d] {
		mean[i%d] += float64(v) / float64(fitted)
	}
	enc, bias := hooked.NewArray(d, features), hooked.NewArray(features)
	for f, at := range random.Perm(fitted)[:features] {
		norm := 0.0
		for j := range d {
			v := float64(x[at*d+j]) - mean[j]
			norm += v * v
		}
		for j := range d {
			v := (float64(x[at*d+j]) - mean[j]) / math.Sqrt(norm)
			enc.Data[j*features+f] = float32(v)
			bias.Data[f] -= float32(v * mean[j])
		}
	}
	pre, err := products(x, d, enc)
	if err != nil {
		return nil, 0, 0, err
	}
	column := make([]float32, fitted)
	for f := range features { // the threshold is a part of the bias
		for i := range fitted {
			column[i] = pre[i*features+f]
		}
		slices.Sort(column)
		bias.Data[f] = -column[int(float64(fitted)*(1-s.active))]
	}
	index, value, l0 := active(pre, bias.Data, n)
	dec, out := s.decoders(index[:fitted], value[:fitted], y[:fitted*d], d, features)
	t, err := dictionary.New(dictionary.Config{Kind: dictionary.Transcoder, DIn: d, DOut: d, Features: features, Normalization: dictionary.NoNormalization,
		Hook: hooked.LN2Normalized.At(l).Name(), HookOut: hooked.MLPOut.At(l).Name(), Model: c.ModelName},
		hooked.StateDict{"W_enc": enc, "b_enc": bias, "W_dec": dec, "b_dec": out})
	return t, explained(index[fitted:], value[fitted:], y[fitted*d:], dec, out), l0, err
}

// products are x [n, d] times w [d, features].
func products(x []float32, d int, w *hooked.Array) ([]float32, error) {
	a, err := hooked.NewTensor(&hooked.Array{Shape: []int{len(x) / d, d}, Data: x}, "row d")
	if err != nil {
		return nil, err
	}
	b, err := hooked.NewTensor(w, "d feature")
	if err != nil {
		return nil, err
	}
	y, err := hooked.Apply("row feature", func(a, b *graph.Node) *graph.Node { return graph.Dot(a, b).MatMul() }, a, b)
	if err != nil {
		return nil, err
	}
	return y.Float32s(), nil
}

// active are the features that are active at each of n positions.
func active(pre, bias []float32, n int) (index [][]int, value [][]float64, l0 float64) {
	features := len(bias)
	index, value = make([][]int, n), make([][]float64, n)
	for i := range n {
		for f, b := range bias {
			if v := pre[i*features+f] + b; v > 0 {
				index[i], value[i] = append(index[i], f), append(value[i], float64(v))
				l0 += 1 / float64(n)
			}
		}
	}
	return index, value, l0
}

// decoders are the ridge regression of y [n, d] on the features.
func (s settings) decoders(index [][]int, value [][]float64, y []float32, d, features int) (dec, bias *hooked.Array) {
	n := float64(len(index))
	mean, meanY := make([]float64, features), make([]float64, d)
	gram, cross := mat.NewSymDense(features, nil), mat.NewDense(features, d, nil)
	raw := gram.RawSymmetric().Data
	for i, v := range y {
		meanY[i%d] += float64(v) / n
	}
	for i, at := range index {
		for a, f := range at {
			v := value[i][a]
			mean[f] += v / n
			for b, other := range at[a:] {
				raw[f*features+other] += v * value[i][a+b]
			}
			row := cross.RawRowView(f)
			for j, t := range y[i*d : (i+1)*d] {
				row[j] += v * (float64(t) - meanY[j])
			}
		}
	}
	square := 0.0
	for f := range features {
		square += raw[f*features+f] / float64(features)
	}
	for f := range features {
		for other := f; other < features; other++ {
			raw[f*features+other] -= n * mean[f] * mean[other]
		}
		raw[f*features+f] += s.ridge * square
	}
	var c mat.Cholesky
	var solved mat.Dense
	if !c.Factorize(gram) {
		panic("the Gram matrix is not positive definite")
	}
	if err := c.SolveTo(&solved, cross); err != nil {
		panic(err)
	}
	dec, bias = hooked.NewArray(features, d), hooked.NewArray(d)
	for f := range features {
		for j, v := range solved.RawRowView(f) {
			dec.Data[f*d+j] = float32(v)
			bias.Data[j] -= float32(v * mean[f])
		}
	}
	for j := range d {
		bias.Data[j] += float32(meanY[j])
	}
	return dec, bias
}

// explained is the share of the variance that the features explain.
func explained(index [][]int, value [][]float64, y []float32, dec, bias *hooked.Array) float64 {
	d := len(bias.Data)
	mean := make([]float64, d)
	for i, v := range y {
		mean[i%d] += float64(v) / float64(len(index))
	}
	var lost, all float64
	for i, at := range index {
		out := make([]float64, d)
		for a, f := range at {
			for j, v := range dec.Data[f*d : (f+1)*d] {
				out[j] += value[i][a] * float64(v)
			}
		}
		for j := range d {
			v := float64(y[i*d+j])
			lost += (v - out[j] - float64(bias.Data[j])) * (v - out[j] - float64(bias.Data[j]))
			all += (v - mean[j]) * (v - mean[j])
		}
	}
	return 1 - lost/all
}
