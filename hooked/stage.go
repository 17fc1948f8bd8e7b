package hooked

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A stage is a part of a run that is one program: the embedding, a layer or a few, the end. Layers that differ in their
// weights alone share theirs, so that a model of thirty layers compiles three small programs in place of a large one, and an
// edit in one layer compiles the program of that layer and no other.
type stage struct {
	plan  *plan
	layer int // the first whose weights a program that serves several gets; outsideLayers for any other program
}

// The parts of a run are numbered: 0 is the embedding, then come the layers that it computes, then the end.

// partOf is the part that a site lies in.
func (p *plan) partOf(s Site) int {
	if l, ok := s.Layer(); ok {
		return 1 + l - p.start
	}
	if s.has(afterAll) {
		return p.endPart()
	}
	return 0
}

func (p *plan) endPart() int { return 1 + p.stop - p.start }

// bounds are the first part that the run computes and the one after its last.
func (p *plan) bounds(c Config) (first, past int) {
	if p.fromResidual {
		first = 1
	}
	past = p.endPart()
	if p.stop == c.NLayers && !p.residual && (p.logits || p.loss || p.touches(LNFinalScale) || p.touches(LNFinalNormed)) {
		past++
	}
	return first, past
}

// stages cuts the run into its programs. like is [weightStore.firstLike].
func (p *plan) stages(c Config, like func(layer, n int) int) []stage {
	if p.whole(c) {
		return []stage{{p, outsideLayers}}
	}
	var stages []stage
	first, past := p.bounds(c)
	from, to := p.joined()
	for part := first; part < past; {
		last := part
		switch {
		case from >= 0 && part == max(from, first):
			last = max(to, part)
		case from < 0 && 0 < part && part < p.endPart():
			last += p.layersTogether() - 1
		}
		stages = append(stages, p.cut(c, like, part, last))
		part = last + 1
	}
	return stages
}

// mostTogether bounds the layers in one program of a step that is repeated. To begin a program takes a fifth as long as a
// layer's computing does, and to compile one takes the longer the more layers it has.
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

// whole reports whether the run is one program whatever its length. A gradient flows through all of it, an encoder has
// blocks of its own, and shortformer positions go past the residual stream.
func (p *plan) whole(c Config) bool {
	return c.PostNorm || c.PositionalEmbedding == ShortformerPositions ||
		len(p.grads)+len(p.weightGrads) > 0 || p.metric != nil
}

// joined are the first and the last part that graph functions of the user's edit: these parts are one program, since a
// function may keep a node that it sees at one site and use it at another. There is none if the first is -1.
func (p *plan) joined() (from, to int) {
	from, to = -1, -1
	for _, e := range p.edits {
		if e.local {
			continue
		}
		for s := range e.at {
			part := p.partOf(s)
			if from < 0 {
				from, to = part, part
			}
			from, to = min(from, part), max(to, part)
		}
	}
	return from, to
}

// cut is the stage of parts first to last.
func (p *plan) cut(c Config, like func(layer, n int) int, first, last int) stage {
	_, past := p.bounds(c)
	q := *p
	q.fromResidual = p.fromResidual || first > 0
	q.start = p.start + max(first-1, 0)
	q.stop = min(p.start+last, p.stop)
	q.residual = last < past-1 || p.residual
	if last < p.endPart() {
		q.logits, q.loss, q.lossPerToken, q.greedy, q.logitsAt = false, false, false, false, 0
	}
	inside := func(s Site) bool { return first <= p.partOf(s) && p.partOf(s) <= last }
	q.record = filterSites(p.record, inside)
	q.edits = nil
	for _, e := range p.edits {
		if slices.ContainsFunc(e.sites(), inside) {
			q.edits = append(q.edits, e)
		}
	}
	s := stage{&q, outsideLayers}
	if 0 < first && last < p.endPart() {
		s.layer = q.start
		q.serves(like(q.start, q.stop-q.start))
	}
	q.seal()
	return s
}

// serves makes the plan of some layers that of all layers like them: it is built as the first of these unless it has edits,
// which may ask for their layer.
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

// here is a site of a program that was built as that of the layers from builtAs on, as it is called in the layers that the
// stage stands for.
func (s stage) here(site Site, builtAs int) Site {
	if s.layer == outsideLayers {
		return site
	}
	return site.At(site.layer - builtAs + s.layer)
}

// anyBlock begins in a program's inputs the layer whose weights it gets, counted from the first that it computes.
const anyBlock = "blocks.+"

// anyName is the name of an input in a program that is built as that of the layers from first on and serves others too.
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

// cutLayer cuts prefix and the number and dot after it from a name: "blocks.", "blocks.3.attn.W_Q" is 3, "attn.W_Q".
func cutLayer(prefix, name string) (layer int, rest string, ok bool) {
	numbered, ok := strings.CutPrefix(name, prefix)
	number, rest, _ := strings.Cut(numbered, ".")
	layer, err := strconv.Atoi(number)
	return layer, rest, ok && err == nil
}

// A compiledStage is a stage with its program.
type compiledStage struct {
	stage
	program *program
	later   []Site // what it leaves for when it is read
}

// compile finds or compiles the programs of the run's stages, side by side.
func (j *job) compile() ([]compiledStage, error) {
	stages := j.plan.stages(j.m.cfg, j.m.weights.firstLike)
	deferring := j.deferring()
	compiled := make([]compiledStage, len(stages))
	errs := make([]error, len(stages))
	var wait sync.WaitGroup
	for i, s := range stages {
		if deferring {
			s, compiled[i].later = s.deferred()
		}
		compiled[i].stage = s
		run := func() { compiled[i].program, errs[i] = j.m.programFor(s.plan, j.batch, j.pos) }
		if s.plan.traced() { // graph functions of the user's run in their order
			run()
			continue
		}
		wait.Go(run)
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return compiled, nil
}
