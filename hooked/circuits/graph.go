package circuits

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// A Graph is an attribution graph: the features, errors and tokens that the prediction of a prompt
// comes of, and what each adds to each. Its nodes are, in this order, the selected features (by
// layer, position and index), the errors (one for each layer and position, layer by layer), the
// tokens, and the logits. Its fields are exported so that [hooked.Once] keeps it; they are not
// meant to be changed.
type Graph struct {
	Tokens []int
	Texts  []string // of the tokens
	Layers int

	Active   []Feature // all that are active in the prompt
	Selected []int     // of Active: those that are nodes
	Logits   []Logit   // what the graph explains

	// Adjacency [target, source] are the direct effects, row by row.
	Adjacency []float32

	// Unexplained is, of each layer, the share of the variance of the MLP's output that the
	// transcoders leave to the errors in this prompt. Above 1 they are worse than the mean output:
	// they may be those of another model.
	Unexplained []float64

	Model   string // as it was asked for
	Scan    string // of the transcoders
	In, Out string // sites of a layer that they read and write
}

// A NodeKind is what a node of a graph stands for.
type NodeKind string

// The kinds of nodes.
const (
	FeatureNode NodeKind = "feature"
	ErrorNode   NodeKind = "error" // what the transcoders lack at a layer and position
	TokenNode   NodeKind = "token"
	LogitNode   NodeKind = "logit"
)

// A Node is a node of a graph.
type Node struct {
	Kind  NodeKind
	Layer int // of features and errors
	Pos   int
	// Index is the feature of its layer, or the token's id.
	Index      int
	Activation float64 // of features
	Text       string  // of tokens and logits
	// Probability is that of a logit, or the weight of a direction.
	Probability float64
}

// String names the node in a few words.
func (n Node) String() string {
	switch n.Kind {
	case FeatureNode:
		return fmt.Sprintf("feature %d of layer %d at position %d (%.3g)", n.Index, n.Layer, n.Pos, n.Activation)
	case ErrorNode:
		return fmt.Sprintf("error of layer %d at position %d", n.Layer, n.Pos)
	case TokenNode:
		return brief.Sprintf("token %q at position %d", n.Text, n.Pos)
	case LogitNode:
		return brief.Sprintf("logit %q (p = %.3f)", n.Text, n.Probability)
	}
	return "no node"
}

var errNoGraph = errors.New("circuits: there is no graph: look at the error of the Attribute that should have made it")

func (g *Graph) check() error {
	if g == nil || len(g.Tokens) == 0 || len(g.Logits) == 0 {
		return errNoGraph
	}
	n := g.Len()
	switch {
	case len(g.Adjacency) != n*n:
		return brief.Errorf("circuits: the graph has %d nodes and %d effects, want the square of it", n, len(g.Adjacency))
	case len(g.Texts) != len(g.Tokens):
		return brief.Errorf("circuits: the graph has %d tokens and %d texts", len(g.Tokens), len(g.Texts))
	case slices.ContainsFunc(g.Selected, func(i int) bool { return i < 0 || i >= len(g.Active) }):
		return brief.Errorf("circuits: the graph selects features that are not active")
	}
	return nil
}

// Len is the number of nodes.
func (g *Graph) Len() int {
	if g == nil {
		return 0
	}
	return len(g.Selected) + (g.Layers+1)*len(g.Tokens) + len(g.Logits)
}

// firsts are where errors, tokens and logits begin among the nodes.
func (g *Graph) firsts() (errors, tokens, logits int) {
	errors = len(g.Selected)
	tokens = errors + g.Layers*len(g.Tokens)
	return errors, tokens, tokens + len(g.Tokens)
}

// Node is a node by its number; it panics as an index out of range does.
func (g *Graph) Node(i int) Node {
	if i < 0 || i >= g.Len() {
		panic(brief.Errorf("circuits: there is no node %d: the graph has %d", i, g.Len()))
	}
	errors, tokens, logits := g.firsts()
	switch {
	case i < errors:
		f := g.Active[g.Selected[i]]
		return Node{Kind: FeatureNode, Layer: f.Layer, Pos: f.Pos, Index: f.Index, Activation: f.Activation}
	case i < tokens:
		return Node{Kind: ErrorNode, Layer: (i - errors) / len(g.Tokens), Pos: (i - errors) % len(g.Tokens)}
	case i < logits:
		return Node{Kind: TokenNode, Pos: i - tokens, Index: g.Tokens[i-tokens], Text: g.Texts[i-tokens]}
	}
	l := g.Logits[i-logits]
	return Node{Kind: LogitNode, Pos: len(g.Tokens) - 1, Index: l.Token, Text: l.Text, Probability: l.Probability}
}

