package edges_test

import (
	"testing"

	"gopherlens/hooked/edges"
	"gopherlens/internal/zeros"
)

// TestZeros calls every exported method on zero values and on nil, and every function with zero
// arguments: each returns, or panics with an error of its own words.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, edges.ACDC{}, edges.Circuit{}, edges.Curve{}, edges.Curving{}, edges.Edge{}, edges.Graph{}, edges.Joined{}, edges.Method{}, edges.Node{},
		edges.Picture{}, edges.Scores{}, edges.Task{})
	zeros.CallFunctions(t, map[string]any{"AttentionMask": edges.AttentionMask, "BatchBytes": edges.BatchBytes, "EAP": edges.EAP, "EAPIG": edges.EAPIG,
		"EAPIGActivations": edges.EAPIGActivations, "Exact": edges.Exact, "GraphOf": edges.GraphOf, "Join": edges.Join, "Mean": edges.Mean, "NewScores": edges.NewScores,
		"OnProgress": edges.OnProgress, "PaddingSide": edges.PaddingSide, "ParseEdge": edges.ParseEdge, "Sizes": edges.Sizes, "WithContext": edges.WithContext})
}
