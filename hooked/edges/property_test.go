package edges_test

import (
	"os"
	"path/filepath"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// families are the checkpoints of hooked's tests.
func families(t testing.TB) []string {
	t.Helper()
	entries := must(os.ReadDir("../testdata/arch"))(t)
	var names []string
	for _, e := range entries {
		names = append(names, filepath.Join("../testdata/arch", e.Name()))
	}
	natives := must(filepath.Glob("../testdata/native/*"))(t)
	return append(names, natives...)
}

// pairs are prompts that differ from their third token on, and tokens to tell apart.
func pairs(m *hooked.Model, n, pos int) (clean, corrupted, answers hooked.Tokens) {
	c := m.Config()
	for i := range n {
		var a, b []int
		for p := range pos {
			id := 2 + (7*i+5*p)%(c.DVocab-2)
			a = append(a, id)
			if p >= 2 && p%2 == 0 {
				id = 2 + (id+3)%(c.DVocab-2)
			}
			b = append(b, id)
		}
		clean, corrupted = append(clean, a), append(corrupted, b)
		answers = append(answers, []int{i % c.DVocabOut, (i + 1) % c.DVocabOut})
	}
	return clean, corrupted, answers
}

// TestEnds checks that all edges make the base run and no edges the source's, in every family.
func TestEnds(t *testing.T) {
	for _, path := range families(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := hooked.FromPretrained(path, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err != nil {
				t.Skip(err)
			}
			clean, corrupted, answers := pairs(m, 2, 5)
			metric := hooked.LogitDiff(answers)
			task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: metric}
			g := must(edges.GraphOf(m))(t)
			got := must(task.Metrics(m, []*edges.Circuit{g.All(), g.None()}))(t)
			want := []float32{must(m.Measure(clean, metric))(t).Item(), must(m.Measure(corrupted, metric))(t).Item()}
			t.Log(g, got, want)
			golden.Close(t, "ends", []float32{float32(got[0]), float32(got[1])}, want, golden.Tolerance{Abs: 2e-5, Rel: 2e-5})
		})
	}
}
