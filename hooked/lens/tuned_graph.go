package lens

import (
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// An end is what the model does with the residual stream at its end, as a graph on tensors, through
// which gradients flow.
type end struct {
	cfg  hooked.Config
	with []*hooked.Tensor // W_U, b_U and, where the final norm has weights, w and b
}

func newEnd(m *hooked.Model) (*end, error) {
	e := &end{cfg: m.Config()}
	names := []string{"unembed.W_U", "unembed.b_U"}
	switch kind := e.norm(); kind {
	case hooked.LN:
		names = append(names, "ln_final.w", "ln_final.b")
	case hooked.RMS:
		names = append(names, "ln_final.w")
	}
	for _, name := range names {
		w, err := m.Weight(name)
		if err != nil {
			return nil, err
		}
		e.with = append(e.with, w)
	}
	return e, nil
}

// norm is the kind of the final norm.
func (e *end) norm() hooked.Normalization {
	kind := e.cfg.Normalization
	switch {
	case !e.cfg.FinalRMS || !kind.Centred():
		return kind
	case kind.HasWeights():
		return hooked.RMS
	}
	return hooked.RMSPre
}

// logProbs are those of the residual stream x [token, d_model]: [token, d_vocab].
func (e *end) logProbs(x *graph.Node, with []*graph.Node) *graph.Node {
	kind := e.norm()
	mean := func(x *graph.Node) *graph.Node { return graph.ReduceAndKeep(x, graph.ReduceMean, -1) }
	if kind != hooked.NoNorm {
		if kind.Centred() {
			x = graph.Sub(x, mean(x))
		}
		x = graph.Div(x, graph.Sqrt(graph.AddScalar(mean(graph.Mul(x, x)), e.cfg.Eps)))
	}
	for i, part := range with[2:] {
		part = graph.ExpandLeftToRank(part, 2)
		if i == 0 {
			x = graph.Mul(x, part)
		} else {
			x = graph.Add(x, part)
		}
	}
	logits := graph.Add(graph.Einsum("ni,iv->nv", x, with[0]), graph.ExpandLeftToRank(with[1], 2))
	if cap := e.cfg.OutputLogitsSoftCap; cap > 0 {
		logits = graph.MulScalar(graph.Tanh(graph.DivScalar(logits, cap)), cap)
	}
	logits = graph.Sub(logits, graph.StopGradient(graph.ReduceAndKeep(logits, graph.ReduceMax, -1)))
	return graph.Sub(logits, graph.Log(graph.ReduceAndKeep(graph.Exp(logits), graph.ReduceSum, -1)))
}

// divergence is the mean over tokens of KL(p || q) in nats, both given as logarithms [token,
// d_vocab].
func divergence(logP, logQ *graph.Node) *graph.Node {
	return graph.ReduceAllMean(graph.ReduceSum(graph.Mul(graph.Exp(logP), graph.Sub(logP, logQ)), -1))
}

// A step of SGD with Nesterov momentum as PyTorch makes it: clipped gradients g, momentum m:
//
//	m <- 0.9 m + g,  p <- p - rate (g + 0.9 m)
const momentum = 0.9

// stepped are the weights and momenta after a step of a layer's map, and the divergence before it.
// In are the stream [token, d_model], log-probabilities of the end, W, b, their momenta, the rate,
// the decay, and the end's tensors.
func (e *end) stepped(in []*graph.Node) []*graph.Node {
	x, logP, w, b, mw, mb, rate, decay := in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]
	kl := divergence(logP, e.logProbs(translated(x, w, b), in[8:]))
	grads := graph.Gradient(kl, w, b)
	norm := graph.Sqrt(graph.Add(graph.ReduceAllSum(graph.Square(grads[0])), graph.ReduceAllSum(graph.Square(grads[1]))))
	clip := graph.Div(graph.OnesLike(norm), graph.Max(norm, graph.OnesLike(norm))) // to a norm of one
	out := make([]*graph.Node, 4)
	for i, p := range []*graph.Node{w, b} {
		g := graph.Add(graph.Mul(grads[i], clip), graph.Mul(p, decay))
		m := graph.Add(graph.MulScalar([]*graph.Node{mw, mb}[i], momentum), g)
		out[i] = graph.Sub(p, graph.Mul(rate, graph.Add(g, graph.MulScalar(m, momentum))))
		out[2+i] = m
	}
	return append(out, kl)
}
