package hooked

import (
	"maps"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// Checkpoints whose matrices are kept in eight bits have a second tensor with what the numbers are
// multiplied by: one for all, one a row, or one for a block of rows and columns. What is computed
// is what the weights stand for; that a server would round activations as well is left out.

// quantization is what a config.json's quantization_config says of the tensors.
type quantization struct {
	method string
	block  [2]int // rows and columns that share a scale, where the file says it
	scaled bool   // matrices of eight bits have scales
}

const quantizationField = "quantization_config"

// quantMethods are the values of quant_method that are read. Each reader refuses what would change
// how tensors are read.
var quantMethods = map[string]func(q *fields, out *quantization){
	// gpt-oss: the tensors are known by their names, see [source.unpacked].
	"mxfp4": func(q *fields, out *quantization) { out.scaled = false },
	// DeepSeek's and Qwen's, and vLLM's of one scale for a matrix
	"fp8": func(q *fields, out *quantization) {
		q.want("fmt", "e4m3", "e5m2")
		q.want("scale_fmt", "float", "ue8m0")
		q.want("expert_dtype", "fp8")
		out.takeBlock(q, "weight_block_size")
	},
	"fbgemm_fp8":         func(*fields, *quantization) {},
	"compressed-tensors": compressedTensors,
}

// quantIgnored are fields that say which matrices are of eight bits, which their types tell, how
// activations and keys are rounded, and who wrote the file.
var quantIgnored = []string{"activation_scale_ub", "activation_scheme", "dequantize", "global_compression_ratio", "ignore",
	"ignored_layers", "input_activations", "kv_cache_scheme", "modules_to_convert", "modules_to_not_convert", "observer*",
	"output_activations", "quantization_status", "scale_dtype", "targets", "version", "zp_dtype", "actorder"}

// quantization reads quantization_config; nil where there is none.
func (f *fields) quantization(a *architecture) *quantization {
	if f.gguf {
		return nil
	}
	f.rename(map[string]string{"compression_config": quantizationField})
	q := f.sub(quantizationField)
	if q == nil {
		return nil
	}
	out := &quantization{method: q.String("quant_method"), scaled: true}
	read, known := quantMethods[out.method]
	if !known || out.method == "mxfp4" && !a.unpacks {
		f.fail("%s: weights quantized by %q are not supported (known: %s); load the model that they were made of, or a GGUF file of it",
			quantizationField, out.method, strings.Join(slices.Sorted(maps.Keys(quantMethods)), ", "))
		return nil
	}
	read(q, out)
	f.adoptBut(quantizationField, q, quantIgnored)
	return out
}

// takeBlock reads how many rows and columns share a scale.
func (q *quantization) takeBlock(f *fields, name string) {
	v, ok := f.get(name)
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		f.fail("field %q is %v, want two numbers", name, v)
		return
	}
	var block [2]int
	for i, n := range list {
		n, ok := n.(float64)
		if !ok || !(n >= 1) {
			f.fail("field %q is %v, want two numbers of 1 or more", name, v)
			return
		}
		block[i] = f.whole(name, n)
	}
	if q.block != ([2]int{}) && q.block != block {
		f.fail("field %q is %v, and elsewhere it is %v", name, block, q.block)
	}
	q.block = block
}

// compressedTensors reads the configuration of the library of that name: groups of matrices that
// are kept in one way. What is packed into fewer bits has other tensors.
func compressedTensors(q *fields, out *quantization) {
	q.want("format", "float-quantized", "int-quantized", "naive-quantized", "dense")
	groups := q.sub("config_groups")
	if groups == nil {
		q.fail("field %q is missing", "config_groups")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(groups.values)) {
		group := groups.sub(name)
		if group == nil {
			continue
		}
		group.want("format", "float-quantized", "int-quantized", "naive-quantized", "dense")
		if w := group.sub("weights"); w != nil {
			w.want("num_bits", 8.0)
			w.want("type", "float", "int")
			w.want("symmetric", true)
			w.want("dynamic", false)
			w.want("strategy", "tensor", "channel", "group", "block")
			w.said("group_size") // the scales' shape says it again
			out.takeBlock(w, "block_structure")
			group.adoptBut("weights", w, quantIgnored)
		}
		groups.adoptBut(name, group, quantIgnored)
	}
	q.adoptBut("config_groups", groups, nil)
}

// scaleSuffixes end the names of what a matrix is multiplied by, after the matrix's own.
var scaleSuffixes = []string{"_scale", "_scale_inv"}

