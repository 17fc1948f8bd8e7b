package probe

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A Table is a probe for each site and position.
type Table struct {
	sites   []string
	columns []string
	fitted  [][]*Fitted // [site][column]
}

// FitAll fits a probe at every site and position that was collected, all on the same examples.
func FitAll(ctx context.Context, a *Activations, labels []int, method Method, split Split) (*Table, error) {
	if ctx == nil {
		return nil, brief.Errorf("the context is nil: give one, such as context.Background()")
	}
	if err := a.need(); err != nil {
		return nil, err
	}
	t := &Table{sites: a.sites, columns: a.columns, fitted: make([][]*Fitted, len(a.sites))}
	var work []func() error
	for i, s := range a.sites {
		t.fitted[i] = make([]*Fitted, len(a.columns))
		for k, rows := range a.rows[s] {
			work = append(work, func() (err error) {
				if err := fault.Ended(ctx, "FitAll was ended by its context"); err != nil {
					return err
				}
				t.fitted[i][k], err = Fit(rows, labels, method, split)
				return err
			})
		}
	}
	if err := sideBySide(work); err != nil {
		return nil, err
	}
	return t, nil
}

// sideBySide does work on all processors. It returns the first error, in the order of the work.
func sideBySide(work []func() error) error {
	errs := make([]error, len(work))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(work)) {
		workers.Go(func() {
			for i := range next {
				errs[i] = work[i]()
			}
		})
	}
	for i := range work {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ByLayer collects activations and fits a probe on each: [Collect] and [FitAll] in one call.
//
//	texts := probe.Collection{Texts: mails, Sites: hooked.ResidPost, MaxTokens: 64}
//	table, err := probe.ByLayer(ctx, model, texts, labels, probe.Logistic{}, probe.Split{})
//	plots.Line(table.Accuracy()).Show()
func ByLayer(ctx context.Context, m *hooked.Model, c Collection, labels []int, method Method, split Split) (*Table, error) {
	a, err := Collect(ctx, m, c)
	if err != nil {
		return nil, err
	}
	return FitAll(ctx, a, labels, method, split)
}

func (t *Table) need() error {
	if t == nil || len(t.fitted) == 0 {
		return brief.Errorf("the table is nil or empty: look at the error of FitAll or ByLayer")
	}
	return nil
}

// Sites are the names of those of the probes, in the order of the forward pass.
func (t *Table) Sites() []string {
	if t == nil {
		return nil
	}
	return slices.Clone(t.sites)
}

// Columns are the positions of the probes, as [Activations.Columns] has them.
func (t *Table) Columns() []string {
	if t == nil {
		return nil
	}
	return slices.Clone(t.columns)
}

// At is the probe of a site, counted as in Sites, and a position, 0 where there is one.
func (t *Table) At(site, column int) (*Fitted, error) {
	if err := t.need(); err != nil {
		return nil, err
	}
	if site < 0 || site >= len(t.sites) || column < 0 || column >= len(t.columns) {
		return nil, brief.Errorf("there is no probe %d, %d in a table of %d sites and %d positions", site, column, len(t.sites), len(t.columns))
	}
	return t.fitted[site][column], nil
}

// Best is the probe with the highest accuracy in testing, the first of them, and where it stands.
// Its accuracy is that of the best of many: for a number to report, test it on further examples.
func (t *Table) Best() (best *Fitted, site, column int, err error) {
	if err := t.need(); err != nil {
		return nil, 0, 0, err
	}
	for i, row := range t.fitted {
		for k, f := range row {
			if best == nil || f.Test.Accuracy > best.Test.Accuracy {
				best, site, column = f, i, k
			}
		}
	}
	return best, site, column, nil
}

// Accuracy is the accuracy in testing of each probe.
func (t *Table) Accuracy() *Scores {
	return t.Scores("accuracy", func(f *Fitted) float64 { return f.Test.Accuracy })
}

// Scores is a number of each probe, by what it is called: [site], or where there are several
// positions [site, position]. Sites of one kind are labelled by their layers.
func (t *Table) Scores(name string, of func(f *Fitted) float64) *Scores {
	s := &Scores{name: name}
	if t.need() != nil || of == nil {
		return s
	}
	s.axes, s.labels = []string{"layer"}, [][]string{layerLabels(t.sites)}
	if s.labels[0] == nil {
		s.axes[0], s.labels[0] = "site", t.Sites()
	}
	if len(t.columns) > 1 {
		s.axes, s.labels = append(s.axes, "pos"), append(s.labels, t.Columns())
	}
	for _, row := range t.fitted {
		for _, f := range row {
			s.data = append(s.data, float32(of(f)))
		}
	}
	return s
}

// layerLabels are the numbers of the layers where all sites are of one kind; else nil.
func layerLabels(sites []string) []string {
	out := make([]string, len(sites))
	for i, s := range sites {
		l, ok := layerOf(s)
		if !ok || kindOf(s) != kindOf(sites[0]) {
			return nil
		}
		out[i] = fmt.Sprint(l)
	}
	return out
}

// kindOf is a site's name without its layer.
func kindOf(site string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(site, "blocks."), ".")
	return rest
}

// Scores are a number of each probe of a table. Package plots draws them as they are: those of one
// position with plots.Line, of several with plots.Imshow.
type Scores struct {
	name   string
	axes   []string
	labels [][]string
	data   []float32
}

// Shape is [site], or [site, position].
func (s *Scores) Shape() []int {
	if s == nil {
		return []int{0}
	}
	shape := make([]int, len(s.labels))
	for i, l := range s.labels {
		shape[i] = len(l)
	}
	return shape
}

// Float32s are the numbers in row-major order.
func (s *Scores) Float32s() []float32 {
	if s == nil {
		return nil
	}
	return slices.Clone(s.data)
}

// AxisNames are "layer", or "site" where there are several kinds of sites, and "pos".
func (s *Scores) AxisNames() []string {
	if s == nil {
		return nil
	}
	return slices.Clone(s.axes)
}

// AxisLabels are the labels of an axis: layers or sites, or positions; nil if there is no such
// axis.
func (s *Scores) AxisLabels(axis int) []string {
	if s == nil || axis < 0 || axis >= len(s.labels) {
		return nil
	}
	return slices.Clone(s.labels[axis])
}

// String is what the numbers are, and their range.
func (s *Scores) String() string {
	if s == nil || len(s.data) == 0 {
		return "no scores"
	}
	return fmt.Sprintf("%s by %s, from %.3f to %.3f", s.name, strings.Join(s.axes, " and "), slices.Min(s.data), slices.Max(s.data))
}
