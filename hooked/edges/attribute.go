package edges

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Method is a way to score edges: [EAP], [EAPIG], [EAPIGActivations] or [Exact].
type Method struct {
	name  string
	steps int
	score func(t Task, m *hooked.Model, set *settings, steps int) (*Scores, error)
}

// EAP is edge attribution patching (Syed, Rager, Conmy 2023, arXiv:2310.10348): what a node writes
// in the source less what it writes in the base, times the gradient of the metric at the target's
// input in the base run, summed over positions. It takes two runs and one gradient for all edges.
func EAP() Method { return Method{"EAP", 1, Task.eap} }

// EAPIG is edge attribution patching with integrated gradients (Hanna, Pezzelle, Belinkov 2024,
// arXiv:2403.17806): the gradient is the mean over steps, in which what is embedded lies between
// source and base, at source + k/steps (base - source) for k = 1 to steps. Five steps are what the
// paper takes. One step is [EAP]. It is the paper's sum; the authors' code counts k
// from 0 to steps - 1.
func EAPIG(steps int) Method { return Method{"EAPIG", steps, Task.eapIG} }

// EAPIGActivations is the same with what the nodes of each layer write in place of what is
// embedded: an edge's gradient is that of runs in which the nodes of its source's layer, or its MLP
// alone, lie between source and base, as Marks et al. 2024 (arXiv:2403.19647) integrate for nodes.
// It takes so many steps for each layer's heads and each MLP. (Hanna's code averages over the runs
// of all layers for every edge.)
func EAPIGActivations(steps int) Method {
	return Method{"EAPIGActivations", steps, Task.eapIGActivations}
}

// Exact is the change of the metric itself, in a run for each edge: for small models, and to check
// the others.
func Exact() Method { return Method{"Exact", 1, Task.exact} }

// Scores scores every edge.
func (t Task) Scores(m *hooked.Model, method Method, options ...Option) (*Scores, error) {
	set, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	defer set.begin("scoring edges")()
	if err := t.check(); err != nil {
		return nil, err
	}
	switch {
	case method.score == nil:
		return nil, brief.Errorf("edges: there is no method: give EAP(), EAPIG(5), EAPIGActivations(5) or Exact()")
	case method.name != "Exact" && slices.Contains(set.given, "BatchBytes"):
		return nil, brief.Errorf("edges: BatchBytes would do nothing: %s runs all prompts at once", method.name)
	case method.steps < 1:
		return nil, brief.Errorf("edges: %s of %d steps: want at least 1", method.name, method.steps)
	}
	return method.score(t, m, set, method.steps)
}

// gradients are runs in which the metric's gradients are taken.
type gradients struct {
	*writes
	t     Task
	set   *settings
	sums  []float64
	done  int
	total int
}

func (t Task) gradients(m *hooked.Model, set *settings, total int) (*gradients, error) {
	w, err := t.writesOf(m, set)
	if err != nil {
		return nil, err
	}
	return &gradients{writes: w, t: t, set: set, sums: make([]float64, w.g.total), total: total}, nil
}

// scores are what was added up, divided by the steps.
func (g *gradients) scores(steps int) (*Scores, error) {
	out := make([]float32, len(g.sums))
	for i, v := range g.sums {
		out[i] = float32(v / float64(steps))
	}
	return NewScores(g.g, out)
}

func (t Task) eap(m *hooked.Model, set *settings, _ int) (*Scores, error) {
	g, err := t.gradients(m, set, 1)
	if err != nil {
		return nil, err
	}
	if err := g.add(all); err != nil {
		return nil, err
	}
	return g.scores(1)
}

func (t Task) eapIG(m *hooked.Model, set *settings, steps int) (*Scores, error) {
	g, err := t.gradients(m, set, steps)
	if err != nil {
		return nil, err
	}
	for k := range steps {
		edit, err := g.between(hooked.ResidPre.At(0), 0, 0, 1, 1-float64(k+1)/float64(steps))
		if err != nil {
			return nil, err
		}
		if err := g.add(all, edit); err != nil {
			return nil, err
		}
	}
	return g.scores(steps)
}

func (t Task) eapIGActivations(m *hooked.Model, set *settings, steps int) (*Scores, error) {
	g, err := t.gradients(m, set, 0)
	if err != nil {
		return nil, err
	}
	places := g.g.places()
	g.total = steps * len(places)
	for now := range places {
		for k := range steps {
			var edits []hooked.Option
			for i, p := range places { // all in each run, so that one program serves
				share := 0.0
				if i == now {
					share = 1 - float64(k+1)/float64(steps)
				}
				edit, err := g.between(p.site, p.chunk, p.from, p.to, share)
				if err != nil {
					return nil, err
				}
				edits = append(edits, edit)
			}
			if err := g.add(places[now], edits...); err != nil {
				return nil, err
			}
		}
	}
	return g.scores(steps)
}

// A place is where some nodes write: those from and up to to of a chunk.
type place struct {
	site     hooked.Site
	chunk    int
	from, to int
}

// all is the place of all nodes.
var all = place{chunk: -1}

// places are where nodes write together.
func (g shape) places() []place {
	list := []place{{hooked.ResidPre.At(0), 0, 0, 1}}
	for l := range g.layers {
		list = append(list, place{hooked.AttnOut.At(l), l + 1, 0, g.heads})
		if g.mlp {
			list = append(list, place{hooked.MLPOut.At(l), l + 1, g.heads, g.heads + 1})
		}
	}
	return list
}

