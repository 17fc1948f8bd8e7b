package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"gopherlens/bench/passes"
	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	_ "gopherlens/xla"
)

// measurement is one line of either side's output.
type measurement struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// something that was computed, to see that both sides do the same
	Value *float64 `json:"value,omitempty"`
	Bytes int64    `json:"bytes,omitempty"`
}

// named tells it apart from other lines.
func (m measurement) named() bool { return m.Name != "" }

// data are the prompts of both sides.
type data struct {
	Tokens  hooked.Tokens
	Answers hooked.Tokens
}

// corrupted are the prompts with the two of each pair exchanged.
func (d data) corrupted() hooked.Tokens {
	out := slices.Clone(d.Tokens)
	for i := 0; i+1 < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

// started is when the process began, as far as a Go program can know.
var started = time.Now()

// ours measures this project's side and writes the measurements to standard output.
func ours(model, prompts string) error {
	return oursSteps(model, prompts, first, forwardPasses, generation, sweeps, memory("peak memory until here"),
		everyPattern, memory("peak memory with every pattern read"))
}

// oursStart measures how long it takes to the first logits alone.
func oursStart(model, prompts string) error { return oursSteps(model, prompts, first) }

func oursSteps(model, prompts string, steps ...func(*hooked.Model, data) ([]measurement, error)) error {
	raw, err := os.ReadFile(prompts)
	if err != nil {
		return err
	}
	var d data
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	m, err := hooked.FromPretrained(model, hooked.DefaultProcessing)
	if err != nil {
		return err
	}
	for _, step := range steps {
		found, err := step(m, d)
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func first(m *hooked.Model, d data) ([]measurement, error) {
	logits, err := m.Run(d.Tokens)
	if err != nil {
		return nil, err
	}
	last := logits.At(hooked.All, -1)
	picked := last.Gather(d.Answers)
	diff := float64(picked.At(hooked.All, 0).Sub(picked.At(hooked.All, 1)).Mean().Item())
	return []measurement{{Name: "start to first logits", Seconds: time.Since(started).Seconds(), Value: &diff}}, nil
}

func forwardPasses(m *hooked.Model, d data) ([]measurement, error) {
	long, unlike := passes.Prompts(1, 1024), passes.Prompts(8, 16)
	cached := func(tokens hooked.Tokens) func() error {
		return func() error {
			logits, _, err := m.RunWithCache(tokens)
			return passes.Done(logits, err)
		}
	}
	forward := func(tokens hooked.Tokens) func() error { return func() error { return passes.Done(m.Run(tokens)) } }
	var out []measurement
	for _, task := range []struct {
		name  string
		times int
		run   func() error
	}{
		{"forward, 8 x 16", 5, forward(d.Tokens)},
		{"forward, 8 x 16 that share nothing", 5, forward(unlike)},
		{"run with cache, 8 x 16", 5, cached(d.Tokens)},
		{"run with cache, 8 x 16 that share nothing", 5, cached(unlike)},
		{"run with cache, 1 x 1024", 3, cached(long)},
	} {
		seconds, err := median(task.times, task.run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", task.name, err)
		}
		out = append(out, measurement{Name: task.name, Seconds: seconds})
	}
	return out, nil
}

// everyPattern comes last, as what it keeps is more than all else needs.
func everyPattern(m *hooked.Model, _ data) ([]measurement, error) {
	seconds, err := median(1, func() error { return readPatterns(m, passes.Prompts(1, 1024)) })
	return []measurement{{Name: "run with cache, 1 x 1024, every pattern read", Seconds: seconds}}, err
}

// readPatterns runs with a cache and has the patterns of all layers in memory.
func readPatterns(m *hooked.Model, tokens hooked.Tokens) error {
	logits, cache, err := m.RunWithCache(tokens)
	if err != nil {
		return err
	}
	for l := range m.Config().NLayers {
		if err := hooked.Try(func() { cache.Get("pattern", l).At(0, 0, 0, 0).Item() }); err != nil {
			return err
		}
	}
	return passes.Done(logits, nil)
}

// median is the median time of several runs after one that does not count.
func median(times int, run func() error) (float64, error) {
	if err := run(); err != nil {
		return 0, err
	}
	seconds := make([]float64, times)
	for i := range seconds {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		seconds[i] = time.Since(start).Seconds()
	}
	slices.Sort(seconds)
	return seconds[times/2], nil
}

func generation(m *hooked.Model, d data) ([]measurement, error) {
	var found []measurement
	for _, name := range []string{"generate 50 tokens", "generate 50 tokens again"} {
		start := time.Now()
		out, err := m.Generate(d.Tokens[:1], hooked.Generation{MaxNewTokens: 50, StopTokens: []int{}})
		if err != nil {
			return nil, err
		}
		seconds := time.Since(start).Seconds()
		sum := 0.0
		for _, id := range out[0][len(d.Tokens[0]):] {
			sum += float64(id)
		}
		found = append(found, measurement{Name: name, Seconds: seconds, Value: &sum})
	}
	return found, nil
}

func sweeps(m *hooked.Model, d data) ([]measurement, error) {
	var out []measurement
	for _, task := range []struct {
		name string
		kind patching.Kind
	}{
		{"residual sweep, 30 x 16 x 8", patching.ResidPre},
		{"head sweep, 30 x 9 x 8", patching.HeadOutAllPos},
	} {
		start := time.Now()
		sweep := patching.Sweep{Kind: task.kind, Base: d.corrupted(), Source: patching.FromTokens(d.Tokens), Metric: hooked.LogitDiff(d.Answers)}
		grid, err := sweep.Run(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", task.name, err)
		}
		seconds := time.Since(start).Seconds()
		sum := 0.0
		for _, v := range grid.Float32s()[:grid.Shape()[1]] {
			sum += float64(v)
		}
		out = append(out, measurement{Name: task.name, Seconds: seconds, Value: &sum})
	}
	return out, nil
}

// memory is a step that measures what the others needed.
func memory(name string) func(*hooked.Model, data) ([]measurement, error) {
	return func(*hooked.Model, data) ([]measurement, error) {
		found, err := peak(name)
		return []measurement{found}, err
	}
}

// peak is the process's largest memory so far.
func peak(name string) (measurement, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return measurement{Name: name, Bytes: usage.Maxrss * 1024}, err
}
