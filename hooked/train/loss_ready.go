package train

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
)

// NextToken is the model's own loss: the mean cross-entropy, in nats, of each token given those
// before it. Where the batch has a mask, a prediction counts if its own token and the next one are
// real, and the sum is divided by how many count in the whole batch.
func NextToken() Loss {
	return Loss{
		Name: "next token", NextToken: true,
		Of: (*Pass).NextToken,
		Check: func(b Batch, c hooked.Config) error {
			if c.DVocabOut != c.DVocab {
				return brief.Errorf("the model reads %d tokens and predicts %d: it has no next token; compare with a label (CrossEntropy)", c.DVocab, c.DVocabOut)
			}
			if len(b.Tokens[0]) < 2 {
				return brief.Errorf("rows of one token have no next token")
			}
			if b.Mask != nil && !slices.ContainsFunc(b.Mask, twoInARow) {
				return brief.Errorf("under the batch's mask no two tokens follow each other")
			}
			return nil
		},
	}
}

func twoInARow(mask []int) bool {
	for k := 1; k < len(mask); k++ {
		if mask[k-1] == 1 && mask[k] == 1 {
			return true
		}
	}
	return false
}

// CrossEntropy is the mean cross-entropy, in nats, of a label under the logits at some positions;
// negative ones count from the end of a row. The label is a class for each row, []int, with one
// position, and [batch][positions] with several; without positions it is one for each token.
//
// It is exact for predictions that are nearly certain too: where a logarithm of probabilities
// rounds to 0 in float32, at a lead of 17, and has no gradient any more, this one has both.
func CrossEntropy(label string, at ...int) Loss {
	return Loss{
		Name: "cross-entropy of " + label, Logits: true, At: at, Labels: []string{label},
		Of: func(p *Pass) *Node {
			real := p.real(at)
			return meanOf(surprise(p.LogitsAt(at...), realClasses(p.Label(label), real)), real)
		},
		Check: classes(label, at),
	}
}

// Accuracy is the share of rows and positions at which the label has the largest logit. It is a
// metric: no gradient flows through it.
func Accuracy(label string, at ...int) Loss {
	return Loss{
		Name: "accuracy of " + label, Logits: true, At: at, Labels: []string{label},
		Of: func(p *Pass) *Node {
			chosen := ArgMax(p.LogitsAt(at...), -1)
			want := Reshape(p.Label(label), chosen.Shape().Dimensions...)
			return meanOf(ConvertDType(Equal(chosen, want), dtypes.Float32), p.real(at))
		},
		Check: classes(label, at),
	}
}

// classes is the check that a label is classes that the model predicts.
func classes(label string, at []int) func(Batch, hooked.Config) error {
	return func(b Batch, c hooked.Config) error {
		if err := checkPositions(b, at); err != nil {
			return err
		}
		n := len(at)
		if n == 0 {
			n = len(b.Tokens[0])
		}
		rows, err := classRows(label, b.Labels[label], len(b.Tokens), n)
		if err != nil {
			return err
		}
		for i, row := range rows {
			for k, class := range row {
				if (class < 0 || class >= c.DVocabOut) && b.isReal(i, k, at) {
					return brief.Errorf("label %q, row %d: class %d is not among the %d that the model predicts", label, i, class, c.DVocabOut)
				}
			}
		}
		return b.someReal(at)
	}
}

// classRows are a label's classes, n for each row.
func classRows(name string, value any, rows, n int) ([][]int, error) {
	var all [][]int
	switch v := value.(type) {
	case []int:
		for row := range slices.Chunk(v, n) {
			all = append(all, row)
		}
	case [][]int:
		all = v
	default:
		return nil, brief.Errorf("label %q has real numbers, and must be classes: []int or [][]int", name)
	}
	if len(all) != rows || slices.ContainsFunc(all, func(row []int) bool { return len(row) != n }) {
		return nil, brief.Errorf("label %q has %d rows of %d: want a class for each of %d rows and %d positions", name, len(all), width(all), rows, n)
	}
	return all, nil
}

// isReal reports whether the mask has a token in a row, at the k-th of some positions.
func (b Batch) isReal(row, k int, at []int) bool {
	if b.Mask == nil {
		return true
	}
	if len(at) > 0 {
		k = resolved(at, len(b.Mask[row]))[k]
	}
	return b.Mask[row][k] == 1
}

// someReal refuses a mask that leaves a loss at some positions nothing to read.
func (b Batch) someReal(at []int) error {
	for row := range b.Mask {
		for k := range max(len(at), 1) {
			if len(at) == 0 && slices.Contains(b.Mask[row], 1) || len(at) > 0 && b.isReal(row, k, at) {
				return nil
			}
		}
	}
	if b.Mask == nil {
		return nil
	}
	return brief.Errorf("under the batch's mask no row has a token at the positions that the loss reads (%v)", at)
}

// Regression is the mean squared difference of the activation at a site and a label of its shape,
// over all entries.
func Regression(site hooked.Selector, label string) Loss {
	return Loss{
		Name: "regression to " + label, Sites: []hooked.Selector{site}, Labels: []string{label},
		Of: func(p *Pass) *Node {
			x := p.Site(site)
			return ratio(sumOver(Square(Sub(x, sameShape(p.Label(label), x, label))), p.realOf(site)[0]))
		},
	}
}

