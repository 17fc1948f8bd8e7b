package hooked

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Functions of each entry. Those that give fractions make floats of whole numbers; NaN stays NaN.

// Sqrt is the square root of each entry.
func (t *Tensor) Sqrt() *Tensor { return t.floatEach("sqrt", Sqrt) }

// Exp is e to the power of each entry.
func (t *Tensor) Exp() *Tensor { return t.floatEach("exp", Exp) }

// Log is the natural logarithm of each entry.
func (t *Tensor) Log() *Tensor { return t.floatEach("log", Log) }

// Sin is the sine of each entry, an angle in radians.
func (t *Tensor) Sin() *Tensor { return t.floatEach("sin", Sin) }

// Cos is the cosine of each entry, an angle in radians.
func (t *Tensor) Cos() *Tensor { return t.floatEach("cos", Cos) }

// Tanh is the hyperbolic tangent of each entry.
func (t *Tensor) Tanh() *Tensor { return t.floatEach("tanh", Tanh) }

// Sigmoid is 1/(1+e^-x) of each entry.
func (t *Tensor) Sigmoid() *Tensor { return t.floatEach("sigmoid", Sigmoid) }

// GELU is x Φ(x) of each entry, with the error function; [Tensor.Activation] knows the other forms.
func (t *Tensor) GELU() *Tensor { return t.Activation(GELU) }

// SiLU is x σ(x) of each entry.
func (t *Tensor) SiLU() *Tensor { return t.Activation(SiLU) }

// Activation is a model's activation function of each entry: t.Activation(hooked.GELUNew) is
// GPT-2's. [SoLU] is taken along the last axis; what a [SoLULN] is followed by is left out.
func (t *Tensor) Activation(act Activation) *Tensor {
	t.need()
	f := activations[act]
	if f == nil {
		fail("no activation %q: known are %v", act, Activations())
	}
	return t.floatEach("act "+string(act), f)
}

// ReLU is the larger of each entry and zero.
func (t *Tensor) ReLU() *Tensor { return t.Maximum(0) }

// Abs is the absolute value of each entry.
func (t *Tensor) Abs() *Tensor { return t.counts().each("abs", Abs) }

// Neg is each entry with the other sign.
func (t *Tensor) Neg() *Tensor { return t.counts().each("neg", Neg) }

// Sign is -1, 0 or 1: the sign of each entry. That of NaN is 0, as in PyTorch.
func (t *Tensor) Sign() *Tensor {
	return t.counts().each("sign", func(x *Node) *Node {
		if !x.DType().IsFloat() {
			return Sign(x)
		}
		return Where(NotEqual(x, x), ZerosLike(x), Sign(x))
	})
}

// Square is the square of each entry.
func (t *Tensor) Square() *Tensor {
	return t.counts().each("square", func(x *Node) *Node { return Mul(x, x) })
}

// Floor is each entry rounded down to a whole number.
func (t *Tensor) Floor() *Tensor { return t.floatEach("floor", Floor) }

// Ceil is each entry rounded up to a whole number.
func (t *Tensor) Ceil() *Tensor { return t.floatEach("ceil", Ceil) }

// Pow is each entry to the power of exponent, a number or a *Tensor that is matched as in
// [Tensor.Add]. Whole numbers become floats.
func (t *Tensor) Pow(exponent any) *Tensor {
	x := t.floats()
	return x.zip("pow", x.operand(exponent).floats(), Pow)
}

// Maximum is the larger of each entry and that of other, a number or a *Tensor that is matched as
// in [Tensor.Add]; NaN where either is, as in PyTorch.
func (t *Tensor) Maximum(other any) *Tensor {
	return t.arithmetic("maximum", t.operand(other), poisonedPair(Max))
}

// Minimum is the smaller of each entry and that of other; see [Tensor.Maximum].
func (t *Tensor) Minimum(other any) *Tensor {
	return t.arithmetic("minimum", t.operand(other), poisonedPair(Min))
}

// Clamp brings each entry to the nearest number from low to high. An infinite bound leaves that
// side open.
func (t *Tensor) Clamp(low, high float64) *Tensor {
	t.need()
	if !(low <= high) {
		fail("Clamp from %v to %v: the lower bound must not be above the upper one", low, high)
	}
	out := t
	if !math.IsInf(low, 0) {
		out = out.Maximum(low)
	}
	if !math.IsInf(high, 0) {
		out = out.Minimum(high)
	}
	return out
}

// poisonedPair is a choice between two entries that is NaN where either is.
func poisonedPair(choose func(a, b *Node) *Node) func(a, b *Node) *Node {
	return func(a, b *Node) *Node {
		out := choose(a, b)
		if !a.DType().IsFloat() {
			return out
		}
		return Where(NotEqual(a, a), a, Where(NotEqual(b, b), b, out))
	}
}

// each computes f of t, entry by entry.
func (t *Tensor) each(key string, f func(*Node) *Node) *Tensor {
	v := t.need().eng.eager(key, func(in []*Node) *Node { return f(in[0]) }, t.value)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}

// floatEach computes f of t as floats.
func (t *Tensor) floatEach(key string, f func(*Node) *Node) *Tensor {
	return t.floats().each(key, inFloat(f))
}

// inFloat is f computed in float32 where numbers have 16 bits, and rounded back, as PyTorch does.
func inFloat(f func(*Node) *Node) func(*Node) *Node {
	return func(x *Node) *Node {
		if !x.DType().IsHalfPrecision() {
			return f(x)
		}
		return ConvertDType(f(ConvertDType(x, dtypes.Float32)), x.DType())
	}
}

// notANumber is NaN in x's type.
func notANumber(x *Node) *Node {
	return ConvertDType(Scalar(x.Graph(), dtypes.Float32, math.NaN()), x.DType())
}

// Float is t as float32: whole numbers, and truth values as 0 and 1.
func (t *Tensor) Float() *Tensor { return t.as(dtypes.Float32) }

// Int is t as 32-bit whole numbers, fractions cut off. Values that have no such number are refused.
func (t *Tensor) Int() *Tensor {
	if t.need().value.DType() == dtypes.Int32 || t.value.DType() == dtypes.Bool {
		return t.as(dtypes.Int32)
	}
	bound := 1 << 31
	if inside := t.Ge(-bound).And(t.Lt(bound)); !inside.All().truth() {
		fail("Int of a tensor %s with values outside those of 32-bit whole numbers, or NaN", t.Describe())
	}
	return t.as(dtypes.Int32)
}

// DType is the type of the values, such as "float32", "int32" or "bool".
func (t *Tensor) DType() string { return typeName(t.need().value.DType()) }
