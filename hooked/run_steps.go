package hooked

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A step is a stretch of a run that is one program: the embedding, a layer or a few, the end.
// Layers that differ in their weights alone share their program, so that a model of thirty layers
// compiles three small ones in place of a large one, and an edit in one layer compiles the program
// of that layer and no other.
type step struct {
	plan *plan
	// the first whose weights a program that serves several gets; outsideLayers for any other
	// program
	layer   int
	program *program
	later   []Site // what it leaves for when it is read
}

// A run goes through places that are numbered: 0 is the embedding, then come the layers that it
// computes, then the end.

// placeOf is where a site lies.
func (p *plan) placeOf(s Site) int {
	if l, ok := s.Layer(); ok {
		return 1 + l - p.start
	}
	if s.has(afterAll) {
		return p.end()
	}
	return 0
}

// end is the place after the layers.
func (p *plan) end() int { return 1 + p.stop - p.start }

// bounds are the first place that the run computes and the one after its last.
func (p *plan) bounds(c Config) (first, past int) {
	if p.fromResidual {
		first = 1
	}
	past = p.end()
	if p.stop == c.NLayers && !p.residual && (p.logits || p.loss || p.touches(LNFinalScale) || p.touches(LNFinalNormalized)) {
		past++
	}
	return first, past
}

// cut cuts the run into steps, without programs yet. like is [weightStore.firstLike].
func (p *plan) cut(c Config, like func(layer, n int) int) []step {
	if p.whole(c) {
		return []step{{plan: p, layer: outsideLayers}}
	}
	var steps []step
	first, past := p.bounds(c)
	from, to := p.joined()
	for place := first; place < past; {
		last := place
		switch {
		case from >= 0 && place == max(from, first):
			last = max(to, place)
		case from < 0 && 0 < place && place < p.end():
			last += p.layersTogether() - 1
		}
		steps = append(steps, p.stretch(c, like, place, last))
		place = last + 1
	}
	return steps
}

// mostTogether bounds the layers in one program of a step that is repeated. To begin a program
// takes a fifth as long as a layer's computing does, and to compile one takes the longer the more
// layers it has.
const mostTogether = 4

// layersTogether is how many layers one program computes, the same number in each.
func (p *plan) layersTogether() int {
	n := p.stop - p.start
	if !p.repeated {
		return 1
	}
	for k := mostTogether; k > 1; k-- {
		if n%k == 0 {
			return k
		}
	}
	return 1
}

// whole reports whether the run is one program whatever its length. A gradient flows through all of
// it, an encoder has blocks of its own, what it has made goes past a decoder's residual stream, and
// so do shortformer positions.
func (p *plan) whole(c Config) bool {
	return c.PostNorm || c.NEncoderLayers > 0 || c.PositionalEmbedding == ShortformerPositions ||
		len(p.grads)+len(p.weightGrads) > 0 || p.taps != nil && p.taps.gradients()
}

// joined are the first and the last place that graph functions of the user's edit: all between are
// one program, since a function may keep a node that it sees at one site and use it at another.
// There is none if the first is -1.
func (p *plan) joined() (from, to int) {
	from, to = -1, -1
	for _, e := range p.edits {
		if e.local {
			continue
		}
		for _, place := range p.placesOf(e) {
			if from < 0 {
				from, to = place, place
			}
			from, to = min(from, place), max(to, place)
		}
	}
	return from, to
}

// placesOf are where an edit may change something. One that picks taps by a function of their names
// does so wherever another edit may make one.
func (p *plan) placesOf(e *edit) []int {
	var places []int
	add := func(s Site) { places = append(places, p.placeOf(s)) }
	for s := range e.at {
		add(s)
	}
	for _, sel := range e.taps {
		for _, s := range sel.exact {
			add(s)
		}
		for _, other := range p.edits {
			if sel.choose != nil {
				for s := range other.at {
					add(s)
				}
			}
		}
	}
	return places
}

// stretch is the step from place first to last.
func (p *plan) stretch(c Config, like func(layer, n int) int, first, last int) step {
	_, past := p.bounds(c)
	q := *p
	q.fromResidual = p.fromResidual || first > 0
	q.start = p.start + max(first-1, 0)
	q.stop = min(p.start+last, p.stop)
	q.residual = last < past-1 || p.residual
	if last < p.end() {
		q.logits, q.loss, q.lossPerToken, q.greedy, q.logitsAt, q.metric = false, false, false, false, 0, nil
	}
	inside := func(s Site) bool { return first <= p.placeOf(s) && p.placeOf(s) <= last }
	q.record = filterSites(p.record, inside)
	q.edits = nil
	for _, e := range p.edits {
		if slices.ContainsFunc(p.placesOf(e), func(place int) bool { return first <= place && place <= last }) {
			q.edits = append(q.edits, e)
		}
	}
	s := step{plan: &q, layer: outsideLayers}
	if 0 < first && last < p.end() {
		s.layer = q.start
		q.serves(like(q.start, q.stop-q.start))
	}
	q.seal()
	return s
}

// serves makes the plan of some layers that of all layers like them: it is built as the first of
// these unless it has edits, which may ask for their layer.
func (p *plan) serves(like int) {
	p.anyLayer = true
	if len(p.edits) > 0 {
		return
	}
	for i, s := range p.record {
		p.record[i] = s.At(s.layer - p.start + like)
	}
	p.start, p.stop = like, like+p.stop-p.start
}

// siteOf is what a site of a program, which was built as that of the layers from builtAs on, is in
// the layers that the step stands for.
func (s step) siteOf(site Site, builtAs int) Site {
	if s.layer == outsideLayers {
		return site
	}
	return site.At(site.layer - builtAs + s.layer)
}

// anyBlock begins in a program's inputs the layer whose weights it gets, counted from the first
// that it computes.
const anyBlock = "blocks.+"

// anyName is the name of an input in a program that is built as that of the layers from first on
// and serves others too.
func anyName(first int, name string) string {
	layer, rest, ok := cutLayer("blocks.", name)
	if !ok {
		return name
	}
	return fmt.Sprintf("%s%d.%s", anyBlock, layer-first, rest)
}

// nameAt undoes anyName for a call with the weights of the layers from first on.
func nameAt(first int, name string) string {
	layer, rest, ok := cutLayer(anyBlock, name)
	if !ok {
		return name
	}
	return blockPrefix(first+layer) + rest
}

// cutLayer cuts prefix and the number and dot after it from a name: "blocks.", "blocks.3.attn.W_Q"
// is 3, "attn.W_Q".
func cutLayer(prefix, name string) (layer int, rest string, ok bool) {
	numbered, ok := strings.CutPrefix(name, prefix)
	number, rest, _ := strings.Cut(numbered, ".")
	layer, err := strconv.Atoi(number)
	return layer, rest, ok && err == nil
}

// steps are those of the run with their programs, which are found or compiled side by side.
func (r *run) steps() ([]step, error) {
	steps := r.plan.cut(r.m.cfg, r.m.weights.firstLike)
	deferring := r.deferring()
	errs := make([]error, len(steps))
	var wait sync.WaitGroup
	for i := range steps {
		s := &steps[i]
		if deferring {
			s.leaveForLater()
		}
		find := func() {
			errs[i] = guarded(func() (err error) {
				if err = r.ended(0, len(steps)); err == nil {
					s.program, err = r.m.programOf(s.plan)
				}
				return err
			})
		}
		if s.plan.traced() { // graph functions of the user's run in their order
			find()
			continue
		}
		wait.Go(find)
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return steps, r.plan.taps.check()
}
