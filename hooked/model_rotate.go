package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// Rotate turns queries or keys by the angles of their positions, as layer l does between hook_q and
// hook_rot_q. The rotation is linear, so that what a part of the residual stream gives of a query
// can be turned for itself, and attention scores taken apart in a model with rotary positions.
//
// x ends in d_head and has an axis called pos (or query or key); all others are kept as they are:
// [batch, pos, head, d_head], [component, pos, d_head]. positions are those of the entries of that
// axis, 0, 1, 2, ... if none are given. With rotary scaling whose angles depend on how long the
// text is (dynamic, longrope) it ends with the last of them. A model without rotary positions is an
// error.
func (m *Model) Rotate(l int, x *Tensor, positions ...int) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, brief.Errorf("Rotate: %w", err)
	}
	if m.cfg.PositionalEmbedding != RotaryPositions {
		return nil, brief.Errorf("Rotate: the model's positions are %s, not rotary", m.cfg.PositionalEmbedding)
	}
	at, err := m.rotatedAxis(x)
	if err != nil {
		return nil, brief.Errorf("Rotate: %w", err)
	}
	shape := x.Shape()
	if len(positions) == 0 {
		positions = make([]int, shape[at])
		for p := range positions {
			positions[p] = p
		}
	}
	if err := m.checkRotated(positions, shape[at]); err != nil {
		return nil, brief.Errorf("Rotate: %w", err)
	}
	r := &run{m: m, plan: new(plan), in: m.newInputs()}
	r.plan.batch, r.plan.pos = 1, slices.Max(positions)+1
	n := doubled(positionsStep, r.plan.pos)
	if err := r.in.setTensor(componentInput(0), x); err != nil {
		return nil, err
	}
	if err := r.in.set(componentInput(1), flatten32([][]int{positions}), dtypes.Int32, len(positions), 1); err != nil {
		return nil, err
	}
	out, err := r.component(component{"rotate", l}, fmt.Sprint(shape, at, n), func(b *builder, l int) *Node {
		return b.rotateAlong(l, b.input(componentInput(0), dtypes.Float32, shape...), at, n)
	})
	if err != nil {
		return nil, err
	}
	out.axes = x.AxisNames()
	return out, nil
}

// rotatedAxis is the axis of positions of what is to be rotated.
func (m *Model) rotatedAxis(x *Tensor) (int, error) {
	if err := x.check(); err != nil {
		return 0, err
	}
	shape, at := x.Shape(), axis.Find(x.axes, "pos")
	switch last := len(shape) - 1; {
	case last < 0 || shape[last] != m.cfg.DHead:
		return 0, brief.Errorf("the last axis must be d_head, %d; this tensor is %v", m.cfg.DHead, x.Describe())
	case at < 0 || at == last:
		return 0, brief.Errorf("there is no axis pos among %v: name it with Tensor.Named", x.axes)
	case x.value.DType() != dtypes.Float32:
		return 0, brief.Errorf("this tensor holds values of type %s, want float32", x.value.DType())
	}
	return at, nil
}

func (m *Model) checkRotated(positions []int, n int) error {
	if len(positions) != n {
		return brief.Errorf("%d positions for an axis of %d", len(positions), n)
	}
	for _, p := range positions {
		if p < 0 || p >= m.cfg.longest() {
			return fault.Mark(brief.Errorf("there is no position %d: the model's context is %d", p, m.cfg.NCtx), ErrOutOfContext)
		}
	}
	return nil
}

// rotateAlong turns x, whose axis at runs over the positions that an input tells, by the angles in
// a table of n positions.
func (b *builder) rotateAlong(l int, x *Node, at, n int) *Node {
	dims, dim := x.Shape().Dimensions, b.cfg.RotaryDim
	pos := dims[at]
	table := b.input(rotaryTableName(b.cfg.localAngles(l), n), dtypes.Float32, 2, n, dim)
	positions := b.input(componentInput(1), dtypes.Int32, pos, 1)
	angles := func(which int) *Node {
		all := Reshape(SliceAxis(table, 0, AxisElem(which)), n, dim)
		return Reshape(Gather(all, positions), 1, pos, 1, dim)
	}
	flat := Reshape(x, sizeOf(dims[:at]), pos, sizeOf(dims[at+1:len(dims)-1]), b.cfg.DHead)
	return Reshape(b.turn(flat, angles(0), angles(1)), dims...)
}
