package circuits

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A Document is a pruned graph as a page shows it and Neuronpedia reads it: the JSON of
// circuit-tracer's create_graph_files, field by field.
type Document struct {
	Metadata Metadata       `json:"metadata"`
	View     View           `json:"qParams"`
	Nodes    []DocumentNode `json:"nodes"`
	Links    []Link         `json:"links"`
}

// Metadata says what a document's graph is of.
type Metadata struct {
	Slug          string   `json:"slug"`
	Scan          string   `json:"scan"`
	Transcoders   []string `json:"transcoder_list"`
	PromptTokens  []string `json:"prompt_tokens"`
	Prompt        string   `json:"prompt"`
	NodeThreshold float64  `json:"node_threshold"`
	SchemaVersion int      `json:"schema_version"`

	More map[string]json.RawMessage `json:"-"` // what others write besides; it is written again
}

// A View is what a page shows first: pinned nodes, and groups of nodes under a name, whose first
// entry is the name.
type View struct {
	Pinned     []string   `json:"pinnedIds"`
	Supernodes [][]string `json:"supernodes"`
	LinkType   string     `json:"linkType"`
	Clicked    string     `json:"clickedId"`
	Positions  string     `json:"sg_pos"`

	More map[string]json.RawMessage `json:"-"`
}

// A DocumentNode is a node. Its layer is a number, "E" of tokens, and of logits two more than that
// of the last layer. Its feature is Cantor's pairing of layer and feature (see
// [DocumentNode.Feature]), -1 of errors, the position of tokens and the token of logits. Ids of
// errors may be those of features of layer 0, too: circuit-tracer's are so.
type DocumentNode struct {
	ID              string   `json:"node_id"`
	Paired          int      `json:"feature"`
	Layer           string   `json:"layer"`
	Pos             int      `json:"ctx_idx"`
	Type            string   `json:"feature_type"`
	Probability     float64  `json:"token_prob"`
	IsTarget        bool     `json:"is_target_logit"`
	Run             int      `json:"run_idx"`
	ReversePosition int      `json:"reverse_ctx_idx"`
	PageID          string   `json:"jsNodeId"`
	Label           string   `json:"clerp"`
	Influence       *float64 `json:"influence"`  // cumulative, see [Pruned]; none of logits
	Activation      *float64 `json:"activation"` // of features

	More map[string]json.RawMessage `json:"-"`
}

// A Link is an edge.
type Link struct {
	Source string  `json:"source"`
	Target string  `json:"target"`
	Weight float64 `json:"weight"`

	More map[string]json.RawMessage `json:"-"`
}

// Types of nodes in documents; features have this one whatever their transcoders are.
const (
	typeFeature = "cross layer transcoder"
	typeError   = "mlp reconstruction error"
	typeToken   = "embedding"
	typeLogit   = "logit"
)

// Kind is what the node stands for; empty of a type that is not known.
func (n DocumentNode) Kind() NodeKind {
	return map[string]NodeKind{typeFeature: FeatureNode, typeError: ErrorNode, typeToken: TokenNode, typeLogit: LogitNode}[n.Type]
}

// Feature is a feature node's layer and its number there; ok is false of other nodes.
func (n DocumentNode) Feature() (layer, feature int, ok bool) {
	if n.Kind() != FeatureNode || n.Paired < 0 || n.Paired > largestPaired {
		return 0, 0, false
	}
	layer, feature = unpaired(n.Paired)
	return layer, feature, true
}

// largestPaired bounds what is taken apart, so that no number overflows.
const largestPaired = 1 << 50

// paired is Cantor's pairing of two numbers.
func paired(a, b int) int { return (a+b)*(a+b+1)/2 + b }

// unpaired undoes it.
func unpaired(n int) (a, b int) {
	w := int((math.Sqrt(8*float64(n)+1) - 1) / 2)
	for w*(w+1)/2 > n {
		w--
	}
	for (w+1)*(w+2)/2 <= n {
		w++
	}
	b = n - w*(w+1)/2
	return w - b, b
}

// Document is the pruned graph under a name, which Neuronpedia calls its slug.
func (p *Pruned) Document(slug string) (*Document, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if slug == "" {
		return nil, errors.New("circuits: a document needs a slug: a short name for the graph")
	}
	g := p.Graph
	doc := &Document{Metadata: Metadata{Slug: slug, Scan: g.Scan, Transcoders: []string{}, PromptTokens: slices.Clone(g.Texts), Prompt: joined(g.Texts),
		NodeThreshold: p.NodeThreshold, SchemaVersion: 1},
		View: View{Pinned: []string{}, Supernodes: [][]string{}, LinkType: "both"}}
	nodes := make([]DocumentNode, g.Len())
	for i := range nodes {
		nodes[i] = p.node(i)
	}
	linked := make(map[string]bool)
	doc.Links = []Link{}
	for i, kept := range p.Edges {
		if target, source := i/g.Len(), i%g.Len(); kept && p.Nodes[target] && p.Nodes[source] {
			doc.Links = append(doc.Links, Link{Source: nodes[source].ID, Target: nodes[target].ID, Weight: float64(g.Adjacency[i])})
			linked[nodes[source].ID], linked[nodes[target].ID] = true, true
		}
	}
	doc.Nodes = []DocumentNode{}
	for i, n := range nodes {
		if p.Nodes[i] && (linked[n.ID] || n.Type == typeToken || n.Type == typeLogit) {
			doc.Nodes = append(doc.Nodes, n)
		}
	}
	return doc, nil
}

