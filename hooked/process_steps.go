package hooked

import "maps"

// This file holds the steps that are sums and products; refactorFactored has its own file.

// foldLN moves each norm's scale into the rows of the weights that read its output, and its shift
// into their biases. Biases come first, since they are computed from the unscaled weights. Then
// layer norm's centring makes the mean over d_model of every reading weight irrelevant, and it is
// removed; a gate's is kept, as in TransformerLens.
func foldLN(c Config, sd StateDict) {
	for l := range c.NLayers {
		foldBlock(c, sd, blockPrefix(l))
	}
	kind := c.finalNorm()
	n := norm{sd: sd, name: "ln_final", shift: kind == LN}
	// TransformerLens centres W_U even where the last norm is RMS, which keeps the mean: that
	// changes predictions.
	n.into("unembed.W_U", "unembed.b_U", kind.Centred())
	n.remove()
}

func foldBlock(c Config, sd StateDict, p string) {
	if sd[p+"ln1.w"] == nil {
		return
	}
	centred := c.Normalization.Centred()
	ln1 := norm{sd: sd, name: p + "ln1", shift: centred}
	for _, which := range []string{"Q", "K", "V"} {
		ln1.into(p+"attn.W_"+which, p+"attn.b_"+which, centred)
	}
	ln1.remove()
	if c.AttnOnly {
		return
	}
	ln2 := norm{sd: sd, name: p + "ln2", shift: centred}
	if sd[p+"mlp.W_router"] != nil {
		ln2.intoExperts(p+"mlp.", centred)
		ln2.remove()
		return
	}
	ln2.into(p+"mlp.W_in", p+"mlp.b_in", centred)
	if c.GatedMLP {
		ln2.into(p+"mlp.W_gate", p+"mlp.b_gate", false)
	}
	ln2.remove()
	if c.ActFn.hasLN() {
		inner := norm{sd: sd, name: p + "mlp.ln", shift: true}
		inner.into(p+"mlp.W_out", p+"mlp.b_out", true)
		inner.remove()
	}
}

// norm is a layer norm whose weights are being folded.
type norm struct {
	sd    StateDict
	name  string
	shift bool // it has a shift (b)
}

func (n norm) remove() {
	delete(n.sd, n.name+".w")
	delete(n.sd, n.name+".b")
}

// into folds the norm into a weight whose reading axis has the length of the norm and comes first:
// [d_model, out], or in the layout of the device [d_model, head, d_head].
func (n norm) into(weight, bias string, center bool) {
	scale, w := n.sd[n.name+".w"], n.sd[weight]
	if scale == nil || w == nil {
		return
	}
	rows := w.Shape[0]
	cols := sizeOf(w.Shape[1:])
	if shift := n.sd[n.name+".b"]; shift != nil && n.shift {
		b := n.sd[bias]
		if b == nil {
			b = NewArray(w.Shape[1:]...) // [out], or [head, d_head]
			n.sd[bias] = b
		}
		addVecMat(b.Data, shift.Data, w.Data)
	}
	scaleRows(w.Data, scale.Data, cols)
	if center {
		centerColumns(w.Data, rows, cols)
	}
}

// intoExperts folds the norm into all that reads it in a mixture of experts.
func (n norm) intoExperts(p string, center bool) {
	n.into(p+"W_router", p+"b_router", center)
	for _, which := range []string{"gate", "in"} {
		n.into(p+"shared.W_"+which, p+"shared.b_"+which, center)
		n.intoEach(p+"experts.W_"+which, p+"experts.b_"+which, center)
	}
	n.into(p+"W_shared_gate", p+"b_shared_gate", center)
}

// intoEach folds the norm into each matrix of a weight [expert, d_model, out].
func (n norm) intoEach(weight, bias string, center bool) {
	w := n.sd[weight]
	if w == nil {
		return
	}
	experts, in, out := w.Shape[0], w.Shape[1], w.Shape[2]
	if n.sd[bias] == nil && n.shift && n.sd[n.name+".b"] != nil {
		n.sd[bias] = NewArray(experts, out)
	}
	for e := range experts {
		one := StateDict{n.name + ".w": n.sd[n.name+".w"], n.name + ".b": n.sd[n.name+".b"],
			weight: {Shape: []int{in, out}, Data: w.Data[e*in*out : (e+1)*in*out]}}
		if b := n.sd[bias]; b != nil {
			one[bias] = &Array{Shape: []int{out}, Data: b.Data[e*out : (e+1)*out]}
		}
		norm{sd: one, name: n.name, shift: n.shift}.into(weight, bias, center)
	}
}

