package plots_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gopherlens/plots"
)

// bigGraph is a graph of so many nodes and links, as circuit-tracer writes it.
func bigGraph(nodes, links, tokens, layers int, label func(i int) string) json.RawMessage {
	r := rand.New(rand.NewPCG(3, 5))
	type object = map[string]any
	var all []object
	var rows []int
	add := func(id, layer, kind string, row, pos int, influence any, label string) {
		all = append(all, object{"node_id": id, "feature": 1, "layer": layer, "ctx_idx": pos, "feature_type": kind, "token_prob": 0.25, "is_target_logit": false,
			"run_idx": 0, "reverse_ctx_idx": 0, "jsNodeId": id + "-0", "clerp": label, "influence": influence, "activation": nil})
		rows = append(rows, row)
	}
	prompt := []string{}
	for p := range tokens {
		prompt = append(prompt, label(p))
		add(fmt.Sprintf("E_%d_%d", 1000+p, p), "E", "embedding", 0, p, 0.5, "")
	}
	for k := range 5 {
		add(fmt.Sprintf("%d_%d_%d", layers+1, k, tokens-1), fmt.Sprint(layers+1), "logit", layers+1, tokens-1, nil, fmt.Sprintf("Output %q (p=0.25)", label(k)))
	}
	for i := len(all); i < nodes; i++ {
		layer, pos := r.IntN(layers), tokens-1-int(float64(tokens)*math.Pow(r.Float64(), 2))
		kind := "cross layer transcoder"
		id := fmt.Sprintf("%d_%d_%d", layer, i, pos)
		if i%13 == 0 {
			kind, id = "mlp reconstruction error", fmt.Sprintf("x%d_%d_%d", i, layer, pos)
		}
		add(id, fmt.Sprint(layer), kind, layer+1, pos, float64(i)/float64(nodes), label(i))
	}
	edges := []object{}
	for len(edges) < links {
		a, b := r.IntN(nodes), r.IntN(nodes)
		if rows[a] < rows[b] {
			edges = append(edges, object{"source": all[a]["node_id"], "target": all[b]["node_id"], "weight": float64(float32(r.NormFloat64() * math.Pow(r.Float64(), 4)))})
		}
	}
	text, err := json.Marshal(object{"metadata": object{"slug": "big", "scan": "s", "prompt_tokens": prompt, "prompt": strings.Join(prompt, ""), "schema_version": 1},
		"qParams": object{"pinnedIds": []string{}, "supernodes": []any{}}, "nodes": all, "links": edges})
	if err != nil {
		panic(err)
	}
	return text
}

// graphModel is what the script of a page draws from.
func graphModel(t *testing.T, f plots.Figure) (model struct {
	Nodes                  struct{ Id, Title []string }
	Source, Target, Weight []byte
	Document               map[string]any
	Cards                  []any
}) {
	t.Helper()
	page, err := f.HTML()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), `<script type="application/json">`)
	text, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(text), &model); err != nil {
		t.Fatal(err)
	}
	return model
}

// TestGraphKeepsDocument has in the page all that circuit-tracer wrote, so that what is exported is
// the same graph.
func TestGraphKeepsDocument(t *testing.T) {
	model := graphModel(t, plots.AttributionGraph(tracedGraph, nil, plots.Axes{}))
	var want map[string]any
	if err := json.Unmarshal(tracedGraph, &want); err != nil {
		t.Fatal(err)
	}
	byID := func(nodes any) map[string]any {
		out := make(map[string]any)
		for _, n := range nodes.([]any) {
			out[n.(map[string]any)["node_id"].(string)] = n
		}
		return out
	}
	if got := byID(model.Document["nodes"]); !reflect.DeepEqual(got, byID(want["nodes"])) {
		t.Errorf("the nodes are others: %v", got)
	}
	for _, key := range []string{"metadata", "qParams"} {
		if !reflect.DeepEqual(model.Document[key], want[key]) {
			t.Errorf("%s is %v, want %v", key, model.Document[key], want[key])
		}
	}
	links := make(map[string]float64)
	for i := range len(model.Weight) / 4 {
		at := func(b []byte) string { return model.Nodes.Id[binary.LittleEndian.Uint16(b[2*i:])] }
		links[at(model.Source)+" "+at(model.Target)] = float64(math.Float32frombits(binary.LittleEndian.Uint32(model.Weight[4*i:])))
	}
	given := make(map[string]float64)
	for _, l := range want["links"].([]any) {
		l := l.(map[string]any)
		given[l["source"].(string)+" "+l["target"].(string)] = l["weight"].(float64)
	}
	if !maps.Equal(links, given) {
		t.Errorf("%d links differ from the document's %d", len(links), len(given))
	}
}

