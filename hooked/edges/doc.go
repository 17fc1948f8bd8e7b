// Package edges finds the circuit that does a task: of all ways in which the parts of a model read
// what other parts write, those few that the task takes.
//
//	task := edges.Task{
//		Base:   clean,
//		Source: patching.FromTokens(corrupted),
//		Metric: hooked.LogitDiff(answers),
//	}
//	scores, err := task.Scores(model, edges.EAPIG(5))
//	circuit, err := scores.Greedy(200)
//	share, err := task.Faithfulness(model, circuit)
//
// # Nodes and edges
//
// A [Graph] has as nodes the input (what is embedded), each attention head, each MLP and the
// logits. Heads read the residual stream by their queries, keys and values, each by itself; with
// grouped queries the heads of a group read keys and values together. An [Edge] goes from a node to
// each that reads after it, and carries what the node writes: "a0.h1->a5.h3<q>". Since what is read
// is the sum of what was written, an edge can be cut alone: its reader then gets what the node
// writes in the source, and all else as it is. Biases of attention belong to no node and stay.
//
// Where attention and MLP of a layer read the same (parallel blocks), no edge joins them; a model
// of attention alone has no MLPs. Where a norm stands after attention (Gemma 2), a head's share is
// its result divided by the norm's scale and times its weight: so the shares add up to what is
// written. Position vectors that lie in the residual stream are part of the input.
//
// # Scores and circuits
//
//	EAP               differences times gradients: two runs and a gradient for all edges
//	EAPIG             the same with the gradient averaged from source to base, over inputs
//	EAPIGActivations  or over the activations of each layer
//	Exact             a run for each edge
//
// Integrated gradients order edges better where gradients mislead. For four prompts of indirect
// objects in SmolLM2-135M, of 70,651 edges, greedy circuits are so faithful:
//
//	edges            30    100    300   1000   3000  10000
//	EAP            0.38   0.54   0.66   0.76   0.88   1.00
//	EAPIG(5)       0.43   0.62   0.76   0.80   0.92   0.97
//	EAPIG(20)      0.48   0.62   0.82   0.78   0.95   0.99
//
// and without any of these circuits less than 0.01 is left. Each step is a run and a gradient more.
//
// [Scores.Top], [Scores.Greedy] and [Scores.Above] make a [Circuit] of scores; [ACDC] finds one by
// cutting edges in turn, of all or of such a circuit. [Circuit.Prune] takes out edges that lie on
// no way from input to logits. [Circuit.Picture] is for plots.CircuitGraph.
//
// # What a circuit does
//
// A run of a circuit is exact: off the circuit every edge carries what the source has, on it what
// the run itself gives, node after node. Which edges are cut is a run-time value, so circuits of
// any size take one compiled program a kind of layer, and only the layers and positions from the
// first that changes are computed. [Task.Faithfulness] and [Task.Completeness] measure one circuit,
// [Task.Curve] circuits of growing size beside random ones, and [Join] puts the curves of several
// tasks into one figure.
//
// Scores are kept by edge, not by position, as in the papers. Memory: a task holds what all nodes
// write and the gradient at all that they read, 4 d_model bytes for each node or reader and each
// token from the first that differs; [Mean] puts the scores of several tasks together.
//
// Sources: Syed, Rager, Conmy 2023, "Attribution Patching Outperforms Automated Circuit Discovery"
// (arXiv:2310.10348); Hanna, Pezzelle, Belinkov 2024, "Have Faith in Faithfulness"
// (arXiv:2403.17806); Conmy et al. 2023, "Towards Automated Circuit Discovery" (arXiv:2304.14997);
// Wang et al. 2022 (arXiv:2211.00593) for completeness.
package edges
