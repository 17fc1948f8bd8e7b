package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
)

// harvestOperation computes a shard of a harvest. Its job is [activations.About], its part
// [activations.Shard].
const harvestOperation = "harvest"

// Shards implements [activations.Fleet].
func (f *Fleet) Shards(ctx context.Context, m *hooked.Model, about activations.About, shards *activations.Shards) error {
	about.Model.ModelName = "" // it may be a path, and means nothing
	return f.run(ctx, m, harvestOperation, about.Backend, about, &harvestSource{shards})
}

// harvestSource gives a harvest's shards to a job.
type harvestSource struct{ shards *activations.Shards }

func (s *harvestSource) of() int { return s.shards.Of() }

func (s *harvestSource) next() (*part, bool, error) {
	shard, ok, err := s.shards.Next()
	if !ok || err != nil {
		return nil, false, err
	}
	return &part{name: fmt.Sprintf("shard %d", shard.Number), data: shard, limit: maxResult,
		take: func(_ string, content io.Reader, workers int) error { return s.shards.Keep(shard, content, workers) }}, true, nil
}

// computeShard is the operation.
func computeShard(ctx context.Context, w *worker, m *hooked.Model, _ string, t task) (func(io.Writer) error, error) {
	var about activations.About
	if err := json.Unmarshal(t.Job, &about); err != nil {
		return nil, damaged("its job: %w", err)
	}
	var shard activations.Shard
	if err := strictly(t.Part, &shard); err != nil {
		return nil, err
	}
	return about.Compute(ctx, m, shard, &w.gate)
}
