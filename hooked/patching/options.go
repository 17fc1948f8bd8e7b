package patching

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gopherlens/hooked"
	"gopherlens/internal/underway"
)

// An Option changes how a sweep is computed, or with [Ungroup] what it runs over, or with
// [AttentionMask] and [PaddingSide] says which tokens are pads.
type Option func(*settings)

type settings struct {
	ctx      context.Context
	progress func(Progress)
	tokens   int // positions computed in one batch
	ungroup  bool
	padding  []hooked.Option // of the runs, that tell pads
	masked   bool            // by a mask of the base's tokens
	mask     [][]int         // as padding has it, and whether that is on the left
	left     bool
	edits    []hooked.Option // of every run
	on       Fleet
	given    []string // names of the options
	err      error    // of the first option that means nothing
}

// batchTokens is how many positions are computed together unless told otherwise: enough for matrix
// products to run at full speed, and little memory (some megabytes for each thousand of d_mlp).
const batchTokens = 512

// newSettings reads the options of a sweep that is computed in some way.
func newSettings(options []Option, w way) (*settings, error) {
	s := &settings{ctx: context.Background(), tokens: batchTokens}
	for _, o := range options {
		if o == nil {
			return nil, fmt.Errorf("an option is nil: leave it out")
		}
		o(s)
	}
	for i, name := range s.given {
		s.refuse(slices.Contains(w.ignores, name), "%s does not take %s: it is two runs, not a sweep in batches", w.verb, name)
		s.refuse(slices.Contains(s.given[:i], name), "%s was given twice, and only one can be followed", name)
	}
	s.refuse(s.on != nil && !w.elsewhere, "%s does not take On: it is computed here", w.verb)
	s.refuse(s.on != nil && s.edits != nil, "On cannot be followed beside Edits: functions do not leave this process")
	s.refuse(s.edits != nil && slices.Contains(s.given, "BatchTokens"), "BatchTokens would do nothing beside Edits: each patch is a run of its own")
	return s, s.err
}

// option is an option that settings know by its name.
func option(name string, set func(*settings)) Option {
	return func(s *settings) {
		s.given = append(s.given, name)
		set(s)
	}
}

func (s *settings) refuse(yes bool, format string, args ...any) {
	if yes && s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// WithContext lets a sweep be cancelled: it then returns the context's error.
func WithContext(ctx context.Context) Option {
	return option("WithContext", func(s *settings) {
		s.ctx = ctx
		s.refuse(ctx == nil, "WithContext needs a context")
	})
}

// OnProgress calls f now and then, at most ten times a second, while a sweep is computed. Each part
// of a sweep of several kinds, such as [BlockEvery], is counted by itself.
func OnProgress(f func(Progress)) Option {
	return option("OnProgress", func(s *settings) {
		s.progress = f
		s.refuse(f == nil, "OnProgress needs a function")
	})
}

// BatchTokens is how many positions a sweep computes together, over all patches and prompts. More
// take more memory.
func BatchTokens(n int) Option {
	return option("BatchTokens", func(s *settings) {
		s.tokens = n
		s.refuse(n < 1, "BatchTokens(%d): want at least 1", n)
	})
}

// Ungroup gives every query head its own key and value, so that in models with grouped queries a
// sweep over heads of keys or values runs over query heads.
func Ungroup() Option { return option("Ungroup", func(s *settings) { s.ungroup = true }) }

// Edits are in every run of a sweep: those for base and source, and each patched one, where they
// come before the patch. What they name with [hooked.Tap] is a site to sweep over:
//
//	latents := hooked.ResidPre.At(5).Tap("hook_sae_acts_post")
//	patching.Sweep{Kind: patching.Kind{Site: latents, Over: "pos"}, Base: corrupted,
//		Source: patching.FromTokens(clean), Metric: metric}.
//		Run(model, patching.Edits(hooked.Edit(hooked.ResidPre.At(5), splice)))
//
// An edit's function may look at anything, so that each patch is a run of its own, from the first
// layer on and on all prompts: where there are thousands, as of the latents of a dictionary,
// [Sweep.Attribution] is the way.
func Edits(edits ...hooked.Option) Option {
	return option("Edits", func(s *settings) {
		s.edits = append([]hooked.Option{}, edits...)
		err := inside.Edits(edits...)
		s.refuse(err != nil, "Edits: %w", err)
	})
}

// AttentionMask says which tokens of the base run are real (1) and which are pads (0),
// [batch][pos]. It holds for a source that is given as tokens too; one with other pads is given as
// its cache.
func AttentionMask(mask [][]int) Option {
	return option("AttentionMask", func(s *settings) {
		s.padding, s.masked, s.mask = append(s.padding, hooked.AttentionMask(mask)), true, mask
	})
}

// PaddingSide with [hooked.Left] takes the pad tokens at the beginning of prompts for pads, in all
// runs of a sweep: base, source and the prompts of a [Mean]. Pads on the right need nothing but a
// metric that looks elsewhere, [hooked.Metric.At].
func PaddingSide(side hooked.Side) Option {
	return option("PaddingSide", func(s *settings) {
		s.padding, s.left = append(s.padding, hooked.PaddingSide(side)), true
		s.refuse(side != hooked.Left, "PaddingSide takes hooked.Left: pads on the right need nothing but a metric that looks elsewhere, Metric.At")
	})
}

// Progress tells how far a sweep is. Units are blocks computed for one variation of one prompt.
type Progress struct {
	Done, Total int
	Elapsed     time.Duration
	Remaining   time.Duration // estimated from the time so far; zero until something is done
	Workers     int           // of the fleet; 0 where there is none
}

// String is "45 %, 3 s, 4 s remaining".
func (p Progress) String() string {
	text := fmt.Sprintf("%d %%, %s, %s remaining", 100*p.Done/max(1, p.Total), p.Elapsed.Round(time.Second), p.Remaining.Round(time.Second))
	if p.Workers > 0 {
		text += fmt.Sprintf(", %d workers", p.Workers)
	}
	return text
}

// progressEvery is the least time between two calls of a progress function.
const progressEvery = 100 * time.Millisecond

// meter counts work and reports it.
type meter struct {
	s           *settings
	done, total int
	start, last time.Time
	workers     int
	step        *underway.Step
}

// newMeter begins to count; its end must be called.
func newMeter(s *settings, total int) *meter {
	return &meter{s: s, total: total, start: time.Now(), step: underway.Begin("the sweep")}
}

func (m *meter) end() { m.step.End() }

// add notes that work was done; it returns an error if the sweep is to end.
func (m *meter) add(n int) error {
	if err := m.s.ctx.Err(); err != nil {
		return fmt.Errorf("the sweep was cancelled after %d of %d blocks: %w", m.done, m.total, err)
	}
	m.done += n
	now := time.Now()
	m.step.Sayf("%v", m.now(now))
	if m.s.progress == nil || now.Sub(m.last) < progressEvery && m.done < m.total {
		return nil
	}
	m.last = now
	m.s.progress(m.now(now))
	return nil
}

// now is how far the work is.
func (m *meter) now(now time.Time) Progress {
	elapsed := now.Sub(m.start)
	remaining := time.Duration(float64(elapsed) * float64(m.total-m.done) / float64(max(1, m.done)))
	return Progress{m.done, m.total, elapsed, remaining, m.workers}
}