func (p *Pruned) check() error {
	if p == nil {
		return errNoGraph
	}
	if err := p.Graph.check(); err != nil {
		return err
	}
	if n := p.Graph.Len(); len(p.Nodes) != n || len(p.Edges) != n*n || len(p.Cumulative) != n {
		return errors.New("circuits: the pruned graph is not what Prune has made")
	}
	return nil
}

func joined(texts []string) string {
	var b bytes.Buffer
	for _, t := range texts {
		b.WriteString(t)
	}
	return b.String()
}

// node is a graph's node in a document.
func (p *Pruned) node(i int) DocumentNode {
	n := p.Graph.Node(i)
	influence := p.Cumulative[i]
	out := DocumentNode{Pos: n.Pos, Layer: strconv.Itoa(n.Layer), Influence: &influence}
	switch n.Kind {
	case FeatureNode:
		out.Type, out.Paired, out.Activation = typeFeature, paired(n.Layer, n.Index), &n.Activation
		out.ID, out.PageID = fmt.Sprintf("%d_%d_%d", n.Layer, n.Index, n.Pos), fmt.Sprintf("%d_%d-0", n.Layer, n.Index)
	case ErrorNode:
		out.Type, out.Paired = typeError, -1
		out.ID, out.PageID = fmt.Sprintf("0_%d_%d", n.Layer, n.Pos), fmt.Sprintf("%d_%d-0", n.Layer, n.Pos)
	case TokenNode:
		out.Type, out.Paired, out.Layer = typeToken, n.Pos, "E"
		out.ID, out.PageID = fmt.Sprintf("E_%d_%d", n.Index, n.Pos), fmt.Sprintf("E_%d-%d", n.Index, n.Pos)
	case LogitNode:
		out.Type, out.Paired, out.Layer = typeLogit, n.Index, strconv.Itoa(p.Graph.Layers+1)
		out.ID, out.PageID = fmt.Sprintf("%s_%d_%d", out.Layer, n.Index, n.Pos), fmt.Sprintf("L_%d-%d", n.Index, n.Pos)
		out.Probability, out.Influence = n.Probability, nil
		_, _, first := p.Graph.firsts()
		out.IsTarget = i == first
		out.Label = fmt.Sprintf("Output \"%s\" (p=%.3f)", n.Text, n.Probability)
	}
	return out
}

// Save writes the document as a JSON file, which appears whole.
func (d *Document) Save(path string) error {
	if d == nil {
		return errNoGraph
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return brief.Errorf("circuits: saving the graph to %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return brief.Errorf("circuits: saving the graph to %s: %w", path, err)
	}
	return wholefile.Write(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// largestDocument bounds the files that are read, in bytes.
const largestDocument = 1 << 30

// ReadDocument reads a graph's JSON file, of this package, circuit-tracer's or Neuronpedia's.
// Fields that only others know are kept, see the fields More.
func ReadDocument(path string) (*Document, error) {
	d, err := readDocument(path)
	if err != nil {
		return nil, brief.Errorf("circuits: reading the graph %s: %w", path, err)
	}
	return d, nil
}

func readDocument(path string) (*Document, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > largestDocument:
		return nil, brief.Errorf("it has %d bytes, at most %d are read", info.Size(), largestDocument)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := new(Document)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	d.fill()
	return d, d.check()
}

// fill puts empty lists where the file has none: others want lists.
func (d *Document) fill() {
	m, v := &d.Metadata, &d.View
	for _, list := range []*[]string{&m.Transcoders, &m.PromptTokens, &v.Pinned} {
		if *list == nil {
			*list = []string{}
		}
	}
	if v.Supernodes == nil {
		v.Supernodes = [][]string{}
	}
	if d.Links == nil {
		d.Links = []Link{}
	}
}

// check reports a document that is no graph.
func (d *Document) check() error {
	if len(d.Nodes) == 0 {
		return errors.New("it has no nodes")
	}
	known := make(map[string]bool)
	for i, n := range d.Nodes {
		switch {
		case n.ID == "":
			return brief.Errorf("node %d has no node_id", i)
		case n.Kind() == "":
			return brief.Errorf("node %q is of type %q; known: %q, %q, %q, %q", n.ID, n.Type, typeFeature, typeError, typeToken, typeLogit)
		case n.Pos < 0 || n.Pos >= len(d.Metadata.PromptTokens):
			return brief.Errorf("node %q is at position %d of a prompt with %d tokens", n.ID, n.Pos, len(d.Metadata.PromptTokens))
		}
		known[n.ID] = true
	}
	for i, l := range d.Links {
		if !known[l.Source] || !known[l.Target] {
			return brief.Errorf("link %d leads from %q to %q, and one of them is no node", i, l.Source, l.Target)
		}
	}
	return nil
}
