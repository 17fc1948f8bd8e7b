package train

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

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
		Name: "cross-entropy of " + label, Logits: true, Labels: []string{label},
		Of: func(p *Pass) *Node {
			return forward.Mean(surprise(atPositions(p.Logits(), at), p.Label(label)))
		},
		Check: classes(label, at),
	}
}

// Accuracy is the share of rows and positions at which the label has the largest logit. It is a
// metric: no gradient flows through it.
func Accuracy(label string, at ...int) Loss {
	return Loss{
		Name: "accuracy of " + label, Logits: true, Labels: []string{label},
		Of: func(p *Pass) *Node {
			chosen := ArgMax(atPositions(p.Logits(), at), -1)
			want := Reshape(p.Label(label), chosen.Shape().Dimensions...)
			return forward.Mean(ConvertDType(Equal(chosen, want), dtypes.Float32))
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
		v, err := labelOf(label, b.Labels[label])
		if err != nil {
			return err
		}
		flat, ok := v.flat.([]int32)
		if !ok {
			return brief.Errorf("label %q has real numbers, and must be classes: []int or [][]int", label)
		}
		n := len(at)
		if n == 0 {
			n = len(b.Tokens[0])
		}
		if len(flat) != len(b.Tokens)*n {
			return brief.Errorf("label %q has shape %v, want a class for each of %d rows and %d positions", label, v.shape.Dimensions, len(b.Tokens), n)
		}
		for i, class := range flat {
			if class < 0 || int(class) >= c.DVocabOut {
				return brief.Errorf("label %q, row %d: class %d is not among the %d that the model predicts", label, i/n, class, c.DVocabOut)
			}
		}
		return nil
	}
}

// Regression is the mean squared difference of the activation at a site and a label of its shape,
// over all entries.
func Regression(site hooked.Selector, label string) Loss {
	return Loss{
		Name: "regression to " + label, Sites: []hooked.Selector{site}, Labels: []string{label},
		Of: func(p *Pass) *Node {
			x := p.Site(site)
			return forward.Mean(Square(Sub(x, sameShape(p.Label(label), x, label))))
		},
	}
}

// KL is the mean divergence, in nats, of the model's predictions from another model's for the same
// tokens, KL(other || model), at some positions, all if none is named: distillation (Hinton et al.
// 2015, arXiv:1503.02531).
func KL(other *hooked.Model, at ...int) Loss {
	return Loss{
		Name: "KL", Logits: true, Models: []*hooked.Model{other},
		Of: func(p *Pass) *Node {
			want := forward.LogSoftmax(atPositions(p.By(other).Logits(), at), -1)
			got := forward.LogSoftmax(atPositions(p.Logits(), at), -1)
			return forward.Mean(forward.Sum(Mul(Exp(want), Sub(want, got)), -1))
		},
		Check: func(b Batch, c hooked.Config) error {
			if o := other.Config(); o.DVocabOut != c.DVocabOut || o.DVocab != c.DVocab {
				return brief.Errorf("the other model reads %d tokens and predicts %d, this one %d and %d", o.DVocab, o.DVocabOut, c.DVocab, c.DVocabOut)
			}
			return checkPositions(b, at)
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
			var total *Node
			entries := 0
			for _, x := range p.AllSites(at) {
				sum := forward.Sum(of(x))
				entries += x.Shape().Size()
				if total == nil {
					total = sum
				} else {
					total = Add(total, sum)
				}
			}
			return DivScalar(total, float64(entries))
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

// atPositions are some positions of x [batch, pos, n], all if none is named: [batch, len(at), n].
func atPositions(x *Node, at []int) *Node {
	if len(at) == 0 {
		return x
	}
	n := x.Shape().Dim(1)
	parts := make([]*Node, len(at))
	for i, p := range at {
		from := (p + n) % n
		parts[i] = SliceAxis(x, 1, AxisRange(from, from+1))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 1)
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
