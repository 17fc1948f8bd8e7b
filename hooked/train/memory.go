package train

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	mltrain "github.com/gomlx/gomlx/ml/train"

	"gopherlens/internal/brief"
	"gopherlens/internal/sysmem"
)

// A stepSize is what a step needs at least, in bytes, as its graph tells before it is compiled.
type stepSize struct {
	held        int // weights, what the optimizer remembers of them, and the batch
	gradients   int // all at once, for their norm
	activations int // that the gradients are computed of
}

func (s stepSize) total() int { return s.held + s.gradients + s.activations }

var errTooLarge = errors.New("the step does not fit into the memory")

// fitsMemory refuses a step that needs more than the machine can give. What a card can give is not
// known here: its own error names the step.
func (f *fit) fitsMemory(g *Graph, s stepSize) error {
	return s.fitsMachine(f.main.graphs.Backend(), present(f.store, g))
}

// fitsMachine is fits for the machine's memory, of which the step has a part already.
func (s stepSize) fitsMachine(be compute.Backend, present int) error {
	if !onHost(be) {
		return nil
	}
	return s.fits(sysmem.Available() + int64(present))
}

// present is what of the variables of a graph is in the memory before its step: weights, and what
// the optimizer remembers since another program's step.
func present(store *model.Store, g *Graph) (bytes int) {
	for v := range store.IterVariables() {
		if v.HasValue() && v.InUseByGraph(g) {
			bytes += int(v.Shape().ByteSize())
		}
	}
	return bytes
}

// values is how many variables have one. A step takes over those that it changes when it begins to
// compute: if it fails from there on, they have none, and what was reached is lost with them.
func values(store *model.Store) (n int) {
	for v := range store.IterVariables() {
		if v.HasValue() {
			n++
		}
	}
	return n
}

func (s stepSize) fits(free int64) error {
	if need := int64(s.total()); need > free {
		return brief.Errorf("%w: it needs %s at least (weights and what the optimizer remembers %s, gradients %s, activations %s), and there are %s: lower the rows of a batch or their length, or set Config.Accumulate",
			errTooLarge, gigabytes(need), gigabytes(int64(s.held)), gigabytes(int64(s.gradients)), gigabytes(int64(s.activations)), gigabytes(max(free, 0)))
	}
	return nil
}

func gigabytes(n int64) string { return fmt.Sprintf("%.2f GB", float64(n)/1e9) }

// onHost reports whether a backend computes in the machine's own memory.
func onHost(be compute.Backend) bool {
	return !strings.Contains(strings.ToLower(be.Name()+" "+be.Description()), "cuda")
}

// sizeOf is what a graph with these gradients needs.
func sizeOf(g *Graph, grads []*Node) (s stepSize) {
	for _, grad := range grads {
		s.gradients += bytesOf(grad)
	}
	kept, root := make(map[*Node]bool), make(roots)
	nodes := g.Nodes()
	forwardEnd := mltrain.TotalLoss(g).Id()
	for _, n := range nodes {
		if n.Type() == NodeTypeParameter {
			s.held += bytesOf(n)
		}
		if n.Id() <= forwardEnd {
			continue
		}
		for _, in := range n.Inputs() {
			if in.Id() <= forwardEnd {
				kept[root.of(in)] = true
			}
		}
	}
	for n := range kept {
		if n.Type() != NodeTypeParameter && n.Type() != NodeTypeConstant && n.Type() != NodeTypeIota {
			s.activations += bytesOf(n)
		}
	}
	return s
}

// roots are what nodes are made of entry by entry, as they are found.
type roots map[*Node]*Node

// of is what x is made of: of a chain of functions of each entry a backend keeps one, and computes
// the others again. A function of two arrays of its size is kept itself.
func (r roots) of(x *Node) *Node {
	if found, ok := r[x]; ok {
		return found
	}
	root := x
	if !makesAnew[x.Type()] {
		root = r.ofInputs(x)
	}
	r[x] = root
	return root
}

func (r roots) ofInputs(x *Node) *Node {
	var large, small *Node
	for _, in := range x.Inputs() {
		root := r.of(in)
		switch {
		case root.Shape().Size() < x.Shape().Size():
			small = root
		case large != nil && large != root, root.Shape().Size() > x.Shape().Size():
			return x
		default:
			large = root
		}
	}
	switch {
	case large != nil:
		return large
	case small != nil:
		return small
	}
	return x
}

// makesAnew are the kinds of nodes whose entries are sums, or come from elsewhere.
var makesAnew = map[NodeType]bool{
	NodeTypeParameter: true, NodeTypeConstant: true, NodeTypeIota: true, NodeTypeDotGeneral: true, NodeTypeGather: true,
	NodeTypeReduceSum: true, NodeTypeReduceMax: true, NodeTypeScatterSum: true,
}

func bytesOf(n *Node) int { return int(n.Shape().ByteSize()) }
