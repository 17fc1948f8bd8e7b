package hooked

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
	"gopherlens/internal/weights"
)

// An Adapter is a fine-tuning kept apart from its model: LoRA (Hu et al. 2021, arXiv 2106.09685),
// which adds to a matrix a product of two narrow ones, times a factor. [LoadAdapter] reads it,
// [Model.WithAdapter] applies it.
type Adapter struct {
	name    string
	gguf    bool   // its modules have llama.cpp's names, else Hugging Face's
	family  string // general.architecture of a GGUF adapter
	modules []adapterModule
}

// adapterModule is what an adapter does to one tensor of a checkpoint.
type adapterModule struct {
	tensor     string // of the checkpoint, as the adapter calls it
	a, b       *Array // [rank, in], [out, rank]; nil where whole is there
	scale      float64
	transposed bool   // the tensor is [in, out]
	whole      *Array // what stands in the tensor's place
}

// Modules are the names of the tensors that the adapter changes by products, as it calls them,
// sorted: "model.layers.0.self_attn.q_proj.weight", or of a GGUF adapter "blk.0.attn_q.weight".
func (a *Adapter) Modules() []string { return a.names(false) }

// names are those of the tensors that are replaced, or are not.
func (a *Adapter) names(replaced bool) []string {
	if a == nil {
		return nil
	}
	var names []string
	for _, m := range a.modules {
		if (m.whole != nil) == replaced {
			names = append(names, m.tensor)
		}
	}
	return names
}

// Replaced are the names of the tensors that the adapter has whole, as it calls them, sorted.
func (a *Adapter) Replaced() []string { return a.names(true) }

// Factored is what the adapter adds to a tensor, one of [Adapter.Modules], times its factor, as a
// matrix that is multiplied from the left as TransformerLens' are: [d_in, d_out] of the adapter's
// rank. What heads write or read lies side by side along one of its axes.
func (a *Adapter) Factored(module string) (f *FactoredMatrix, err error) {
	defer guard(&err)
	if a == nil {
		return nil, brief.Errorf("the adapter is nil: load one with LoadAdapter")
	}
	i := slices.IndexFunc(a.modules, func(m adapterModule) bool { return m.whole == nil && m.tensor == module })
	if i < 0 {
		return nil, brief.Errorf("the adapter has no factors for %q%s", module, nearest.Hint(module, a.Modules()))
	}
	e, err := processEngine()
	if err != nil {
		return nil, err
	}
	m := a.modules[i]
	left, err := e.newTensor(m.a.transpose(), "d_in rank")
	if err != nil {
		return nil, err
	}
	right, err := e.newTensor(m.b.transpose(), "rank d_out")
	if err != nil {
		return nil, err
	}
	return Factored(left, right).Scale(m.scale), nil
}

// String tells how large the adapter is.
func (a *Adapter) String() string {
	if a == nil {
		return "nil adapter"
	}
	least, most := 0, 0
	for _, m := range a.modules {
		if m.whole == nil {
			rank := m.a.Shape[0]
			if least == 0 || rank < least {
				least = rank
			}
			most = max(most, rank)
		}
	}
	rank := fmt.Sprint(least)
	if most > least {
		rank = fmt.Sprint(least, " to ", most)
	}
	return fmt.Sprintf("LoRA adapter %s: %d tensors of rank %s, %d replaced", brief.Text(a.name), len(a.Modules()), rank, len(a.Replaced()))
}

// shape is that of the tensor which the module changes.
func (m adapterModule) shape() []int {
	switch {
	case m.whole != nil:
		return m.whole.Shape
	case m.transposed:
		return []int{m.a.Shape[1], m.b.Shape[0]}
	}
	return []int{m.b.Shape[0], m.a.Shape[1]}
}

// addTo adds factor times the product to values in the tensor's layout.
func (m adapterModule) addTo(values []float32, factor float64) {
	shape := m.shape()
	general := func(a *Array) blas32.General {
		return blas32.General{Rows: a.Shape[0], Cols: a.Shape[1], Stride: a.Shape[1], Data: a.Data}
	}
	out := blas32.General{Rows: shape[0], Cols: shape[1], Stride: shape[1], Data: values}
	alpha := float32(factor * m.scale)
	if m.transposed {
		blas32.Gemm(blas.Trans, blas.Trans, alpha, general(m.a), general(m.b), 1, out)
		return
	}
	blas32.Gemm(blas.NoTrans, blas.NoTrans, alpha, general(m.b), general(m.a), 1, out)
}

// transpose is a matrix with its axes swapped.
func (a *Array) transpose() *Array {
	rows, cols := a.Shape[0], a.Shape[1]
	out := NewArray(cols, rows)
	for i := range rows {
		for j := range cols {
			out.Data[j*rows+i] = a.Data[i*cols+j]
		}
	}
	return out
}

// arrayOf copies a tensor of a file, which must be finite.
func arrayOf(t weights.Tensor) (*Array, error) {
	data, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	a := &Array{Shape: slices.Clone(t.Shape), Data: data}
	if err := a.finite(); err != nil {
		return nil, brief.Errorf("tensor %q: %w", t.Name, err)
	}
	return a, nil
}
