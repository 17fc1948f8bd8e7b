package plots

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of an attribution graph; what is beyond them is left out, which the figure says.
const (
	AttributionNodes = 5000
	AttributionLinks = 200_000 // the strongest are kept
)

// NodeFeature gives what is known of a feature of a layer, for the nodes of an attribution graph;
// ok is false of one that nothing is known of. dashboard.Feature makes it of what was found in a
// corpus.
type NodeFeature func(layer, feature int) (data FeatureData, ok bool)

// AttributionGraph draws the graph of features, errors and tokens that a prediction comes of
// (Ameisen et al. 2025): a column for each token, a row for each layer, what it starts from at the
// bottom and the logits on top. The document is one whose JSON is the graph file of circuit-tracer
// and Neuronpedia: a circuits.Document, or the JSON itself as []byte or json.RawMessage. Features
// may be nil.
//
// In a notebook, and as a page, a click on a node shows what it comes of, what it goes into and
// what is known of its feature; nodes are pruned by their influence, named, pinned and grouped
// into supernodes. The browser keeps that for the next time, and it is exported as the same JSON,
// which Neuronpedia reads. The static picture has the strongest links.
func AttributionGraph(document any, features NodeFeature, axes Axes) Figure {
	c, err := newCircuit(document, features, axes)
	return figure("AttributionGraph", c, err)
}

// circuit is the figure.
type circuit struct {
	axes   Axes
	tokens []string
	layers int // rows are the tokens' own, the layers and the logits'
	nodes  []circuitNode
	links  []circuitLink // the strongest first
	notes  []string
	raw    map[string]json.RawMessage // what is exported besides nodes and links
	cards  list                       // of features, for the script
	words  *wordTable
	frame  circuitFrame
}

type nodeKind int

const (
	featureNode nodeKind = iota
	errorNode
	tokenNode
	logitNode
)

// kindNames say in words what a node is.
var kindNames = [...]string{featureNode: "feature", errorNode: "error", tokenNode: "token", logitNode: "logit"}

type circuitNode struct {
	id        string
	kind      nodeKind
	row, pos  int // of the grid; row 0 is at the bottom
	layer     int // of features and errors
	feature   int // its number in its layer, -1 if that is not known
	label     string
	influence float64 // cumulated share of those that matter more; NaN for what is always shown
	numbers   []string
	raw       map[string]any
	card      int // in cards, -1 for none
	at        point
}

type circuitLink struct {
	source, target int // nodes
	weight         float64
}

// A circuitFile is the document as it is read. Numbers stay as they are written.
type circuitFile struct {
	Metadata struct {
		Slug         string   `json:"slug"`
		PromptTokens []string `json:"prompt_tokens"`
	} `json:"metadata"`
	Nodes []map[string]any `json:"nodes"`
	Links []struct {
		Source string      `json:"source"`
		Target string      `json:"target"`
		Weight json.Number `json:"weight"`
	} `json:"links"`
}

func newCircuit(document any, features NodeFeature, axes Axes) (*circuit, error) {
	if err := axes.check("AttributionGraph", "Unit"); err != nil {
		return nil, err
	}
	text, err := documentText(document)
	if err != nil {
		return nil, err
	}
	c := &circuit{axes: axes, words: &wordTable{index: make(map[string]int)}}
	if err := c.read(text); err != nil {
		return nil, err
	}
	if err := c.describeFeatures(features); err != nil {
		return nil, err
	}
	return c, c.layOut()
}

// documentText is the JSON of a document. Its own code may make it: a panic of that is an error.
func documentText(document any) (text []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading %s: %s", typeName(document), hoverText(fmt.Sprint(r)))
		}
	}()
	switch d := document.(type) {
	case nil:
		return nil, fmt.Errorf("%w: the document is nil", errNoData)
	case []byte:
		return d, nil
	case json.RawMessage:
		return d, nil
	}
	return json.Marshal(document)
}

func (c *circuit) read(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("the document is no UTF-8, and JSON must be")
	}
	var file circuitFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&file); err != nil {
		return fmt.Errorf("the document is no graph: %s", hoverText(err.Error()))
	}
	if err := json.Unmarshal(text, &c.raw); err != nil {
		return fmt.Errorf("the document is no graph: %s", hoverText(err.Error()))
	}
	delete(c.raw, "nodes")
	delete(c.raw, "links")
	c.tokens = file.Metadata.PromptTokens
	if len(c.tokens) == 0 || len(file.Nodes) == 0 {
		return fmt.Errorf("%w: the document has %d prompt_tokens and %d nodes", errNoData, len(c.tokens), len(file.Nodes))
	}
	if len(c.tokens) > maxColumns {
		return fmt.Errorf("the prompt has %d tokens: want %d at most", len(c.tokens), maxColumns)
	}
	for i, raw := range file.Nodes {
		node, err := readNode(raw, len(c.tokens))
		if err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		c.nodes = append(c.nodes, node)
	}
	c.rows()
	return c.readLinks(file)
}