// KL is the mean divergence, in nats, of the model's predictions from another model's for the same
// tokens, KL(other || model), at some positions, all if none is named: distillation (Hinton et al.
// 2015, arXiv:1503.02531).
func KL(other *hooked.Model, at ...int) Loss {
	return Loss{
		Name: "KL", Logits: true, At: at, Models: []*hooked.Model{other},
		Of: func(p *Pass) *Node {
			want := forward.LogSoftmax(p.By(other).LogitsAt(at...), -1)
			got := forward.LogSoftmax(p.LogitsAt(at...), -1)
			return meanOf(forward.Sum(Mul(Exp(want), Sub(want, got)), -1), p.real(at))
		},
		Check: func(b Batch, c hooked.Config) error {
			if o := other.Config(); o.DVocabOut != c.DVocabOut || o.DVocab != c.DVocab {
				return brief.Errorf("the other model reads %d tokens and predicts %d, this one %d and %d", o.DVocab, o.DVocabOut, c.DVocab, c.DVocabOut)
			}
			if err := checkPositions(b, at); err != nil {
				return err
			}
			return b.someReal(at)
		},
	}
}

// L1 is the mean absolute value of the activations at the selected sites, over all entries: a
// penalty that makes them sparse.
func L1(at hooked.Selector) Loss { return penalty("L1", at, Abs) }

// L2 is the mean square of the activations at the selected sites, over all entries.
func L2(at hooked.Selector) Loss { return penalty("L2", at, Square) }

func penalty(name string, at hooked.Selector, of func(*Node) *Node) Loss {
	return Loss{
		Name: name, Sites: []hooked.Selector{at},
		Of: func(p *Pass) *Node {
			var total, entries *Node
			for i, x := range p.AllSites(at) {
				sum, n := sumOver(of(x), p.realOf(at)[i])
				if total == nil {
					total, entries = sum, n
				} else {
					total, entries = Add(total, sum), Add(entries, n)
				}
			}
			return Div(total, entries)
		},
	}
}

// checkPositions reports positions that the batch's rows do not have.
func checkPositions(b Batch, at []int) error {
	n := len(b.Tokens[0])
	for _, p := range at {
		if p < -n || p >= n {
			return brief.Errorf("position %d: the batch's rows have %d tokens", p, n)
		}
	}
	return nil
}

// real is where the mask has tokens among some positions, all if none is named: [batch, n] float32;
// nil without a mask.
func (p *Pass) real(at []int) *Node {
	if p.mask == nil {
		return nil
	}
	real := ConvertDType(p.mask, dtypes.Float32)
	if len(at) == 0 {
		return real
	}
	return forward.At(real, resolved(at, real.Shape().Dim(1)))
}

// realOf is, for each of the sites that a selector means, where the mask has tokens, with axes of
// size one that fit the activation; nil where there is no mask.
func (p *Pass) realOf(at hooked.Selector) []*Node {
	names := p.names(at)
	out := make([]*Node, len(names))
	if p.mask == nil {
		return out
	}
	for i, name := range names {
		axes := p.axes[name]
		pos := slices.IndexFunc(axes, func(axis string) bool { return axis == "pos" || axis == "query" || axis == "key" })
		if pos < 0 {
			exceptions.Panicf("the batch has a mask, and %s no axis of positions: write a Loss of your own that knows which of its entries are pads", name)
		}
		dims := slices.Repeat([]int{1}, p.sites[name].Rank())
		dims[0], dims[pos] = p.mask.Shape().Dim(0), p.mask.Shape().Dim(1)
		out[i] = Reshape(p.real(nil), dims...)
	}
	return out
}

// sumOver is the sum of x, and how many entries it has, over those that are real; nil is all.
func sumOver(x, real *Node) (sum, n *Node) {
	if real == nil {
		return forward.Sum(x), Scalar(x.Graph(), x.DType(), float64(x.Shape().Size()))
	}
	real = BroadcastToDims(real, x.Shape().Dimensions...)
	return forward.Sum(Where(GreaterThan(real, ZerosLike(real)), x, ZerosLike(x))), forward.Sum(real)
}

func ratio(a, b *Node) *Node { return Div(a, b) }

// meanOf is the mean of values, one for each row and position, over those that are real; nil is
// all.
func meanOf(values, real *Node) *Node {
	if real == nil {
		return forward.Mean(values)
	}
	return ratio(sumOver(values, Reshape(real, values.Shape().Dimensions...)))
}

// realClasses are classes whose value at pads, which may be anything, is 0.
func realClasses(class, real *Node) *Node {
	if real == nil {
		return class
	}
	return Where(GreaterThan(Reshape(real, class.Shape().Dimensions...), ScalarZero(real.Graph(), real.DType())), class, ZerosLike(class))
}

// surprise is minus the logarithm of the probability of a class under each row of logits [batch,
// pos, n]: [batch*pos]. With d the other logits less that of the class, and m the largest of them
// or 0, it is m + log(exp(-m) + sum exp(d - m)), whose small terms are not lost beside a one.
func surprise(logits, class *Node) *Node {
	n := logits.Shape().Dim(-1)
	logits = Reshape(logits, -1, n)
	d := Sub(logits, InsertAxes(forward.Pick(logits, Reshape(class, -1)), -1))
	m := StopGradient(MaxScalar(ReduceAndKeep(d, ReduceMax, -1), 0.0))
	others := Exp(Sub(d, m))
	own := Equal(Iota(logits.Graph(), shapes.Make(class.DType(), logits.Shape().Dimensions...), 1), InsertAxes(Reshape(class, -1), -1))
	sum := forward.Sum(Where(own, ZerosLike(others), others), -1)
	m = Reshape(m, -1)
	return Add(m, Log1P(Add(StopGradient(Expm1(Neg(m))), sum)))
}

// sameShape is a label that must have the shape of x.
func sameShape(l, x *Node, name string) *Node {
	if !l.Shape().Equal(x.Shape()) {
		panic(brief.Errorf("label %q has shape %s, the activation %s", name, l.Shape(), x.Shape()))
	}
	return l
}
