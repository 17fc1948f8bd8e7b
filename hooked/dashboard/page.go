package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
	"gopherlens/internal/wholefile"
	"gopherlens/plots"
)

// Config says what a page shows.
type Config struct {
	Title string   // the dictionary's own description unless given
	About []string // lines below it

	Features []int           // which are looked for; all of them unless named
	Examples examples.Config // see [Find]; its Progress is Config.Progress'

	// Names are what features are thought to read, by their numbers.
	Names map[int]string

	// Words is how many tokens are listed that a feature raises and lowers most; 10 unless given. A
	// dictionary whose site is not added to the residual stream has none ([dictionary.ErrNoPath]).
	Words int

	// Progress, if not nil, is called now and then. Step is "contexts" or "features"; of is 0 where
	// the number is not known.
	Progress func(step string, done, of int)
}

// WritePage finds the examples of a dictionary's features in contexts, writes the page of them, and
// gives what was found. The file appears when it is complete.
func WritePage(ctx context.Context, path string, m *hooked.Model, d *dictionary.Dictionary, contexts corpus.Contexts, c Config) (*examples.Found, error) {
	if path == "" {
		return nil, brief.Errorf("dashboard: the path is empty: name the page's file")
	}
	if c.Examples.Progress != nil {
		return nil, brief.Errorf("dashboard: Config.Examples.Progress would do nothing: Config.Progress is told of the contexts, too")
	}
	if err := c.check(m, d); err != nil {
		return nil, err
	}
	find := c.Examples
	if c.Progress != nil {
		of := max(0, find.Rows.To-find.Rows.From)
		find.Progress = func(contexts int) { c.Progress("contexts", contexts, of) }
	}
	found, err := Find(ctx, m, d, contexts, find, c.Features...)
	if err != nil {
		return nil, err
	}
	return found, c.write(ctx, path, m, d, found)
}

// WriteFound writes the page of what [Find] or [FindStored] has found. Config.Features and Examples
// must be left alone: that is done.
func WriteFound(ctx context.Context, path string, m *hooked.Model, d *dictionary.Dictionary, found *examples.Found, c Config) error {
	e := c.Examples
	if len(c.Features) > 0 || e.Top != 0 || e.Bottom != 0 || e.Quantiles != 0 || e.Progress != nil {
		return brief.Errorf("dashboard: Config.Features and Examples would do nothing: they are for finding, and that is done")
	}
	if path == "" || ctx == nil {
		return brief.Errorf("dashboard: the path is empty, or the context is nil")
	}
	if err := c.check(m, d); err != nil {
		return err
	}
	return c.write(ctx, path, m, d, found)
}

// check refuses beforehand what would fail after all contexts were read.
func (c Config) check(m *hooked.Model, d *dictionary.Dictionary) error {
	switch {
	case m == nil:
		return brief.Errorf("dashboard: the model is nil: look at the error of the call that should have made it")
	case c.Words < 0:
		return brief.Errorf("dashboard: Config.Words is %d: want the number of tokens", c.Words)
	}
	first := 0
	if len(c.Features) > 0 {
		first = c.Features[0]
	}
	_, err := c.words(m, d, []int{first})
	return err
}

func (c Config) write(ctx context.Context, path string, m *hooked.Model, d *dictionary.Dictionary, found *examples.Found) error {
	page := plots.PageConfig{Title: c.Title, About: c.About, Unit: "activation"}
	if page.Title == "" {
		page.Title = d.Config.String()
	}
	page.About = append(page.About, fmt.Sprintf("%d contexts of %d tokens", found.Seen(), foundLength(found)))
	err := wholefile.Write(path, 0o644, func(w io.Writer) error { return plots.FeaturePage(w, page, c.features(ctx, m, d, found)) })
	if err != nil {
		return brief.Errorf("dashboard: %w", err)
	}
	return nil
}

func foundLength(found *examples.Found) int {
	if found == nil {
		return 0
	}
	return found.Length
}

// Feature is what is known of one feature, for [plots.Feature]: what was found of it, and the ten
// tokens that it raises and lowers most. Where there are no such tokens, as its site is not added
// to the residual stream, the lists are empty.
func Feature(m *hooked.Model, d *dictionary.Dictionary, found *examples.Found, feature int) (plots.FeatureData, error) {
	if err := (Config{Features: []int{feature}}).check(m, d); err != nil {
		return plots.FeatureData{}, err
	}
	one, err := found.Feature(label(d, feature))
	if err != nil {
		return plots.FeatureData{}, err
	}
	tokens, err := (Config{}).words(m, d, []int{feature})
	if err != nil {
		return plots.FeatureData{}, err
	}
	return data(m, found, one, feature, tokens, 0)
}

// together is how many features are made ready at once.
const together = 64

