package hooked

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// rotate turns the first rotary_dim entries of each head of x [batch, pos, head, d_head] by angles that grow with the
// position (Su et al. 2021, arXiv:2104.09864). positions is [1 or batch, pos] int32.
func (b *builder) rotate(l int, x, positions *Node) *Node {
	dim := b.cfg.RotaryDim
	sin, cos := b.angles(l, positions)
	turned := x
	if dim < b.cfg.DHead {
		turned = SliceAxis(x, -1, AxisRange(0, dim))
	}
	turned = Add(Mul(turned, cos), Mul(b.quarterTurn(turned), sin))
	if dim < b.cfg.DHead {
		turned = Concatenate([]*Node{turned, SliceAxis(x, -1, AxisRange(dim))}, -1)
	}
	return turned
}

// quarterTurn maps each pair (x, y) to (-y, x).
func (b *builder) quarterTurn(x *Node) *Node {
	half := b.cfg.RotaryDim / 2
	if !b.cfg.RotaryAdjacentPairs {
		return Concatenate([]*Node{Neg(SliceAxis(x, -1, AxisRange(half))), SliceAxis(x, -1, AxisRange(0, half))}, -1)
	}
	pairs := Reshape(x, append(leading(x), half, 2)...)
	first, second := SliceAxis(pairs, -1, AxisElem(0)), SliceAxis(pairs, -1, AxisElem(1))
	return Reshape(Concatenate([]*Node{Neg(second), first}, -1), x.Shape().Dimensions...)
}

type angleKey struct {
	positions *Node
	local     bool
}

// angles are sine and cosine of the angle of each entry, [1 or batch, pos, 1, rotary_dim]. Layers share them.
func (b *builder) angles(l int, positions *Node) (sin, cos *Node) {
	key := angleKey{positions, b.cfg.local(l) && b.cfg.RotaryBaseLocal != 0}
	if cached, ok := b.turns[key]; ok {
		return cached[0], cached[1]
	}
	periods := b.constant(b.cfg.rotaryPeriods(key.local)) // [rotary_dim/2]
	angle := Div(InsertAxes(ConvertDType(positions, dtypes.Float32), -1), ExpandLeftToRank(periods, 3))
	sin, cos = b.spread(Sin(angle)), b.spread(Cos(angle))
	b.turns[key] = [2]*Node{sin, cos}
	return sin, cos
}

// spread gives both entries of a pair the angle of the pair: [batch, pos, rotary_dim/2] to [batch, pos, 1, rotary_dim].
func (b *builder) spread(x *Node) *Node {
	x = InsertAxes(x, 2)
	if !b.cfg.RotaryAdjacentPairs {
		return Concatenate([]*Node{x, x}, -1)
	}
	pairs := InsertAxes(x, -1)
	return Reshape(Concatenate([]*Node{pairs, pairs}, -1), append(leading(x), b.cfg.RotaryDim)...)
}

// rotaryPeriods are the positions per radian of each pair. They are rounded to float32 before the division, as
// TransformerLens does, so that angles of far positions agree.
func (c Config) rotaryPeriods(local bool) []float32 {
	base := c.RotaryBase
	if local {
		base = c.RotaryBaseLocal
	}
	half := c.RotaryDim / 2
	periods := make([]float32, half)
	for i := range periods {
		period := math.Pow(base, float64(i)/float64(half))
		if !local {
			period = c.stretched(i, period)
		}
		periods[i] = float32(period)
	}
	return periods
}

// stretched applies the family's scaling for long contexts to the period of pair i.
func (c Config) stretched(i int, period float64) float64 {
	if len(c.RotaryFactors) > 0 {
		period *= c.RotaryFactors[i]
	}
	if c.RotaryLinearFactor > 0 {
		period *= c.RotaryLinearFactor
	}
	if s := c.RotaryScaling; s != nil {
		return s.apply(period)
	}
	return period
}

func (s *RopeScaling) apply(period float64) float64 {
	wavelength := 2 * math.Pi * period
	context := float64(s.OriginalContext)
	switch {
	case wavelength > context/s.LowFreqFactor:
		return period * s.Factor
	case wavelength < context/s.HighFreqFactor:
		return period
	}
	smooth := (context/wavelength - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	return 1 / ((1-smooth)/(period*s.Factor) + smooth/period)
}
