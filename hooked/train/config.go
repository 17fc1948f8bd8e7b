package train

import (
	"errors"
	"io"
	"math"
	"path"
	"reflect"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// A Config says how a model is trained.
type Config struct {
	Data  Data // a batch for each step
	Loss  Loss // what is to become small; [NextToken] unless given
	Steps int  // how many steps the whole training has, those before a [Resume] included

	LearningRate float64
	Schedule     Schedule  // the share of LearningRate that a step gets; [Constant] unless given
	Optimizer    Optimizer // AdamW{Decay: 0.01}, as PyTorch's, unless given

	// Clip is the largest norm of all gradients together: longer ones are scaled down to it, as
	// PyTorch's clip_grad_norm_ does, before anything else reads them. 0 is no bound.
	Clip float64

	// Accumulate cuts each batch into so many parts of equally many rows, computes the gradients of
	// one after the other, and steps along their mean: the memory of a part, the step of the whole.
	// Where a mask is given, a mean of the parts' means is not the mean of the whole.
	Accumulate int

	// Only are names or globs of the weights to train, such as "blocks.0.attn.*"; without any, all
	// are. The others are frozen, and shared with the model that the training begins with.
	Only []string

	// Edits are [hooked.Edit] and the like: the model is trained with them.
	Edits []hooked.Option

	Eval   Evaluation          // what is measured now and then; the zero value measures nothing
	OnStep func(*Report) error // called after each step; [ErrStop] ends the training

	// Progress gets a line that is drawn over itself: step, loss, tokens a second, time left. nil
	// for none; in a notebook os.Stdout. [Start] refuses one, and Live.
	Progress io.Writer

	// Live is a picture of the loss, and of the evaluations' loss, that grows while the training
	// runs: plots.NewLiveLine(plots.Axes{XName: "step", LogY: true}). nil for none.
	Live Live

	// Folder is where checkpoints go, every Every steps and at the end; "" keeps none.
	Folder string
	Every  int
}

// A Live shows lines that grow point by point, as plots.LiveLine does. A point that does not lie
// beyond its line's last takes the place of all those from there on.
type Live interface {
	Add(line string, x, y float64)
	End() // no more points come for now
}

// An Evaluation measures the model on data that it is not trained on.
type Evaluation struct {
	Data    Data            // must end; see [Batch.InOrder]
	Every   int             // steps between two; after the last step there is always one
	Metrics map[string]Loss // beside the training's loss, which is called "loss"

	// Patience ends the training after so many evaluations in a row without a lower loss; 0 never
	// does.
	Patience int
}

// ErrStop, returned by [Config.OnStep], ends a training as if its last step had been taken.
var ErrStop = errors.New("the training is to stop here")

// ErrDiverged says that the loss or the gradient of a step was not a number.
var ErrDiverged = errors.New("the training diverged")

// settled is the configuration with its defaults; an error if it cannot be followed.
func (c Config) settled() (Config, error) {
	if reflect.ValueOf(c.Loss).IsZero() {
		c.Loss = NextToken()
	}
	if c.Schedule == nil {
		c.Schedule = Constant()
	}
	if c.Optimizer == nil {
		c.Optimizer = AdamW{Decay: 0.01}
	}
	if c.Accumulate == 0 {
		c.Accumulate = 1
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.Data == nil:
		return brief.Errorf("Config.Data is nil: give the batches, as in examples.Shuffled(64, seed)")
	case c.Loss.Of == nil:
		return c.Loss.check(Batch{}, hooked.Config{})
	case c.Accumulate < 1:
		return brief.Errorf("Config.Accumulate is %d: want the number of parts of a batch", c.Accumulate)
	}
	if err := checkSteps("Config", c.Steps, c.LearningRate, c.Clip, c.Every, c.Folder, c.Optimizer); err != nil {
		return err
	}
	return c.Eval.check()
}

// checkSteps refuses what no training can follow; of is the type whose fields these are.
func checkSteps(of string, steps int, rate, clip float64, every int, folder string, optimizer Optimizer) error {
	switch {
	case steps < 1:
		return brief.Errorf("%s.Steps is %d: want 1 or more", of, steps)
	case !(rate > 0) || math.IsInf(rate, 0):
		return brief.Errorf("%s.LearningRate is %v: want a number above 0", of, rate)
	case !(clip >= 0) || math.IsInf(clip, 0):
		return brief.Errorf("%s.Clip is %v: want a norm above 0, or 0 for no bound", of, clip)
	case every < 0 || every > 0 && folder == "":
		return brief.Errorf("%s.Every is %d and %s.Folder %q: checkpoints need both a folder and a number of steps of 1 or more", of, every, of, folder)
	}
	if o, ok := optimizer.(optimizerCheck); ok {
		return o.check()
	}
	return nil
}

func (e Evaluation) check() error {
	if e.Data == nil {
		if e.Every != 0 || e.Patience != 0 || len(e.Metrics) > 0 {
			return brief.Errorf("Config.Eval has settings and no Data to evaluate on")
		}
		return nil
	}
	if e.Every < 0 || e.Patience < 0 {
		return brief.Errorf("Config.Eval.Every is %d and Patience %d: want 0 or more", e.Every, e.Patience)
	}
	if e.Patience > 0 && e.Every == 0 {
		return brief.Errorf("Config.Eval.Patience counts evaluations: say how often there is one (Every)")
	}
	for name, l := range e.Metrics {
		if l.Of == nil {
			return brief.Errorf("metric %q has no function", name)
		}
		if name == lossMetric {
			return brief.Errorf("a metric is called %q, as the training's loss is: give it another name", name)
		}
	}
	return nil
}

// chosen are the names that the patterns mean, all if there are none.
func chosen(names, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return names, nil
	}
	var all []string
	for _, pattern := range patterns {
		some := false
		for _, name := range names {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return nil, brief.Errorf("Config.Only: %q: %w", pattern, err)
			}
			if some = some || ok; ok && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
		if !some {
			return nil, brief.Errorf("Config.Only: %q matches no weight of the model%s", pattern, nearest.Hint(pattern, names))
		}
	}
	slices.Sort(all)
	return all, nil
}
