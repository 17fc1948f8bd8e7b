package edges

import (
	"fmt"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
)

// NodeKind says what a node is.
type NodeKind int

// The kinds of nodes.
const (
	Input  NodeKind = iota + 1 // what is embedded, with its position vectors: hook_resid_pre of layer 0
	Head                       // an attention head: it writes hook_result
	MLP                        // it writes hook_mlp_out
	Logits                     // reads the last residual stream
	Group                      // heads that share their keys and values, as a reader of these
)

// A Node reads from the residual stream and writes to it.
type Node struct {
	Kind  NodeKind
	Layer int // of heads, groups and MLPs
	Head  int // of heads; of groups their number
}

// String is the name that Hanna's EAP-IG gives it: "input", "a5.h3", "m5", "logits"; of a group
// "a5.kv1".
func (n Node) String() string {
	switch n.Kind {
	case Input:
		return "input"
	case Head:
		return fmt.Sprintf("a%d.h%d", n.Layer, n.Head)
	case MLP:
		return fmt.Sprintf("m%d", n.Layer)
	case Logits:
		return "logits"
	case Group:
		return fmt.Sprintf("a%d.kv%d", n.Layer, n.Head)
	}
	return "no node"
}

// Part is what of a head an edge ends at; empty for other nodes.
type Part string

// The parts of a head.
const (
	Q Part = "q"
	K Part = "k"
	V Part = "v"
)

// An Edge is a way from what one node writes to what another reads. Of a model with grouped queries
// the edges into keys and values end at a [Group].
type Edge struct {
	From, To Node
	Part     Part
}

// String is Hanna's name of it: "a0.h1->a5.h3<q>", "input->m0", "m3->logits".
func (e Edge) String() string { return e.From.String() + "->" + e.reader() }

func (e Edge) reader() string {
	if e.Part == "" {
		return e.To.String()
	}
	return fmt.Sprintf("%s<%s>", e.To, string(e.Part))
}

// ParseEdge reads a name that [Edge.String] writes.
func ParseEdge(name string) (Edge, error) {
	from, to, ok := strings.Cut(name, "->")
	var e Edge
	if ok {
		var part string
		to, part, _ = strings.Cut(strings.TrimSuffix(to, ">"), "<")
		e = Edge{From: parseNode(from), To: parseNode(to), Part: Part(part)}
	}
	if e.String() != name {
		return Edge{}, brief.Errorf("edges: %q is no edge: want a name like \"a0.h1->a5.h3<q>\", \"input->m0\" or \"m3->logits\"", brief.Text(name))
	}
	return e, nil
}

// parseNode reads a node's name, as far as it is one.
func parseNode(name string) Node {
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	layer, head, _ := strings.Cut(name, ".")
	switch {
	case name == "input":
		return Node{Kind: Input}
	case name == "logits":
		return Node{Kind: Logits}
	case strings.HasPrefix(name, "m"):
		return Node{Kind: MLP, Layer: number(name[1:])}
	case strings.HasPrefix(layer, "a") && strings.HasPrefix(head, "h"):
		return Node{Head, number(layer[1:]), number(head[1:])}
	case strings.HasPrefix(layer, "a") && strings.HasPrefix(head, "kv"):
		return Node{Group, number(layer[1:]), number(head[2:])}
	}
	return Node{}
}
