package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Comparisons give a truth value for each entry. What t is compared with is a number or a *Tensor,
// matched as in [Tensor.Add]. NaN is different from everything.

// Gt is whether each entry is greater than other.
func (t *Tensor) Gt(other any) *Tensor { return t.compare("gt", other, GreaterThan) }

// Ge is whether each entry is greater than other or equal to it.
func (t *Tensor) Ge(other any) *Tensor { return t.compare("ge", other, GreaterOrEqual) }

// Lt is whether each entry is less than other.
func (t *Tensor) Lt(other any) *Tensor { return t.compare("lt", other, LessThan) }

// Le is whether each entry is less than other or equal to it.
func (t *Tensor) Le(other any) *Tensor { return t.compare("le", other, LessOrEqual) }

// Eq is whether each entry is equal to other.
func (t *Tensor) Eq(other any) *Tensor { return t.compare("eq", other, Equal) }

// Ne is whether each entry is different from other.
func (t *Tensor) Ne(other any) *Tensor { return t.compare("ne", other, NotEqual) }

func (t *Tensor) compare(key string, other any, f func(a, b *Node) *Node) *Tensor {
	return t.arithmetic(key, t.operand(other), f)
}

// IsNaN is whether each entry is not a number.
func (t *Tensor) IsNaN() *Tensor { return t.Ne(t) }

// And is whether both truth values hold, entry by entry; numbers hold unless they are zero.
func (t *Tensor) And(other *Tensor) *Tensor { return t.truths().zip("and", other.truths(), LogicalAnd) }

// Or is whether one of both truth values holds, entry by entry.
func (t *Tensor) Or(other *Tensor) *Tensor { return t.truths().zip("or", other.truths(), LogicalOr) }

// Not is the opposite of each truth value.
func (t *Tensor) Not() *Tensor { return t.truths().each("not", LogicalNot) }

// truths is t as truth values.
func (t *Tensor) truths() *Tensor {
	if t.need().value.DType() == dtypes.Bool {
		return t
	}
	return t.Ne(0)
}

// truth is the single value of a tensor, as a truth value.
func (t *Tensor) truth() bool { return t.Item() != 0 }

// Where takes yes where t's truth value holds, and no elsewhere: torch.where(t, yes, no). Both are
// numbers or *Tensors, which are matched as in [Tensor.Add].
func (t *Tensor) Where(yes, no any) *Tensor {
	mask := t.truths()
	a, b := mask.choice(yes, no), mask.choice(no, yes)
	kind := commonType([]*Tensor{a, b})
	parts := []*Tensor{mask, a.as(kind), b.as(kind)}
	s := spreadOver(parts)
	v := s.eng.eager(fmt.Sprint("where ", s.match), func(in []*Node) *Node {
		for i, x := range in {
			in[i] = spreadAxes(x, s.match[i], s.dims)
		}
		return Where(in[0], in[1], in[2])
	}, tensorValues(parts)...)
	return &Tensor{v, s.axes, s.eng}
}

// choice is one of [Tensor.Where]'s values as a tensor. A number takes the type of the other value.
func (t *Tensor) choice(value, other any) *Tensor {
	if _, isTensor := value.(*Tensor); isTensor {
		return t.operand(value)
	}
	if beside, isTensor := other.(*Tensor); isTensor {
		return beside.operand(value)
	}
	return t.floats().operand(value)
}

// MaskedFill puts a number in place of the entries where mask holds: scores.MaskedFill(mask, -1e5).
func (t *Tensor) MaskedFill(mask *Tensor, value float64) *Tensor { return mask.Where(value, t) }