// activationScales end the names of numbers by which activations, keys and values would be rounded.
var activationScales = []string{".input_scale", ".output_scale", ".q_scale", ".k_scale", ".v_scale"}

// scalesOf reports whether a tensor belongs to another, and notes which.
func (s *source) scalesOf(name string) bool {
	if !s.said.quantized.scaled {
		return false
	}
	for _, suffix := range activationScales {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	for _, suffix := range scaleSuffixes {
		base, ok := strings.CutSuffix(name, suffix)
		if t, err := s.file.Tensor(base); ok && err == nil && eightBits(t.DType) {
			s.scales[base] = name
			return true
		}
	}
	return false
}

func eightBits(d weights.DType) bool { return d.IsFloat8() || d == weights.I8 }

// checkScales refuses a checkpoint in which a matrix of eight bits has no scales.
func (s *source) checkScales() error {
	if s.said.quantized == nil || !s.said.quantized.scaled {
		return nil
	}
	for t, err := range s.file.Tensors() {
		if err != nil {
			return err
		}
		if s.scales[t.Name] == "" && eightBits(t.DType) {
			return brief.Errorf("tensor %q holds %s, and there is no %s%s to multiply it by", t.Name, t.DType, t.Name, scaleSuffixes[0])
		}
	}
	return nil
}

// rescale multiplies a by the scales of the tensor that it was read from, if it has any.
func (s *source) rescale(name string, a *Array) error {
	scales, ok := s.scales[name]
	if !ok {
		return nil
	}
	t, err := s.file.Tensor(scales)
	if err != nil {
		return err
	}
	switch t.DType {
	case weights.F64, weights.F32, weights.F16, weights.BF16, weights.F8_E8M0:
	default:
		return brief.Errorf("its scales %q are of type %s, want a float", scales, t.DType)
	}
	values, err := t.Float32s()
	if err != nil {
		return err
	}
	grid, err := s.said.quantized.grid(a.Shape, t.Shape)
	if err != nil {
		return brief.Errorf("its scales %q: %w", scales, err)
	}
	grid.multiply(a.Data, values)
	return nil
}

// A scaleGrid says which number of a matrix is multiplied by which of a tensor of scales.
type scaleGrid struct {
	rows, cols           int // of the matrix
	blockRows, blockCols int // that share a scale
}

// grid matches the shape of a matrix [..., row, col] to that of its scales.
func (q *quantization) grid(matrix, scales []int) (g scaleGrid, err error) {
	bad := brief.Errorf("of shape %v they do not fit a matrix of shape %v, in blocks of %v (0 for any)", scales, matrix, q.block)
	n := len(matrix)
	if n < 2 {
		return g, bad
	}
	g.rows, g.cols = matrix[n-2], matrix[n-1]
	switch {
	case sizeOf(scales) == 1:
		// one for all, in whatever shape
		g.blockRows, g.blockCols = max(1, sizeOf(matrix[:n-1])), g.cols
		g.rows = g.blockRows
		return g, nil
	case len(scales) == 1: // one a row
		scales = []int{scales[0], 1}
	}
	if len(scales) != n || !slices.Equal(scales[:n-2], matrix[:n-2]) {
		return g, bad
	}
	var okRows, okCols bool
	g.blockRows, okRows = blockOf(g.rows, scales[n-2], q.block[0])
	g.blockCols, okCols = blockOf(g.cols, scales[n-1], q.block[1])
	if !okRows || !okCols {
		return g, bad
	}
	return g, nil
}

// blockOf is how many of n entries share one of m scales; size is what the file says, or 0.
func blockOf(n, m, size int) (int, bool) {
	switch {
	case m == 1:
		return n, true
	case m == n:
		return 1, true
	case size > 0:
		return size, (n+size-1)/size == m
	}
	return n / max(m, 1), m > 0 && n%m == 0
}

// multiply multiplies matrices, one after the other, by the scales of each.
func (g scaleGrid) multiply(data, scales []float32) {
	across := (g.cols + g.blockCols - 1) / g.blockCols
	down := (g.rows + g.blockRows - 1) / g.blockRows
	for row := range len(data) / max(g.cols, 1) {
		matrix, r := row/g.rows, row%g.rows
		line := scales[(matrix*down+r/g.blockRows)*across:][:across]
		values := data[row*g.cols : (row+1)*g.cols]
		for c := range values {
			values[c] *= line[c/g.blockCols]
		}
	}
}