// TestGraphLimits leaves out the least of what is too much, and says so.
func TestGraphLimits(t *testing.T) {
	f := plots.AttributionGraph(bigGraph(plots.AttributionNodes+100, 2000, 12, 8, func(i int) string { return fmt.Sprint(i) }), nil, plots.Axes{})
	model := graphModel(t, f)
	if len(model.Nodes.Id) != plots.AttributionNodes {
		t.Errorf("%d nodes are kept", len(model.Nodes.Id))
	}
	for _, id := range model.Nodes.Id {
		if strings.Contains(id, fmt.Sprintf("_%d_", plots.AttributionNodes+99)) {
			t.Errorf("node %s is kept, of the least influence", id)
		}
	}
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(svg), "5000 of 5100 nodes") {
		t.Error("the picture does not say that it has 5000 of 5100 nodes")
	}
}

// TestGraphFeatures asks once for a feature, wherever it is active.
func TestGraphFeatures(t *testing.T) {
	asked := make(map[[2]int]int)
	f := plots.AttributionGraph(tracedGraph, func(layer, feature int) (plots.FeatureData, bool) {
		asked[[2]int{layer, feature}]++
		return graphFeature(layer, feature)
	}, plots.Axes{})
	model := graphModel(t, f)
	known := 0
	for at, n := range asked {
		if n != 1 {
			t.Errorf("feature %v was asked for %d times", at, n)
		}
		if at[0] < 2 {
			known++
		}
	}
	if known == 0 || len(model.Cards) != known {
		t.Errorf("%d cards, want %d", len(model.Cards), known)
	}
	f = plots.AttributionGraph(tracedGraph, func(layer, feature int) (plots.FeatureData, bool) { panic("a bug of the reader's") }, plots.Axes{})
	if err := f.Err(); err == nil || !strings.Contains(err.Error(), "a bug of the reader's") {
		t.Errorf("a function that panics: %v", err)
	}
}

// TestGraphRefuses names the node or link that cannot be.
func TestGraphRefuses(t *testing.T) {
	with := func(change func(nodes, links []any, metadata map[string]any)) json.RawMessage {
		var d map[string]any
		if err := json.Unmarshal(tracedGraph, &d); err != nil {
			t.Fatal(err)
		}
		change(d["nodes"].([]any), d["links"].([]any), d["metadata"].(map[string]any))
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for want, document := range map[string]any{
		"is nil":           nil,
		"is no graph":      []byte("{"),
		"no UTF-8":         []byte("{\"a\": \"\xe2\"}"),
		"0 prompt_tokens":  []byte("{}"),
		"cannot":           nil,
		"ctx_idx 99":       with(func(n, _ []any, _ map[string]any) { n[0].(map[string]any)["ctx_idx"] = 99 }),
		"ctx_idx 0.5":      with(func(n, _ []any, _ map[string]any) { n[0].(map[string]any)["ctx_idx"] = 0.5 }),
		"no node_id":       with(func(n, _ []any, _ map[string]any) { delete(n[0].(map[string]any), "node_id") }),
		"layer 9999999":    with(func(n, _ []any, _ map[string]any) { n[0].(map[string]any)["layer"] = "9999999" }),
		"is no node":       with(func(_, l []any, _ map[string]any) { l[2].(map[string]any)["source"] = "nobody" }),
		"the weight 1e+99": with(func(_, l []any, _ map[string]any) { l[2].(map[string]any)["weight"] = 1e99 }),
	} {
		if want == "cannot" {
			document, want = make(chan int), "unsupported type"
		}
		if err := plots.AttributionGraph(document, nil, plots.Axes{}).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestGraphHostile puts every label into a document and reads the page back.
func TestGraphHostile(t *testing.T) {
	labels := hostileLabels()
	for i := 0; i < len(labels); i += 7 {
		label := func(k int) string { return labels[(i+k)%len(labels)] }
		f := plots.AttributionGraph(bigGraph(60, 100, 7, 3, label), func(layer, feature int) (plots.FeatureData, bool) {
			return plots.FeatureData{About: label(feature), Up: []plots.Ranked{{Token: label(feature + 1), Value: 1}}}, true
		}, plots.Axes{Title: label(0)})
		checkMarkup(t, fmt.Sprintf("graph with %q", label(0)), f)
	}
}

// TestGraphSize keeps a large graph's page small enough for a notebook.
func TestGraphSize(t *testing.T) {
	page, err := plots.AttributionGraph(bigGraph(2000, 100_000, 24, 26, func(i int) string { return fmt.Sprint(i) }), nil, plots.Axes{}).HTML()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(page); n > 3<<20 {
		t.Errorf("2000 nodes and 100000 links take %d bytes", n)
	}
	if base64.StdEncoding.EncodedLen(800_000) > len(page) {
		t.Errorf("%d bytes cannot hold 100000 links", len(page))
	}
}
