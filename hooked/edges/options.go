package edges

import (
	"context"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/brief"
	"gopherlens/internal/underway"
)

// An Option changes how a task is computed, or says which tokens are pads.
type Option func(*settings)

type settings struct {
	ctx      context.Context
	progress func(done, total int)
	step     *underway.Step
	padding  []hooked.Option   // of runs, that tell pads
	sources  []patching.Option // the same for the source
	bytes    int               // of what nodes write, in one batch of runs
	given    []string
	err      error
}

// batchBytes is how much the differences of a batch of circuit runs take, unless told otherwise.
const batchBytes = 128 << 20

func newSettings(options []Option) (*settings, error) {
	s := &settings{ctx: context.Background(), bytes: batchBytes}
	for i, o := range options {
		if o == nil {
			return nil, brief.Errorf("edges: option %d is nil: leave it out", i)
		}
		o(s)
	}
	s.sources = append(s.sources, patching.WithContext(s.ctx))
	return s, s.err
}

func option(name string, set func(*settings) error) Option {
	return func(s *settings) {
		err := set(s)
		if slices.Contains(s.given, name) {
			err = brief.Errorf("it was given twice, and only one can be followed")
		}
		s.given = append(s.given, name)
		if err != nil && s.err == nil {
			s.err = brief.Errorf("edges: %s: %w", name, err)
		}
	}
}

// WithContext lets a computation be cancelled: it then returns the context's error.
func WithContext(ctx context.Context) Option {
	return option("WithContext", func(s *settings) error {
		if ctx == nil {
			return brief.Errorf("there is no context: give one, such as context.Background()")
		}
		s.ctx = ctx
		return nil
	})
}

// OnProgress calls f as runs are computed: how many are done, and of how many, as far as that is
// known. Of a [Task.Scores] they are runs with gradients, of [ACDC] edges.
func OnProgress(f func(done, total int)) Option {
	return option("OnProgress", func(s *settings) error {
		if f == nil {
			return brief.Errorf("there is no function")
		}
		s.progress = f
		return nil
	})
}

// PaddingSide with [hooked.Left] takes the pad tokens at the beginning of prompts for pads, in base
// and source. Pads on the right need nothing but a metric that looks elsewhere, [hooked.Metric.At].
func PaddingSide(side hooked.Side) Option {
	return option("PaddingSide", func(s *settings) error {
		if side != hooked.Left {
			return brief.Errorf("it takes hooked.Left: pads on the right need nothing but a metric that looks elsewhere, Metric.At")
		}
		s.padding, s.sources = append(s.padding, hooked.PaddingSide(side)), append(s.sources, patching.PaddingSide(side))
		return nil
	})
}

// AttentionMask says which tokens of the base are real (1) and which are pads (0), [batch][pos]. It
// holds for a source that is given as tokens too.
func AttentionMask(mask [][]int) Option {
	return option("AttentionMask", func(s *settings) error {
		s.padding, s.sources = append(s.padding, hooked.AttentionMask(mask)), append(s.sources, patching.AttentionMask(mask))
		return nil
	})
}

// BatchBytes bounds what all nodes write in the runs that are computed together, in bytes; 128 MB
// unless told otherwise. One run of one prompt is computed whatever it takes.
func BatchBytes(n int) Option {
	return option("BatchBytes", func(s *settings) error {
		if n < 1 {
			return brief.Errorf("%d: want at least 1", n)
		}
		s.bytes = n
		return nil
	})
}

// everyRun are the options of every run.
func (s *settings) everyRun(more ...hooked.Option) []hooked.Option {
	return slices.Concat([]hooked.Option{hooked.WithContext(s.ctx)}, s.padding, more)
}

// begin begins a step that [settings.report] tells of, and returns what ends it.
func (s *settings) begin(label string) (end func()) {
	s.step = underway.Begin(label)
	return s.step.End
}

// report tells how far the work is, or that it is to end.
func (s *settings) report(done, total int) error {
	if err := s.ctx.Err(); err != nil {
		return brief.Errorf("edges: cancelled after %d of %d: %w", done, total, err)
	}
	s.step.Sayf("%d of %d", done, total)
	if s.progress != nil {
		s.progress(done, total)
	}
	return nil
}
