// Command trace makes the attribution graph of a prompt, tells how complete it is, and checks its
// strongest claims by intervention.
//
//	trace -transcoders DIR [-model smollm2-135m] [-prompt TEXT] [-features 2000] [-claims 5]
//	      [-out graph.json]
//
// The graph goes to a file that plots.AttributionGraph and Neuronpedia read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"

	_ "gopherlens/xla"
)

type settings struct {
	model, transcoders, prompt, out string
	features, claims                int
}

func main() {
	var s settings
	flag.StringVar(&s.model, "model", "smollm2-135m", "the model")
	flag.StringVar(&s.transcoders, "transcoders", "", "folder of its transcoders, as circuit-tracer writes them")
	flag.StringVar(&s.prompt, "prompt", "The capital of France is the city of", "the prompt")
	flag.StringVar(&s.out, "out", "graph.json", "file for the graph")
	flag.IntVar(&s.features, "features", 2000, "features in the graph, at most")
	flag.IntVar(&s.claims, "claims", 5, "claims to check")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "trace:", err)
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context) error {
	if s.transcoders == "" {
		return errors.New("-transcoders is missing")
	}
	model, err := hooked.FromPretrained(s.model, hooked.NoProcessing)
	if err != nil {
		return err
	}
	set, err := circuits.Load(s.transcoders)
	if err != nil {
		return err
	}
	fmt.Println(set)
	r, err := circuits.Replace(model, set)
	if err != nil {
		return err
	}
	start := time.Now()
	g, err := r.Attribute(s.prompt, circuits.Options{MaxFeatures: s.features, Context: ctx})
	if err != nil {
		return err
	}
	fmt.Printf("%s\nin %.1f s\n", g, time.Since(start).Seconds())
	fmt.Printf("unexplained by layer: %.2f\n", g.Unexplained)
	for _, l := range g.Logits {
		fmt.Printf("  p = %.3f %q\n", l.Probability, l.Text)
	}
	return s.report(r, g)
}

// report saves what is left of a graph and checks its claims.
func (s settings) report(r *circuits.Replacement, g *circuits.Graph) error {
	p, err := g.Prune(circuits.NodeThreshold, circuits.EdgeThreshold)
	if err != nil {
		return err
	}
	nodes, edges := p.Count()
	fmt.Printf("pruned: %d nodes, %d edges\n", nodes, edges)
	doc, err := p.Document("trace")
	if err != nil {
		return err
	}
	if err := doc.Save(s.out); err != nil {
		return err
	}
	claims, err := p.Strongest(s.claims)
	if err != nil {
		return err
	}
	for _, edge := range claims {
		c, err := r.Confirm(g, edge)
		if err != nil {
			return err
		}
		fmt.Printf("without the %s, the %s: predicted %+.4f, replacement model %+.4f, model %+.4f\n", g.Node(edge.Source), g.Node(edge.Target),
			c.Predicted, c.Frozen, c.Free)
	}
	return nil
}
