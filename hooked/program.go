package hooked

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A program is a graph: traced by a builder, and then compiled by the engine, once for all who need
// it.
type program struct {
	graph   *Graph
	nodes   []*Node  // the graph's results
	inputs  []string // names of the parameters, in order
	results []result
	layer   int // the first that it was built as, if it serves several

	fingerprint string
}

// empty reports whether nothing is to be computed: what the program gives is what it reads.
func (p *program) empty() bool { return len(p.nodes) == 0 }

// A result is one named result of a program; several may share a node of the graph, since the same
// value stands at several sites.
type result struct {
	site     Site
	name     string // of the weight, if it is the gradient of one
	kind     resultKind
	axes     []string
	byPrefix bool // it is [1, prefix, ...] and stands for [batch, pos, ...]

	slot int // which of the program's nodes it is, or inputSlot
}

// of is the site or the weight that the result belongs to, in a program that was built as that of
// the layers from layer on and may serve others.
func (r result) of(layer int) string {
	if r.site.info == nil {
		return r.name
	}
	return fmt.Sprint(r.site.info.path, r.site.layer-layer)
}

// value is the result among the values of a program's nodes, or x, the residual stream that it has
// read.
func (r result) value(values []*tensors.Tensor, x *Tensor) *tensors.Tensor {
	if r.slot == inputSlot {
		return x.value
	}
	return values[r.slot]
}

// inputSlot says that a result is the residual stream that the program reads, as it is.
const inputSlot = -1

type resultKind int

const (
	siteResult resultKind = iota
	gradResult
	logitsResult
	lossResult
	residualResult
	kvResult
	scalarResult
	weightGradResult
	greedyResult
	encodedResult
	sourceKVResult
)

// A programKey tells programs apart. It is compared as a whole: of what decides a plan's graph
// nothing can be left out but what is in none of its fields.
type programKey struct {
	// what computes: a run, a component, a block of a branch, a metric, a tensor's method
	kind  string
	model string // [modelRecord.graphID]; the weights themselves are inputs
	scope        // of the plan

	record, grads, weightGrads string // names
	// of other graphs: the fingerprint, or a name and the shapes of the inputs
	graph string
}

// keyOf is the key of a plan without functions of the user's, which cannot be compared.
func (m *Model) keyOf(p *plan) programKey {
	return programKey{kind: "run", model: m.id, scope: p.scope, record: siteNames(p.record), grads: siteNames(p.grads),
		weightGrads: strings.Join(p.weightGrads, " ")}
}

func siteNames(sites []Site) string {
	return strings.Join(namesOf(sites), " ")
}

// compiled is a program that is being compiled or was.
type compiled struct {
	once    sync.Once
	program *program
	err     error

	lastUse int // counted by the engine
}

// program is the compiled program called key: known, or traced and compiled now. Whoever asks first
// does it, and others wait.
func (e *engine) program(key programKey, trace func() (*program, error)) (*program, error) {
	c := e.get(key)
	c.once.Do(func() {
		c.err = guarded(func() (err error) {
			if c.program, err = trace(); err != nil {
				return err
			}
			return c.program.compile()
		})
	})
	return c.program, c.err
}

// fingerprinted is the compiled program of a traced graph: one that was compiled for the same
// graph, if there is one.
func (e *engine) fingerprinted(kind string, p *program) (*program, error) {
	return e.program(programKey{kind: kind, graph: p.fingerprint}, func() (*program, error) { return p, nil })
}

func (p *program) compile() error {
	if p.empty() {
		return nil
	}
	p.placeResults()
	return guarded(func() error { return p.graph.Compile(p.nodes...) })
}

// programOf is the compiled program of a plan. A plan without functions of the user's is known by
// its key alone; else the graph is traced, and compiled only if no graph with the same fingerprint
// was.
func (m *Model) programOf(p *plan) (*program, error) {
	trace := func() (*program, error) {
		return m.trace(p.batch, func(t *program) {
			b := m.newBuilder(p, t.graph)
			b.forward()
			b.nameResults(t)
		})
	}
	if !p.traced() {
		return m.eng.program(m.keyOf(p), trace)
	}
	traced, err := trace()
	if err != nil {
		return nil, err
	}
	return m.eng.fingerprinted("run", traced)
}

// trace builds a graph of the model's, which reads a batch of so many prompts, without compiling
// it.
func (m *Model) trace(batch int, build func(p *program)) (p *program, err error) {
	return m.eng.graphBackend(batch).trace(m.cfg.ModelName, build)
}

