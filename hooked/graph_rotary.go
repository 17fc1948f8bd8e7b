package hooked

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// rotate turns the first rotary_dim entries of each head of x [batch, pos, head, d_head] by angles
// that grow with the position (Su et al. 2021, arXiv:2104.09864). positions is [1 or batch, pos]
// int32.
func (b *builder) rotate(l int, x, positions *Node) *Node {
	if !b.cfg.rotates(l) {
		return x
	}
	sin, cos := b.angles(l, positions)
	return b.turn(x, sin, cos)
}

// turn is rotate with the angles' sines and cosines.
func (b *builder) turn(x, sin, cos *Node) *Node {
	dim := b.cfg.RotaryDim
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

// angles are sine and cosine of the angle of each entry, [1 or batch, pos, 1, rotary_dim]. Layers
// share them.
func (b *builder) angles(l int, positions *Node) (sin, cos *Node) {
	key := angleKey{positions, b.cfg.localAngles(l)}
	if cached, ok := b.angleTables[key]; ok {
		return cached[0], cached[1]
	}
	n, dim := doubled(positionsStep, b.keys()), b.cfg.RotaryDim
	table := b.input(rotaryTableName(key.local, n), dtypes.Float32, 2, n, dim)
	at := func(which int) *Node {
		turns := Reshape(SliceAxis(table, 0, AxisElem(which)), n, dim)
		if b.fromZero(positions) {
			return Reshape(SliceAxis(turns, 0, AxisRange(0, positions.Shape().Dim(1))), 1, -1, 1, dim)
		}
		return InsertAxes(Gather(turns, InsertAxes(positions, -1)), 2)
	}
	sin, cos = at(0), at(1)
	b.angleTables[key] = [2]*Node{sin, cos}
	return sin, cos
}

// localAngles reports whether layer l turns by the base of local layers.
func (c Config) localAngles(l int) bool { return c.local(l) && c.RotaryBaseLocal != 0 }

// fromZero reports whether positions are 0, 1, 2, ... in every run.
func (b *builder) fromZero(positions *Node) bool {
	return b.padding == nil && b.plan.prefixes == 0 && (b.past == nil || positions == b.allIDs)
}

// rotaryTableName is the graph input that holds sines and cosines of the first n positions, [2, n,
// rotary_dim]. Computed in the graph, where XLA does so for each head and each entry again, they
// would cost a twentieth of a step of generation.
func rotaryTableName(local bool, n int) string { return fmt.Sprintf("rotary.%t.%d", local, n) }

// rotaryTable is the table called name in a text of a length; nil if it is none.
func (c Config) rotaryTable(name string, length int) *Array {
	var local bool
	var n int
	if _, err := fmt.Sscanf(name, "rotary.%t.%d", &local, &n); err != nil {
		return nil
	}
	factor := 1.0
	if !local {
		factor = c.RotaryScaling.attnFactor()
	}
	out, periods := NewArray(2, n, c.RotaryDim), c.rotaryPeriods(local, length)
	sin, cos := out.Data[:n*c.RotaryDim], out.Data[n*c.RotaryDim:]
	for pos := range n {
		for pair, period := range periods {
			s, c64 := math.Sincos(float64(float32(pos) / period))
			for _, entry := range c.pairEntries(pair) {
				sin[pos*c.RotaryDim+entry], cos[pos*c.RotaryDim+entry] = float32(factor*s), float32(factor*c64)
			}
		}
	}
	return out
}

// pairEntries are the two entries that are turned together.
func (c Config) pairEntries(pair int) [2]int {
	if c.RotaryAdjacentPairs {
		return [2]int{2 * pair, 2*pair + 1}
	}
	return [2]int{pair, pair + c.RotaryDim/2}
}

// rotaryPeriods are the positions per radian of each pair in a text of a length. They are rounded
// to float32 before the division, as TransformerLens does, so that angles of far positions agree.
func (c Config) rotaryPeriods(local bool, length int) []float32 {
	base := c.RotaryBase
	if local {
		base = c.RotaryBaseLocal
	}
	periods := unscaledPeriods(base, c.RotaryDim/2)
	if !local {
		for i, factor := range c.RotaryFactors {
			periods[i] *= factor
		}
		if c.RotaryScaling != nil {
			periods = c.RotaryScaling.periods(periods, base, length)
		}
	}
	out := make([]float32, len(periods))
	for i, period := range periods {
		out[i] = float32(period)
	}
	return out
}