// Bounds of the grid: more rows or columns than a picture has room for are no graph of a prompt.
const (
	maxColumns = 1000
	maxLayers  = 300
)

var nodeKinds = map[string]nodeKind{"embedding": tokenNode, "logit": logitNode, "mlp reconstruction error": errorNode}

func readNode(raw map[string]any, tokens int) (circuitNode, error) {
	n := circuitNode{raw: raw, card: -1, feature: -1, influence: math.NaN()}
	text := func(key string) string { s, _ := raw[key].(string); return s }
	number := func(key string) (float64, bool) {
		s, ok := raw[key].(json.Number)
		if !ok {
			return 0, false
		}
		v, err := s.Float64()
		return v, err == nil
	}
	if n.id = text("node_id"); n.id == "" {
		return n, errors.New("it has no node_id")
	}
	pos, ok := number("ctx_idx")
	if n.pos = int(pos); !ok || !(pos >= 0 && pos < float64(tokens)) || float64(n.pos) != pos {
		return n, fmt.Errorf("%s has ctx_idx %s: want a position of the prompt's %d tokens", hoverText(n.id), hoverText(fmt.Sprint(raw["ctx_idx"])), tokens)
	}
	n.kind = nodeKinds[text("feature_type")] // what is none of these is some kind of feature
	if n.kind == featureNode || n.kind == errorNode {
		layer, err := strconv.Atoi(fmt.Sprint(raw["layer"]))
		if err != nil || layer < 0 || layer >= maxLayers {
			return n, fmt.Errorf("%s has layer %s: want a number below %d", hoverText(n.id), hoverText(fmt.Sprint(raw["layer"])), maxLayers)
		}
		n.layer = layer
	}
	if parts := strings.Split(n.id, "_"); n.kind == featureNode && len(parts) == 3 {
		if f, err := strconv.Atoi(parts[1]); err == nil && f >= 0 {
			n.feature = f
		}
	}
	n.label = text("clerp")
	if v, ok := number("influence"); ok && n.kind != logitNode {
		n.influence = v
		n.numbers = append(n.numbers, "influence up to here "+share(v))
	}
	if v, ok := number("activation"); ok {
		n.numbers = append(n.numbers, "activation "+format(v))
	}
	if v, ok := number("token_prob"); ok && n.kind == logitNode {
		n.numbers = append(n.numbers, "probability "+share(v))
	}
	return n, nil
}

// rows gives each node its row, and orders nodes within a cell: those that matter most first.
func (c *circuit) rows() {
	for _, n := range c.nodes {
		if n.kind == featureNode || n.kind == errorNode {
			c.layers = max(c.layers, n.layer+1)
		}
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		switch n.kind {
		case tokenNode:
			n.row = 0
		case logitNode:
			n.row = c.layers + 1
		default:
			n.row = n.layer + 1
		}
	}
	slices.SortStableFunc(c.nodes, func(a, b circuitNode) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.pos, b.pos), cmp.Compare(a.kind, b.kind), cmp.Compare(a.influence, b.influence))
	})
	if n := len(c.nodes); n > AttributionNodes {
		// influence is cumulated: small ones matter most, and what has none is always shown
		order := sortedBy(n, func(i, j int) int { return cmp.Compare(c.nodes[i].influence, c.nodes[j].influence) })
		kept := make(map[int]bool)
		for _, i := range order[:AttributionNodes] {
			kept[i] = true
		}
		i := -1
		c.nodes = slices.DeleteFunc(c.nodes, func(circuitNode) bool { i++; return !kept[i] })
		c.notes = append(c.notes, fmt.Sprintf("%d of %d nodes, those of most influence", AttributionNodes, n))
	}
}

// readLinks reads the edges, the strongest first. Where two nodes have one id, as circuit-tracer
// may give an error that of a feature, links are the feature's.
func (c *circuit) readLinks(file circuitFile) error {
	known, all := make(map[string]int), make(map[string]bool)
	twice := 0
	for _, raw := range file.Nodes {
		if id, ok := raw["node_id"].(string); ok {
			all[id] = true
		}
	}
	for i, n := range c.nodes {
		j, ok := known[n.id]
		if ok {
			twice++
		}
		if !ok || n.kind < c.nodes[j].kind {
			known[n.id] = i
		}
	}
	if twice > 0 {
		c.notes = append(c.notes, count(twice, "id is that of two nodes: its links are the feature's", "ids are those of two nodes: their links are the features'"))
	}
	for i, l := range file.Links {
		if !all[l.Source] || !all[l.Target] {
			return fmt.Errorf("link %d leads from %s to %s, and one of them is no node", i, hoverText(l.Source), hoverText(l.Target))
		}
		weight, err := l.Weight.Float64()
		if err != nil || !finite(float64(float32(weight))) {
			return fmt.Errorf("link %d has the weight %s: want a number", i, hoverText(l.Weight.String()))
		}
		source, from := known[l.Source]
		target, to := known[l.Target]
		if from && to {
			c.links = append(c.links, circuitLink{source, target, weight})
		}
	}
	slices.SortStableFunc(c.links, func(a, b circuitLink) int { return cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)) })
	if n := len(c.links); n > AttributionLinks {
		c.links = c.links[:AttributionLinks]
		c.notes = append(c.notes, fmt.Sprintf("%d of %d links, the strongest", AttributionLinks, n))
	}
	return nil
}

