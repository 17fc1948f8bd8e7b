package train_test

import (
	"math"
	"strings"
	"testing"

	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// TestSchedules compares with PyTorch's and transformers' schedulers.
func TestSchedules(t *testing.T) {
	ours := map[string]train.Schedule{
		"warmup_cosine": train.WarmupCosine(5, 20),
		"torch LinearLR(start_factor=0.2, total_iters=5)": train.Delayed(train.Linear(0.2, 1, 5)),
		"torch ExponentialLR(0.9)":                        train.Delayed(train.Exponential(0.9)),
		"torch OneCycleLR(max_lr=lr, total_steps=20)":     train.Conventions["torch.OneCycleLR"](0, 20),
		"torch CosineAnnealingLR(T_max=20)":               train.Conventions["torch.CosineAnnealingLR"](0, 20),
	}
	for name, of := range train.Conventions {
		for _, form := range []string{"(5, 20)", "(5)", " warmup_steps=5 (LambdaLR min(1, step/5))"} {
			if strings.HasPrefix(name, "trans") {
				ours[name+form] = of(5, 20)
			}
		}
	}
	var fixture map[string]any
	golden.JSON(t, "testdata/schedules.json", &fixture)
	compared := 0
	for name, v := range fixture {
		rates, ok := v.([]any)
		if !ok {
			continue
		}
		s, ok := ours[name]
		if !ok {
			t.Errorf("no schedule for %q", name)
			continue
		}
		compared++
		for i, want := range rates {
			if got := fixture["lr"].(float64) * s(i+1); !(math.Abs(got-want.(float64)) <= 1e-10) {
				t.Errorf("%s: step %d has rate %v, want %v", name, i+1, got, want)
			}
		}
	}
	if compared != 9 {
		t.Errorf("compared %d schedules, want 9", compared)
	}
}