// trace builds a graph without compiling it.
func (w watchedBackend) trace(name string, build func(p *program)) (p *program, err error) {
	constants := sha256.New()
	w.seen = constants
	p = &program{graph: NewGraph(w, name)}
	err = guarded(func() error {
		build(p)
		p.endWithResult()
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.fingerprint = p.identify(constants)
	return p, nil
}

// endWithResult makes a result the last node of the graph. The pure Go backend (compute v0.1.6) has
// no room for parameters that come after all results, which a run that records only some
// activations leaves unused.
func (p *program) endWithResult() {
	if last := len(p.nodes) - 1; last >= 0 {
		p.nodes[last] = Identity(p.nodes[last])
	}
}

// A watchedBackend notes the constants that go into a graph. GoMLX does not keep large ones, and
// without them two graphs that differ only in a table of numbers would look alike.
type watchedBackend struct {
	compute.Backend
	seen hash.Hash
}

func (w watchedBackend) Builder(name string) compute.Builder {
	return watchedBuilder{w.Backend.Builder(name), w.seen}
}

type watchedBuilder struct {
	compute.Builder
	seen hash.Hash
}

func (w watchedBuilder) Main() compute.Function {
	return watchedFunction{w.Builder.Main(), w.seen, make(map[compute.Function]int)}
}

type watchedFunction struct {
	compute.Function
	seen     hash.Hash
	closures map[compute.Function]int // in the order in which they were made
}

func (w watchedFunction) Constant(flat any, dims ...int) (compute.Value, error) {
	fmt.Fprint(w.seen, dims, flat, ";")
	return w.Function.Constant(flat, dims...)
}

func (w watchedFunction) Closure() (compute.Function, error) {
	f, err := w.Function.Closure()
	w.closures[f] = len(w.closures)
	return f, err
}

// Sort notes what GoMLX's own words for a sort leave out.
func (w watchedFunction) Sort(comparator compute.Function, axis int, stable bool, inputs ...compute.Value) ([]compute.Value, error) {
	fmt.Fprint(w.seen, "sort ", w.closures[comparator], axis, stable, ";")
	return w.Function.Sort(comparator, axis, stable, inputs...)
}

// What a loop, a branch or a call does is in functions of their own, of which a graph does not tell
// which results they give: no two such graphs are taken for the same.

func (w watchedFunction) While(cond, body compute.Function, state ...compute.Value) ([]compute.Value, error) {
	w.alone()
	return w.Function.While(cond, body, state...)
}

func (w watchedFunction) If(pred compute.Value, yes, no compute.Function) ([]compute.Value, error) {
	w.alone()
	return w.Function.If(pred, yes, no)
}

func (w watchedFunction) Call(f compute.Function, inputs ...compute.Value) ([]compute.Value, error) {
	w.alone()
	return w.Function.Call(f, inputs...)
}

func (w watchedFunction) alone() { standAlone(w.seen) }

// standAlone makes a graph equal to no other.
func standAlone(seen hash.Hash) { fmt.Fprint(seen, "graph ", graphsAlone.Add(1), ";") }

var graphsAlone atomic.Int64

// identify names a traced graph: its operations, its constants, which of its nodes are results, and
// of what.
func (p *program) identify(constants hash.Hash) string {
	h := sha256.New()
	for _, n := range p.graph.Nodes() {
		fmt.Fprintln(h, n, nodeIDs(n.Inputs()))
	}
	if p.severalInClosure() {
		standAlone(constants)
	}
	fmt.Fprintln(h, nodeIDs(p.nodes))
	if spread := spreadOf(p.graph); spread != nil {
		fmt.Fprintln(h, spread.Grid())
	}
	for _, r := range p.results {
		fmt.Fprintln(h, r.of(p.layer), r.kind, r.slot, r.byPrefix, r.axes)
	}
	h.Write(constants.Sum(nil))
	return hex.EncodeToString(h.Sum(nil))
}

// severalInClosure reports whether a closure, such as the comparison of a sort, computes more than
// one value: then nothing tells which of them it gives.
func (p *program) severalInClosure() bool {
	computed := make(map[*Function]int)
	for _, n := range p.graph.Nodes() {
		if f := n.Function(); f.IsClosure() && n.Type() != NodeTypeParameter {
			computed[f]++
		}
	}
	for _, n := range computed {
		if n > 1 {
			return true
		}
	}
	return false
}

func nodeIDs(nodes []*Node) []NodeId {
	ids := make([]NodeId, len(nodes))
	for i, n := range nodes {
		ids[i] = n.Id()
	}
	return ids
}
