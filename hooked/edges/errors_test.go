package edges_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// TestRefused checks that what cannot be meant is an error that says so.
func TestRefused(t *testing.T) {
	load := func(name string) *hooked.Model {
		return must(hooked.FromPretrained("../testdata/arch/"+name, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	}
	m, gemma := load("gpt2"), load("gemma2")
	clean, corrupted, answers := pairs(m, 2, 5)
	task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
	g, other := must(edges.GraphOf(m))(t), must(edges.GraphOf(gemma))(t)
	values := make([]float32, g.Len())
	values[3] = float32(math.NaN())
	with := func(source patching.Source) edges.Task {
		return edges.Task{Base: clean, Source: source, Metric: task.Metric}
	}
	run := func(m *hooked.Model, task edges.Task, options ...edges.Option) error {
		_, err := task.Scores(m, edges.EAP(), options...)
		return err
	}
	second := func(_ any, err error) error { return err }
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"no base":           {run(m, edges.Task{Source: task.Source, Metric: task.Metric}), "has no Base"},
		"no source":         {run(m, edges.Task{Base: clean, Metric: task.Metric}), "has no Source"},
		"no metric":         {run(m, edges.Task{Base: clean, Source: task.Source}), "has no Metric"},
		"no model":          {run(nil, task), "nil"},
		"no method":         {second(task.Scores(m, edges.Method{})), "no method"},
		"no steps":          {second(task.Scores(m, edges.EAPIG(0))), "at least 1"},
		"other length":      {run(m, with(patching.FromTokens(hooked.Tokens{{1, 2, 3}, {1, 2, 3}}))), "as many and as long"},
		"zeros and a norm":  {run(gemma, with(patching.AllZeros())), "norm stands after the heads"},
		"a mean and a norm": {run(gemma, with(patching.Mean{Of: corrupted, Over: "batch"})), "norm stands after the heads"},
		"nil option":        {run(m, task, nil), "option 0 is nil"},
		"an option twice":   {run(m, task, edges.BatchBytes(1), edges.BatchBytes(2)), "twice"},
		"bytes of no runs":  {run(m, task, edges.BatchBytes(1)), "would do nothing"},
		"a seed of nothing": {second(task.Curve(m, edges.Curving{Sizes: []int{3}, Pick: func(int) (*edges.Circuit, error) { return g.None(), nil }, Seed: 1})), "Seed"},
		"no bytes":          {run(m, task, edges.BatchBytes(0)), "at least 1"},
		"the right side":    {run(m, task, edges.PaddingSide(hooked.Right)), "hooked.Left"},
		"cancelled":         {run(m, task, edges.WithContext(cancelled)), "canceled"},
		"another graph":     {second(task.Metrics(m, []*edges.Circuit{other.All()})), "take one of this model's graph"},
		"nil circuit":       {second(task.Faithfulness(m, nil)), "circuit is nil"},
		"nothing to keep":   {second(with(patching.FromTokens(clean)).Faithfulness(m, g.All())), "nothing to patch"},
		"NaN threshold":     {second(edges.ACDC{Task: task, Threshold: math.NaN()}.Run(m)), "Threshold NaN"},
		"from elsewhere":    {second(edges.ACDC{Task: task, From: other.All()}.Run(m)), "take one of this model's graph"},
		"an empty from":     {second(edges.ACDC{Task: task, From: &edges.Circuit{}}.Run(m)), "circuit is nil"},
		"no curves":         {second(edges.Join(nil)), "a name for each"},
		"a nil curve":       {second(edges.Join([]string{"a"}, nil)), "not whole"},
		"other sizes":       {second(edges.Join([]string{"a", "b"}, curve(3), curve(3, 4))), "the same Sizes"},
		"two of a name":     {second(edges.Join([]string{"a", "a"}, curve(3), curve(3))), "a name of its own"},
		"NaN score":         {second(edges.NewScores(g, values)), "is NaN"},
		"a number short":    {second(edges.NewScores(g, values[1:])), "one for each edge"},
		"too many edges":    {second(must(task.Scores(m, edges.EAP()))(t).Top(g.Len() + 1)), "want 0 to"},
		"NaN above":         {second(must(task.Scores(m, edges.EAP()))(t).Above(math.NaN())), "threshold"},
		"no such head":      {second(g.CircuitNamed("input->a0.h9<q>")), "a0.h9<q>"},
		"backwards":         {second(g.CircuitNamed("m1->a1.h0<q>")), "writes after"},
		"no edge":           {second(g.CircuitNamed("m1")), "is no edge"},
		"no sizes":          {second(task.Curve(m, edges.Curving{})), "Sizes"},
		"nothing to draw":   {second(g.None().Picture(nil)), "nothing to draw"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %q", what, c.err, c.want)
		}
	}
	if err := run(m, task, edges.WithContext(cancelled)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run returned %v", err)
	}
}

// curve is a curve of sizes.
func curve(sizes ...int) *edges.Curve {
	return &edges.Curve{Sizes: sizes, Faithfulness: make([]float64, len(sizes)), Completeness: make([]float64, len(sizes))}
}