// Effect is the direct effect of one node on another; it panics as an index out of range does.
func (g *Graph) Effect(source, target int) float64 {
	if n := g.Len(); source < 0 || source >= n || target < 0 || target >= n {
		panic(brief.Errorf("circuits: no effect of node %d on node %d: the graph has %d", source, target, n))
	}
	return float64(g.row(target)[source])
}

// An Edge is the direct effect of one node on another.
type Edge struct {
	Source, Target int // nodes
	Effect         float64
}

// Inputs are the n edges into a node with the largest effects, up or down, the largest first; there
// may be fewer. It panics as an index out of range does.
func (g *Graph) Inputs(target, n int) []Edge {
	return g.edges(n, func(i int) Edge { return Edge{i, target, g.Effect(i, target)} })
}

// Outputs are the n edges from a node with the largest effects, as [Graph.Inputs].
func (g *Graph) Outputs(source, n int) []Edge {
	return g.edges(n, func(i int) Edge { return Edge{source, i, g.Effect(source, i)} })
}

func (g *Graph) edges(n int, of func(i int) Edge) []Edge {
	var all []Edge
	for i := range g.Len() {
		if e := of(i); e.Effect != 0 {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Edge) int { return cmp.Compare(math.Abs(b.Effect), math.Abs(a.Effect)) })
	return all[:max(min(n, len(all)), 0)]
}

func (g *Graph) row(target int) []float32 {
	n := g.Len()
	return g.Adjacency[target*n : (target+1)*n]
}

// String describes the graph in a line.
func (g *Graph) String() string {
	if g.check() != nil {
		return "no graph"
	}
	replacement, completeness, _ := g.Scores()
	return brief.Sprintf("attribution graph of %q: %d of %d active features, %d errors, %d tokens, %d logits; replacement %.3f, completeness %.3f",
		strings.Join(g.Texts, ""), len(g.Selected), len(g.Active), g.Layers*len(g.Tokens), len(g.Tokens), len(g.Logits), replacement, completeness)
}

// A shareOut is a graph's effects as shares of what each node gets.
type shareOut struct {
	g *Graph
	// adjacency is the graph's, or less where it is pruned.
	adjacency []float32
	influence []float64
}

// leastSum is what a sum of effects counts for at least, as circuit-tracer has it.
const leastSum = 1e-10

// shared shares out the influence of the logits among all nodes.
func (g *Graph) shared(adjacency []float32) shareOut {
	n := g.Len()
	s := shareOut{g, adjacency, make([]float64, n)}
	errors, _, logits := g.firsts()
	for i := logits; i < n; i++ {
		passOn(s.influence, s.row(i), g.Logits[i-logits].Probability, leastSum)
	}
	// a feature is read by later layers alone
	for i := errors - 1; i >= 0; i-- {
		passOn(s.influence, s.row(i), s.influence[i], leastSum)
	}
	return s
}

func (s shareOut) row(i int) []float32 {
	n := s.g.Len()
	return s.adjacency[i*n : (i+1)*n]
}

// weight is a node's own share of what the graph explains: a logit's probability.
func (s shareOut) weight(i int) float64 {
	_, _, logits := s.g.firsts()
	if i < logits {
		return 0
	}
	return s.g.Logits[i-logits].Probability
}

// Influence is how much the targets depend on each node, by all paths: w A' + w A'^2 + ..., where
// A' are the effects' sizes, of which those on a node sum to 1, and w the probabilities at the
// logits.
func (g *Graph) Influence() ([]float64, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	return g.shared(g.Adjacency).influence, nil
}

// Scores say how much of the computation the transcoders explain. The replacement score is the
// influence of the tokens over that of the tokens and the errors: how much of what ends in the
// targets began in the prompt, and not where a transcoder failed. Completeness is the share of what
// goes into a node that comes from features and tokens, averaged over nodes by influence.
func (g *Graph) Scores() (replacement, completeness float64, err error) {
	if err := g.check(); err != nil {
		return 0, 0, err
	}
	s := g.shared(g.Adjacency)
	errors, tokens, logits := g.firsts()
	fromErrors, fromTokens := sum(s.influence[errors:tokens]), sum(s.influence[tokens:logits])
	var explained, all float64
	for i, influence := range s.influence {
		weight := influence + s.weight(i)
		explained += weight * (1 - shareBetween(s.row(i), errors, tokens))
		all += weight
	}
	return fromTokens / (fromTokens + fromErrors), explained / all, nil
}

// shareBetween is the share of a row that some of its entries make up.
func shareBetween(row []float32, from, to int) float64 {
	var some, all float64
	for i, v := range row {
		size := math.Abs(float64(v))
		all += size
		if i >= from && i < to {
			some += size
		}
	}
	return some / max(all, leastSum)
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}
