package hooked

import "slices"

// A plan says what one run computes. It decides the graph: what is not in it is not built.
type plan struct {
	scope
	record []Site        // sites whose activations are results
	grads  []Site        // sites whose gradients are results
	edits  []*edit       // in the order in which they apply
	taps   *tapBook      // what is asked of values that the edits name; nil where nothing is
	wanted map[Site]bool // everything recorded, edited or differentiated
	metric *Metric       // of the logits, which are for it alone; what is differentiated, nil for the loss

	weightGrads []string // canonical names of the weights whose gradients are results

	// it will be run many times: a program that is long to compile and quick to run pays
	repeated bool
}

// scope is what of a plan can be compared. It is part of a program's key as it is: whatever decides
// the graph belongs here.
type scope struct {
	batch, pos int // of the tokens or the residual stream that the run reads

	logits, loss, lossPerToken, residual bool // which results
	greedy                               bool // of the logits only which is the largest
	// number of positions whose logits are wanted; 0 for all
	logitsAt int

	start, stop  int  // layers [start, stop)
	fromResidual bool // the input is a residual stream, not tokens
	masked       bool // an attention mask is given
	ungroup      bool // key-value heads are repeated for each query head before their hooks
	kvRoom       int  // positions that the key-value cache has room for; 0 without one
	anyLayer     bool // it is of layers alone, and its program serves others too
	// of an encoder-decoder: positions of the encoder's text, whether some are pads, and whether what
	// the encoder makes of it is a result
	source                int
	sourceMasked, encoded bool
	// whether the keys and values that the decoder's layers find there are results, for the next
	// steps of a generation, or are given
	keepsSource, sourceKept bool
	// how many distinct prefixes of the prompts it computes in place of all positions; 0 for these
	prefixes int
}

func (p *plan) touches(s Site) bool { return p.wanted[s] }

// changes reports whether more is asked of a site than its activation: an edit, or a gradient.
func (p *plan) changes(s Site) bool {
	return slices.Contains(p.grads, s) || slices.ContainsFunc(p.edits, func(e *edit) bool { return e.meets(s) })
}

// seal collects what the plan touches, once it is complete.
func (p *plan) seal() {
	p.wanted = make(map[Site]bool)
	for _, s := range slices.Concat(p.record, p.grads) {
		p.wanted[s] = true
	}
	for _, e := range p.edits {
		for s := range e.at {
			p.wanted[s] = true
		}
	}
}

// shorten ends a run that is for its activations alone after the last layer that it touches.
func (p *plan) shorten() {
	if p.logits || p.loss || p.residual || p.kvRoom > 0 {
		return
	}
	for s := range p.wanted {
		if s.has(afterAll) {
			return
		}
	}
	p.stop = p.start
	for s := range p.wanted {
		if l, ok := s.Layer(); ok && !s.has(inSource) {
			p.stop = max(p.stop, l+1)
		}
	}
}

// traced reports whether the graph must be built to know which it is: it holds graph functions of
// the user's.
func (p *plan) traced() bool { return len(p.edits) > 0 || p.metric != nil }