// addVecMat adds x m to y, for m [len(x), len(y)], with sums in float64.
func addVecMat(y, x, m []float32) {
	sum := make([]float64, len(y))
	for i, v := range x {
		for j, w := range m[i*len(y) : (i+1)*len(y)] {
			sum[j] += float64(v) * float64(w)
		}
	}
	for j := range y {
		y[j] += float32(sum[j])
	}
}

func scaleRows(m, scale []float32, cols int) {
	for i, s := range scale {
		for j := range m[i*cols : (i+1)*cols] {
			m[i*cols+j] *= s
		}
	}
}

// centerColumns removes from each column its mean.
func centerColumns(m []float32, rows, cols int) {
	mean := make([]float64, cols)
	for i := range rows {
		for j, v := range m[i*cols : (i+1)*cols] {
			mean[j] += float64(v)
		}
	}
	for i := range rows {
		for j := range cols {
			m[i*cols+j] -= float32(mean[j] / float64(rows))
		}
	}
}

// centerRows removes from each run of cols values its mean.
func centerRows(m []float32, cols int) {
	for ; len(m) > 0; m = m[cols:] {
		var sum float64
		for _, v := range m[:cols] {
			sum += float64(v)
		}
		mean := float32(sum / float64(cols))
		for j := range m[:cols] {
			m[j] -= mean
		}
	}
}

// centerWriting removes the mean over d_model from everything that is written to the residual
// stream. The norms that read it do so anyway.
func centerWriting(c Config, sd StateDict) {
	names := []string{"embed.W_E"}
	if c.PositionalEmbedding.Learned() {
		names = append(names, "pos_embed.W_pos")
	}
	for l := range c.NLayers {
		for _, name := range []string{"attn.W_O", "attn.b_O", "mlp.W_out", "mlp.b_out", "mlp.experts.W_out", "mlp.experts.b_out", "mlp.shared.W_out"} {
			names = append(names, blockPrefix(l)+name)
		}
	}
	for _, name := range names {
		if w := sd[name]; w != nil {
			centerRows(w.Data, c.DModel)
		}
	}
}

// centerUnembed removes from the unembedding its mean over the vocabulary, which shifts all logits
// of a position alike.
func centerUnembed(c Config, sd StateDict) {
	for _, name := range []string{"unembed.W_U", "unembed.b_U"} {
		if w := sd[name]; w != nil {
			centerRows(w.Data, c.DVocabOut)
		}
	}
}

// foldValueBiases moves b_V into b_O: rows of a pattern sum to one, so a value's bias reaches the
// output whole. It no longer holds once a pattern is edited.
func foldValueBiases(c Config, sd StateDict) {
	for l := range c.NLayers {
		p := blockPrefix(l)
		bV, wO := sd[p+"attn.b_V"], sd[p+"attn.W_O"]
		if bV == nil || wO == nil {
			continue
		}
		bO := sd[p+"attn.b_O"]
		if bO == nil {
			bO = NewArray(c.DModel)
			sd[p+"attn.b_O"] = bO
		}
		foldHeads(c, bO.Data, bV.Data, wO.Data)
		delete(sd, p+"attn.b_V") // zero from here on
	}
}

func foldHeads(c Config, bO, bV, wO []float32) {
	e, d := c.DHead, c.DModel
	for h := range c.NHeads {
		kv := h / c.groupSize()
		addVecMat(bO, bV[kv*e:(kv+1)*e], wO[h*e*d:(h+1)*e*d])
	}
}

// foldedInto are the biases of layer l that take up the shifts of its norms.
func (c Config) foldedInto(l int) []string {
	names := []string{"attn.b_Q", "attn.b_K", "attn.b_V"}
	if c.sparse(l) {
		return append(names, "mlp.b_router", "mlp.experts.b_gate", "mlp.experts.b_in")
	}
	return append(names, "mlp.b_in")
}

// biases are the optional weights that a model has after processing, given those that its
// checkpoint has: folding makes new ones, and does away with b_V.
func (p Processing) biases(c Config, has map[string]bool) map[string]bool {
	out := maps.Clone(has)
	fold := p&FoldLN != 0
	if fold && c.finalNorm() == LN && !c.LNWithoutBias {
		out["unembed.b_U"] = true
	}
	for l := range c.NLayers {
		at := blockPrefix(l)
		if fold && c.preNorm() == LN && !c.LNWithoutBias {
			for _, name := range c.foldedInto(l) {
				out[at+name] = true
			}
			if c.ActFn.hasLN() {
				out[at+"mlp.b_out"] = true
			}
		}
		if p&(FoldValueBiases|RefactorFactored) != 0 && out[at+"attn.b_V"] {
			out[at+"attn.b_O"], out[at+"attn.b_V"] = true, false
		}
	}
	return out
}
