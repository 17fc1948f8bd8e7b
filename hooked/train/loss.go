package train

import (
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// A Loss is a number that a step computes of a batch: what is to become small, or a metric of an
// [Evaluation]. [NextToken], [CrossEntropy], [Regression], [KL], [L1] and [L2] are ready, and
// [Sum] and [Loss.Times] join them. One of your own says what it reads, so that nothing else is
// computed and a mistake is known before the first step:
//
//	train.Loss{
//		Logits: true,
//		Labels: []string{"target"},
//		Of: func(p *train.Pass) *graph.Node { ... p.Logits() ... p.Label("target") ... },
//	}
type Loss struct {
	Name string // in messages

	Logits    bool              // Of reads [Pass.Logits], or with At [Pass.LogitsAt]
	At        []int             // the positions at which it reads them: others are not computed
	NextToken bool              // Of reads [Pass.NextToken]
	Sites     []hooked.Selector // that Of reads, see [Pass.Site]
	Labels    []string          // that Of reads, see [Pass.Label]
	Models    []*hooked.Model   // that read the same tokens and are not trained, see [Pass.By]
	Of        func(*Pass) *Node // the number: a scalar

	// Check says what is wrong with a batch or the model, before any step reads it; it may be nil.
	Check func(Batch, hooked.Config) error
}

// Times is the loss times a number.
func (l Loss) Times(k float64) Loss {
	of := l.Of
	if of == nil {
		return l // refused when it is used
	}
	l.Of = func(p *Pass) *Node { return MulScalar(of(p), k) }
	return l
}

// Sum is the sum of losses: a task and a penalty.
func Sum(losses ...Loss) Loss {
	all := Loss{Name: "sum"}
	everywhere := false
	for _, l := range losses {
		all.Logits = all.Logits || l.Logits
		all.At = append(all.At, l.At...)
		everywhere = everywhere || l.Logits && len(l.At) == 0
		all.NextToken = all.NextToken || l.NextToken
		all.Sites = append(all.Sites, l.Sites...)
		all.Labels = append(all.Labels, l.Labels...)
		all.Models = append(all.Models, l.Models...)
	}
	if everywhere {
		all.At = nil
	}
	all.Check = func(b Batch, c hooked.Config) error {
		for _, l := range losses {
			if err := l.check(b, c); err != nil {
				return err
			}
		}
		return nil
	}
	all.Of = func(p *Pass) *Node {
		var total *Node
		for _, l := range losses {
			one := l.scalar(p)
			if total == nil {
				total = one
			} else {
				total = Add(total, one)
			}
		}
		return total
	}
	if len(losses) == 0 {
		all.Of = nil
	}
	return all
}

// check reports what the loss cannot be computed of.
func (l Loss) check(b Batch, c hooked.Config) error {
	if l.Of == nil {
		return l.named(brief.Errorf("there is no function Of (Sum needs at least one loss)"))
	}
	if len(l.At) > 0 && !l.Logits {
		return l.named(brief.Errorf("At names positions of logits, and Logits is not set"))
	}
	if err := checkPositions(b, l.At); err != nil || l.Check == nil {
		return l.named(err)
	}
	return l.named(l.Check(b, c))
}

func (l Loss) named(err error) error {
	if err == nil || l.Name == "" {
		return err
	}
	return brief.Errorf("loss %q: %w", l.Name, err)
}

// scalar is the loss in a graph.
func (l Loss) scalar(p *Pass) *Node {
	x := l.Of(p)
	switch {
	case x == nil:
		exceptions.Panicf("loss %q is nil", l.Name)
	case !x.IsScalar():
		exceptions.Panicf("loss %q has shape %s, and must be a single number: take its mean", l.Name, x.Shape())
	case !x.DType().IsFloat():
		exceptions.Panicf("loss %q is a %s, and must be a float", l.Name, x.DType())
	}
	return x
}

// A Pass is what a loss may read: nodes of the graph of one step.
type Pass struct {
	tokens, mask      *Node
	logits, nextToken *Node
	at                []int // positions of logits, in rising order; nil if they are all
	sites             map[string]*Node
	axes              map[string][]string // of the sites
	resolve           func(hooked.Selector) ([]string, error)
	labels            map[string]*Node
	others            map[*hooked.Model]*Pass
}

// Tokens are the batch's, [batch, pos] int32.
func (p *Pass) Tokens() *Node { return p.tokens }

// Mask is [batch, pos] int32, 1 for a token and 0 for a pad; nil where all are tokens.
func (p *Pass) Mask() *Node { return p.mask }

// Logits are [batch, pos, d_vocab_out].
func (p *Pass) Logits() *Node {
	logits := asked(p.logits, "Logits", "Logits: true")
	if p.at != nil {
		exceptions.Panicf("the loss reads all logits, and Loss.At names positions: read them with LogitsAt")
	}
	return logits
}

// LogitsAt are those at some positions, negative ones counted from the end of a row: [batch, n,
// d_vocab_out]. They must be among [Loss.At], if it names any; without positions they are all.
func (p *Pass) LogitsAt(at ...int) *Node {
	if len(at) == 0 {
		return p.Logits()
	}
	logits := asked(p.logits, "Logits", "Logits: true")
	want := resolved(at, p.tokens.Shape().Dim(1))
	if p.at == nil {
		return forward.At(logits, want)
	}
	if slices.Equal(want, p.at) {
		return logits
	}
	places := make([]int, len(want))
	for i, position := range want {
		if places[i] = slices.Index(p.at, position); places[i] < 0 {
			exceptions.Panicf("the loss reads the logits at position %d and does not say so: add it to Loss.At", at[i])
		}
	}
	return forward.At(logits, places)
}

// resolved are positions of rows of n tokens, those from the end counted from the start.
func resolved(at []int, n int) []int {
	out := make([]int, len(at))
	for i, p := range at {
		out[i] = p
		if p < 0 {
			out[i] += n
		}
	}
	return out
}

// NextToken is the model's own loss: the mean cross-entropy, in nats, of each token given those
// before it. Under a mask only pairs of real tokens count.
func (p *Pass) NextToken() *Node { return asked(p.nextToken, "NextToken", "NextToken: true") }

// Site is the activation at the site that the selector means, after the edits.
func (p *Pass) Site(at hooked.Selector) *Node {
	all := p.AllSites(at)
	if len(all) != 1 {
		exceptions.Panicf("Site(%v) means %d sites: use AllSites", at, len(all))
	}
	return all[0]
}

// AllSites are the activations at the sites that the selector means, in the order of the forward
// pass.
func (p *Pass) AllSites(at hooked.Selector) []*Node {
	names := p.names(at)
	all := make([]*Node, len(names))
	for i, name := range names {
		if all[i] = p.sites[name]; all[i] == nil {
			exceptions.Panicf("the loss reads %s, which is not there: add it to Loss.Sites, and if it is a tap, make it in an edit (Config.Edits)", name)
		}
	}
	return all
}

func (p *Pass) names(at hooked.Selector) []string {
	names, err := p.resolve(at)
	if err != nil {
		panic(err)
	}
	return names
}

// Label is one of the batch's labels.
func (p *Pass) Label(name string) *Node {
	n, ok := p.labels[name]
	if !ok {
		known := slices.Sorted(maps.Keys(p.labels))
		exceptions.Panicf("the loss reads label %q and does not say so: add it to Loss.Labels%s", name, nearest.Hint(name, known))
	}
	return n
}

// By is the pass of another model over the same tokens, one of [Loss.Models]. No gradient flows
// into it.
func (p *Pass) By(m *hooked.Model) *Pass {
	other, ok := p.others[m]
	if !ok {
		exceptions.Panicf("the loss reads another model and does not say so: add it to Loss.Models")
	}
	return other
}

func asked(n *Node, what, field string) *Node {
	if n == nil {
		exceptions.Panicf("the loss reads %s and does not say so: set %s in Loss", what, field)
	}
	return n
}