// circuitTexts is how many examples of a feature a graph shows, in each group.
const circuitTexts = 5

// describeFeatures asks for what is known of each feature, once.
func (c *circuit) describeFeatures(features NodeFeature) error {
	if features == nil {
		return nil
	}
	type key struct{ layer, feature int }
	cards := make(map[key]int)
	room, left := ActivationValues, 0
	for i := range c.nodes {
		n := &c.nodes[i]
		if n.kind != featureNode || n.feature < 0 {
			continue
		}
		k := key{n.layer, n.feature}
		if at, ok := cards[k]; ok {
			n.card = at
			continue
		}
		cards[k] = -1
		if room <= 0 {
			left++
			continue
		}
		f, ok, err := askFeature(features, n.layer, n.feature)
		if err != nil {
			return fmt.Errorf("feature %d of layer %d: %w", n.feature, n.layer, err)
		}
		if !ok {
			continue
		}
		if f.examples != nil {
			for _, s := range f.examples.series {
				for _, t := range s.texts {
					room -= len(t.tokens)
				}
			}
		}
		if n.label == "" {
			n.label = f.data.About
		}
		cards[k] = len(c.cards)
		n.card = len(c.cards)
		one := c.words.card(f)
		one["Facts"] = f.notes()
		c.cards = append(c.cards, one)
	}
	if left > 0 {
		c.notes = append(c.notes, count(left, "feature has", "features have")+" no examples here, as there are too many")
	}
	return nil
}

// askFeature runs another package's code: a panic of it is an error.
func askFeature(features NodeFeature, layer, number int) (f *feature, ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New(hoverText(fmt.Sprint(r)))
		}
	}()
	data, ok := features(layer, number)
	if !ok {
		return nil, false, nil
	}
	for i, g := range data.Groups {
		if g.Texts != nil && g.Texts.Len() > circuitTexts {
			data.Groups = slices.Clone(data.Groups)
			data.Groups[i].Texts = firstTexts{g.Texts}
		}
	}
	f, err = newFeature(data, Axes{})
	return f, err == nil, err
}

// firstTexts are the first of more.
type firstTexts struct{ Texts }

// Len implements [Texts].
func (t firstTexts) Len() int { return min(t.Texts.Len(), circuitTexts) }

// title is what a node is called.
func (n circuitNode) title(tokens []string) string {
	token := clip(visibleToken(tokens[n.pos]), axisLabelLength)
	name := kindNames[n.kind]
	switch {
	case n.kind == tokenNode:
		return "token " + token
	case n.kind == featureNode && n.feature >= 0:
		name = fmt.Sprintf("feature %d", n.feature)
	}
	if n.kind == logitNode {
		if n.label != "" {
			return hoverText(n.label)
		}
		return "logit " + hoverText(n.id)
	}
	name += fmt.Sprintf(" of layer %d at %s", n.layer, token)
	if n.label != "" {
		name = hoverText(n.label) + " (" + name + ")"
	}
	return name
}

func (c *circuit) describe() string {
	var b strings.Builder
	if c.axes.Title != "" {
		b.WriteString(visible(c.axes.Title) + ". ")
	}
	counts := [4]int{}
	for _, n := range c.nodes {
		counts[n.kind]++
	}
	fmt.Fprintf(&b, "Attribution graph of %s: %s, %s, %s, %s and %s.", count(len(c.tokens), "token", "tokens"),
		count(counts[featureNode], "feature", "features"), count(counts[errorNode], "error", "errors"), count(counts[tokenNode], "token node", "token nodes"),
		count(counts[logitNode], "logit", "logits"), count(len(c.links), "link", "links"))
	for i, l := range c.links[:min(3, len(c.links))] {
		fmt.Fprintf(&b, "%s %s into %s, %s", []string{" Strongest:", ";", ";"}[i], c.nodes[l.source].title(c.tokens), c.nodes[l.target].title(c.tokens), format(l.weight))
	}
	if len(c.links) > 0 {
		b.WriteString(".")
	}
	for _, note := range c.notes {
		b.WriteString(" " + note + ".")
	}
	return b.String()
}