// between moves what nodes from and up to to of a chunk write by a share of the way to the source.
func (g *gradients) between(site hooked.Site, chunk, from, to int, share float64) (hooked.Option, error) {
	moved, err := tried(func() *hooked.Tensor {
		return g.diff[chunk].At(hooked.All, hooked.Range{From: from, To: to}).Sum("node")
	})
	if err != nil {
		return nil, err
	}
	start := g.from
	move := func(x *graph.Node, _ hooked.Site, values []*graph.Node) *graph.Node {
		by := graph.Mul(values[0], values[1])
		if start > 0 {
			same := graph.SliceAxis(x, 1, graph.AxisRange(0, start))
			by = graph.Concatenate([]*graph.Node{graph.ZerosLike(same), by}, 1)
		}
		return graph.Add(x, by)
	}
	return hooked.Edit(site, hooked.With(move, hooked.Value(share), hooked.Value(moved)).Local()), nil
}

// add runs the base with edits and adds to the edges from a place what the nodes there change times
// the gradient.
func (g *gradients) add(from place, edits ...hooked.Option) error {
	if err := g.set.report(g.done, g.total); err != nil {
		return err
	}
	g.done++
	sites := g.g.readSites()
	options := g.set.everyRun(append(edits, hooked.Names(sites), hooked.Gradients(sites))...)
	_, _, grads, err := g.m.RunWithGradients(g.t.Base, g.t.Metric, options...)
	if err != nil {
		return brief.Errorf("edges: the run with gradients: %w", err)
	}
	for l := range g.g.layers {
		if err := g.addLayer(from, grads, l); err != nil {
			return err
		}
	}
	last, err := g.gradient(grads, hooked.ResidPost.At(-1))
	if err != nil {
		return err
	}
	t := g.g.logits()
	for chunk := range g.g.layers + 1 {
		if err := g.addPair(from, chunk, []target{t}, last); err != nil {
			return err
		}
	}
	return g.set.report(g.done, g.total)
}

// readSites are where targets read.
func (g shape) readSites() []hooked.Site {
	sites := []hooked.Site{hooked.QInput, hooked.KInput, hooked.VInput, hooked.ResidPost.At(-1)}
	if g.mlp {
		sites = append(sites, hooked.MLPIn)
	}
	var out []hooked.Site
	for _, s := range sites {
		if _, one := s.Layer(); one {
			out = append(out, s)
			continue
		}
		for l := range g.layers {
			out = append(out, s.At(l))
		}
	}
	return out
}

// gradient is that of a site that targets read, [batch, target, pos, d_model], from the first
// position on at which source and base differ.
func (g *gradients) gradient(grads *hooked.Cache, site hooked.Site) (*hooked.Tensor, error) {
	x, err := grads.Lookup(site)
	if err != nil {
		return nil, err
	}
	from := g.from
	return hooked.Apply("batch target pos d_model", func(x *graph.Node) *graph.Node {
		x = graph.SliceAxis(x, 1, graph.AxisRange(from))
		if x.Rank() == 3 {
			return asNode(x)
		}
		return graph.TransposeAllAxes(x, 0, 2, 1, 3)
	}, x)
}

// addLayer adds up the edges into a layer.
func (g *gradients) addLayer(from place, grads *hooked.Cache, l int) error {
	targets := g.g.targetsOf(l)
	sites := []hooked.Site{hooked.QInput, hooked.KInput, hooked.VInput}
	if g.g.mlp {
		sites = append(sites, hooked.MLPIn)
	}
	for _, site := range sites {
		grad, err := g.gradient(grads, site.At(l))
		if err != nil {
			return err
		}
		n := grad.Shape()[1]
		for chunk := range l + 2 {
			if err := g.addPair(from, chunk, targets[:n], grad); err != nil {
				return err
			}
		}
		targets = targets[n:]
	}
	return nil
}

// addPair adds up the edges from the nodes of a chunk to some targets.
func (g *gradients) addPair(from place, chunk int, targets []target, grad *hooked.Tensor) error {
	first := 0 // the number of the chunk's first node
	if chunk > 0 {
		first = g.g.below(chunk - 1)
	}
	if targets[0].reads <= first || from != all && chunk != from.chunk {
		return nil
	}
	products, err := tried(func() *hooked.Tensor {
		return g.diff[chunk].Einsum("batch node pos d_model, batch target pos d_model -> node target", grad)
	})
	if err != nil {
		return err
	}
	for s, row := range products.Rows() {
		if from != all && (s < from.from || s >= from.to) {
			continue
		}
		for i, v := range row {
			if first+s < targets[i].reads {
				g.sums[targets[i].first+first+s] += float64(v)
			}
		}
	}
	return nil
}

func (t Task) exact(m *hooked.Model, set *settings, _ int) (*Scores, error) {
	r, err := t.runsOf(m, set)
	if err != nil {
		return nil, err
	}
	out := make([]float32, r.g.total)
	whole := r.g.All()
	for i := 0; i < len(out); i += r.size {
		n := min(r.size, len(out)-i)
		circuits := make([]*Circuit, n)
		for k := range circuits {
			circuits[k] = whole.less(i + k)
		}
		numbers, err := r.measure(circuits...)
		if err != nil {
			return nil, err
		}
		for k, v := range numbers {
			out[i+k] = float32(v - r.clean)
		}
		if err := set.report(i+n, len(out)); err != nil {
			return nil, err
		}
	}
	return NewScores(r.g, out)
}
