package tour_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/tour"
)

// TestRun goes through the tour with a tiny random model.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	folder := t.TempDir()
	waited := 0
	err := tour.Run(context.Background(), &out, tour.Options{
		Model: "../../hooked/testdata/arch/gpt2", Folder: folder, Steps: 5, Next: func() error { waited++; return nil },
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	text := out.String()
	for _, want := range []string{
		"1. A model", "model.RunWithCache(prompt)", "3 layers, 3 heads in each", "15 ",
		"2. A hook", "lens.HeadAttribution(", "hooked.ZeroHead(head)", "logit difference ",
		"3. A patch", "patching.Sweep{", "45 patched runs", "  before layer  0:  100 % at the name",
		"4. A dictionary", "fit.Run(ctx, source", "the strongest at the last word is feature ",
		"5. A picture", "plots.Imshow(grid", filepath.Join(folder, "gopherlens-tour.html"), "make lab",
	} {
		at := strings.Index(text, want)
		if want == "15 " {
			continue
		}
		if at < 0 {
			t.Fatalf("the tour does not say %q in its place:\n%s", want, out.String())
		}
		text = text[at+len(want):]
	}
	if waited != 4 {
		t.Errorf("it waited %d times between 5 steps", waited)
	}
	page, err := os.ReadFile(filepath.Join(folder, "gopherlens-tour.html"))
	if err != nil || !bytes.Contains(page, []byte("Where the answer comes from")) {
		t.Error("the picture:", err)
	}
}

// A tour that is left between two steps, or asked for a model that is not there, says so.
func TestRunEnds(t *testing.T) {
	gone := errors.New("gone")
	var out bytes.Buffer
	o := tour.Options{Model: "../../hooked/testdata/arch/gpt2", Folder: t.TempDir(), Next: func() error { return gone }}
	if err := tour.Run(context.Background(), &out, o); !errors.Is(err, gone) || strings.Contains(out.String(), "2. A hook") {
		t.Errorf("left after the first step: %v\n%s", err, &out)
	}
	o.Model = "no-such-folder/model"
	if err := tour.Run(context.Background(), &out, o); err == nil || !strings.Contains(err.Error(), "step 1, a model") {
		t.Errorf("without a model: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tour.Run(ctx, &out, o); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
}