// features are those that were found, as a page takes them.
func (c Config) features(ctx context.Context, m *hooked.Model, d *dictionary.Dictionary, found *examples.Found) iter.Seq2[plots.FeatureData, error] {
	return func(yield func(plots.FeatureData, error) bool) {
		numbers, err := numbers(d, found)
		if err != nil {
			yield(plots.FeatureData{}, err)
			return
		}
		told := time.Time{}
		step := underway.Begin("writing the page")
		defer step.End()
		for from := 0; from < len(numbers); from += together {
			part := numbers[from:min(from+together, len(numbers))]
			tokens, err := c.words(m, d, part)
			for i, feature := range part {
				one := plots.FeatureData{}
				if err == nil {
					err = fault.Ended(ctx, "%d of %d features are on the page", from+i, len(numbers))
				}
				if err == nil {
					one, err = data(m, found, &found.Features[from+i], feature, tokens, i)
				}
				one.About = c.Names[feature]
				if !yield(one, err) || err != nil {
					return
				}
			}
			step.Sayf("%d of %d features", from+len(part), len(numbers))
			if done := from + len(part); c.Progress != nil && (time.Since(told) > 100*time.Millisecond || done == len(numbers)) {
				told = time.Now()
				c.Progress("features", done, len(numbers))
			}
		}
	}
}

// numbers are those of the features that were found.
func numbers(d *dictionary.Dictionary, found *examples.Found) ([]int, error) {
	if found == nil || len(found.Features) == 0 {
		return nil, brief.Errorf("nothing was found: look at the error of the call that should have found it")
	}
	var out []int
	for _, f := range found.Features {
		text, ok := strings.CutPrefix(f.Label, d.Acts()+"[")
		n, err := strconv.Atoi(strings.TrimSuffix(text, "]"))
		if !ok || err != nil || n < 0 || n >= d.Config.Features {
			return nil, brief.Errorf("%q was found, which is no feature of this dictionary: its are called %q to %q", f.Label, label(d, 0), label(d, d.Config.Features-1))
		}
		out = append(out, n)
	}
	return out, nil
}

// words are tokens that features raise and lower, [feature][k].
type words struct{ up, down [][]plots.Ranked }

const pageWords = 10

// words are those of some features.
func (c Config) words(m *hooked.Model, d *dictionary.Dictionary, features []int) (w words, err error) {
	k := c.Words
	if k == 0 {
		k = min(pageWords, m.Config().DVocab)
	}
	up, down, err := d.LogitAttributions(m, features, k)
	if errors.Is(err, dictionary.ErrNoPath) {
		return words{}, nil
	}
	if err != nil {
		return words{}, brief.Errorf("dashboard: %w", err)
	}
	for i := range features {
		w.up, w.down = append(w.up, ranked(up[i])), append(w.down, ranked(down[i]))
	}
	return w, nil
}

func ranked(tokens []dictionary.Promoted) []plots.Ranked {
	out := make([]plots.Ranked, len(tokens))
	for i, t := range tokens {
		out[i] = plots.Ranked{Token: t.Text, Value: float64(t.Logit)}
		if t.Text == "" {
			out[i].Token = fmt.Sprintf("token %d", t.Token)
		}
	}
	return out
}

// data is what is known of a feature, the i-th of these words.
func data(m *hooked.Model, found *examples.Found, one *examples.Feature, feature int, w words, i int) (plots.FeatureData, error) {
	out := plots.FeatureData{Number: feature, Density: math.NaN()}
	if n := found.Positions(); n > 0 {
		out.Density = float64(one.Active) / float64(n)
	}
	out.Edges, out.Counts = one.Histogram()
	if w.up != nil {
		out.Up, out.Down = w.up[i], w.down[i]
	}
	groups := []group{{"strongest", one.Top}, {"most negative", one.Bottom}}
	quantiles := one.Quantiles()
	for q := len(quantiles) - 1; q >= 0; q-- {
		groups = append(groups, group{quantileName(q, len(quantiles)), quantiles[q]})
	}
	for _, g := range groups {
		list := g.active()
		if len(list) == 0 {
			continue
		}
		texts, err := textsOf(m, list)
		if err != nil {
			return out, err
		}
		out.Groups = append(out.Groups, plots.TextSeries{Name: g.name, Texts: texts})
	}
	return out, nil
}

// A group of examples is named by how they were chosen.
type group struct {
	name string
	list []examples.Example
}

// active are the examples in which the feature is not zero: a feature that is active in two
// contexts has two strongest.
func (g group) active() (list []examples.Example) {
	for _, e := range g.list {
		if e.Value != 0 {
			list = append(list, e)
		}
	}
	return list
}

func quantileName(q, n int) string {
	return fmt.Sprintf("from %.0f %% to %.0f %% of the peaks", 100*float64(q)/float64(n), 100*float64(q+1)/float64(n))
}

// textsOf are examples with their tokens as text, or as numbers where the model has no tokenizer.
func textsOf(m *hooked.Model, list []examples.Example) (plots.Texts, error) {
	if _, err := m.Tokenizer(); err == nil {
		return examples.TextsOf(m, list)
	}
	var out plots.TextList
	for _, e := range list {
		t := plots.ValuedText{Label: fmt.Sprintf("row %d, %.3g at position %d", e.Row, e.Value, e.Pos), Values: e.Activations}
		for _, id := range e.Tokens {
			t.Tokens = append(t.Tokens, fmt.Sprintf(" %d", id))
		}
		out = append(out, t)
	}
	return out, nil
}
