package patching

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A Fleet computes the patches of sweeps elsewhere, as package fleet does on other machines.
type Fleet interface {
	// Patches computes all parts of a job, in any order: it takes one after the other, has
	// [Job.Prepare] and [Prepared.Compute] make numbers of each, and gives these back.
	Patches(ctx context.Context, m *hooked.Model, job Job, parts *Parts) error
}

// On computes a sweep's patches in a fleet of machines. The source must then be data: [FromTokens]
// or [AllZeros]. A ready metric such as [hooked.LogitDiff] is measured there, any other one here.
func On(f Fleet) Option {
	return option("On", func(s *settings) {
		s.on = f
		s.refuse(f == nil, "On needs a fleet: leave it out to compute here")
	})
}

// A Job is a sweep of one site as data.
type Job struct {
	Site   string // its name in one layer
	Every  bool   // whether every layer is meant
	Over   string // see [Kind]
	Base   hooked.Tokens
	Source hooked.Tokens // none for zeros
	// Metric is what is measured; none where the caller does that himself: then Looks says at which
	// positions of each prompt he needs the residual streams, [batch][n]
	Metric  *hooked.MetricData `json:",omitempty"`
	Looks   [][]int            `json:",omitempty"`
	Mask    [][]int            `json:",omitempty"` // see [AttentionMask]
	Left    bool               `json:",omitempty"` // see [PaddingSide]
	Ungroup bool               `json:",omitempty"`
}

// A Part is some rows to be computed, or some patches to be measured.
type Part struct {
	Number    int
	From      int    // position from which on the rows are computed
	Size      int    // rows of the program
	Rows      []Row  `json:",omitempty"`
	Residuals []byte `json:",omitempty"` // of patches to be measured, [patch, prompt, pos, d_model] little-endian float32
}

// A Row is a patch of one prompt.
type Row struct{ Patch, Prompt, Layer int }

// job is the sweep of one site as data, if it can be that.
func (s Sweep) job(set *settings) (Job, error) {
	j := Job{Over: strings.Join(strings.Fields(s.Over), " "), Base: s.Base, Mask: set.mask, Left: set.left, Ungroup: set.ungroup}
	switch source := s.Source.(type) {
	case fromTokens:
		j.Source = source.tokens
	case zeros:
	default:
		return j, fmt.Errorf("On: the source must be data to leave this process: patching.FromTokens or patching.AllZeros")
	}
	if metric, err := s.Metric.Data(); err == nil {
		j.Metric = &metric
	}
	_, one := s.Site.Layer()
	site := s.Site
	if j.Every = !one && site.At(0) != site; j.Every {
		site = site.At(0)
	}
	j.Site = site.Name()
	return j, nil
}

// sweep is the sweep that a job is of.
func (j Job) sweep(m *hooked.Model) (s Sweep, err error) {
	found, err := m.Config().Select(j.Site)
	if err != nil {
		return s, err
	}
	if len(found) != 1 {
		return s, brief.Errorf("%s means %d sites", brief.Text(j.Site), len(found))
	}
	site := found[0]
	if j.Every {
		site = site.InEveryLayer()
	}
	s = Sweep{Kind: Kind{Site: site, Over: j.Over}, Base: j.Base, Source: AllZeros()}
	if j.Source != nil {
		s.Source = FromTokens(j.Source)
	}
	s.Metric, err = j.metric()
	return s, err
}

// metric is the job's metric, or one that looks where the caller's does and is never measured.
func (j Job) metric() (hooked.Metric, error) {
	switch {
	case (j.Metric == nil) == (j.Looks == nil):
		return hooked.Metric{}, brief.Errorf("want either a metric or the positions where it looks")
	case j.Metric != nil:
		return j.Metric.Metric()
	}
	return hooked.NewMetric(nil, func(*graph.Node, []*graph.Node) *graph.Node {
		panic("the caller measures this sweep himself")
	}).At(j.Looks), nil
}

// Parts are those of a sweep. Its methods are called one at a time.
type Parts struct {
	r       *runner
	work    workload
	meter   *meter
	batches []batch
	given   int               // batches
	turn    int               // the batch that is to be taken over next
	came    map[int][]float32 // results of batches after that
	groups  map[int][]ready   // patches that are being measured, by their part's number
	number  int
}

// elsewhere is [runner.run] in a fleet. Batches are taken over in their order, so that the same
// patches are measured together as here.
func (r *runner) elsewhere(batches []batch, w workload, meter *meter) ([]float32, error) {
	p := &Parts{r: r, work: w, meter: meter, batches: batches, came: make(map[int][]float32), groups: make(map[int][]ready), number: len(batches)}
	if err := r.s.on.Patches(r.s.ctx, r.m, r.job, p); err != nil {
		return nil, err
	}
	return r.results.numbers, nil
}

// Of is how many parts there are, as far as they are known.
func (p *Parts) Of() int { return max(p.number, len(p.batches)) }

// Next is the next part; nil and true where it depends on results that are still to come, nil and
// false at the end.
func (p *Parts) Next() (part *Part, more bool) {
	if group := p.measurable(); group != nil {
		part := &Part{Number: p.number}
		for _, g := range group {
			part.Residuals = appendFloats(part.Residuals, g.resid)
		}
		p.groups[part.Number] = group
		p.number++
		return part, true
	}
	if p.given < len(p.batches) {
		b := p.batches[p.given]
		part := &Part{Number: p.given, From: b.from, Size: b.size}
		for _, row := range b.rows {
			part.Rows = append(part.Rows, Row{row.patch, row.prompt, row.layer})
		}
		p.given++
		return part, true
	}
	return nil, p.turn < len(p.batches)
}

// measurable are some patches that somebody is to measure; none where that is done here.
func (p *Parts) measurable() []ready {
	if p.r.job.Metric == nil {
		return nil
	}
	return p.r.results.pop(p.atLeast())
}

// atLeast is how many patches are measured together at least: fewer at the end alone.
func (p *Parts) atLeast() int {
	if p.turn == len(p.batches) {
		return 1
	}
	return p.r.results.runs
}

// Bytes is how many bytes the result of a part has.
func (p *Parts) Bytes(part *Part) int {
	if group := p.groups[part.Number]; group != nil {
		return 4 * len(group)
	}
	n := 0
	for _, row := range p.batches[part.Number].rows {
		n += p.r.results.looked(row.prompt, part.From)
	}
	return 4 * n * p.r.m.Config().DModel
}

// Take takes over the numbers of a part, as bytes, while so many workers are at work. Bytes that
// cannot be it are an error of the kind [hooked.ErrUnsupportedFile].
func (p *Parts) Take(part *Part, content []byte, workers int) error {
	if len(content) != p.Bytes(part) {
		return fault.Mark(brief.Errorf("part %d: it has %d bytes, want %d", part.Number, len(content), p.Bytes(part)), fault.ErrUnsupportedFile)
	}
	numbers := floatsOf(content)
	if group := p.groups[part.Number]; group != nil {
		for _, v := range numbers {
			if v != v {
				return fault.Mark(brief.Errorf("part %d: a metric is NaN", part.Number), fault.ErrUnsupportedFile)
			}
		}
		p.r.results.note(group, numbers)
		delete(p.groups, part.Number)
		return nil
	}
	p.came[part.Number] = numbers
	for numbers, here := p.came[p.turn]; here; numbers, here = p.came[p.turn] {
		delete(p.came, p.turn)
		b := p.batches[p.turn]
		p.r.results.takePacked(b, numbers)
		p.meter.workers = workers
		if err := p.meter.add(p.work.blocks(b)); err != nil {
			return err
		}
		p.turn++
	}
	if p.r.job.Metric == nil {
		return p.r.results.flush(p.atLeast())
	}
	return nil
}

// looked is at how many positions from one on the metric looks in a prompt.
func (r *results) looked(prompt, from int) (n int) {
	for _, pos := range r.positions[prompt] {
		if pos >= from {
			n++
		}
	}
	return n
}

// packed are a batch's residual streams x [row, pos, d_model] at the positions where the metric
// looks, one row after the other.
func (r *results) packed(b batch, x *hooked.Tensor) (out []float32, err error) {
	var values []float32
	if err := hooked.Try(func() { values = x.Float32s() }); err != nil {
		return nil, err
	}
	size, d := len(values)/b.size, r.m.Config().DModel
	for i, row := range b.rows {
		for _, pos := range r.positions[row.prompt] {
			if pos >= b.from {
				at := i*size + (pos-b.from)*d
				out = append(out, values[at:at+d]...)
			}
		}
	}
	return out, nil
}

// takePacked takes over what packed has made.
func (r *results) takePacked(b batch, values []float32) {
	d := r.m.Config().DModel
	for _, row := range b.rows {
		r.takeRow(row, func(resid []float32) {
			looked := r.positions[row.prompt]
			for i, pos := range looked {
				if pos >= b.from {
					at := (row.prompt*len(looked) + i) * d
					copy(resid[at:at+d], values)
					values = values[d:]
				}
			}
		})
	}
}

// Prepared is a job whose base and source were run.
type Prepared struct {
	r *runner
}

// Prepare runs the base and the source of a job.
func (j Job) Prepare(ctx context.Context, m *hooked.Model) (*Prepared, error) {
	s, err := j.sweep(m)
	if err != nil {
		return nil, fmt.Errorf("the sweep: %w", err)
	}
	options := []Option{WithContext(ctx)}
	if j.Mask != nil {
		options = append(options, AttentionMask(j.Mask))
	}
	if j.Left {
		options = append(options, PaddingSide(hooked.Left))
	}
	if j.Ungroup {
		options = append(options, Ungroup())
	}
	set, err := newSettings(options, replacing)
	if err != nil {
		return nil, err
	}
	if err := s.check(m); err != nil {
		return nil, err
	}
	r, err := s.runner(m, set)
	if err != nil {
		return nil, err
	}
	r.patches = r.sp.patches()
	return &Prepared{r}, nil
}

// Compute is what comes of a part: the residual streams of its rows where the metric looks, or the
// metrics of its patches; as bytes, little-endian float32.
func (p *Prepared) Compute(ctx context.Context, part *Part) ([]byte, error) {
	p.r.s.ctx = ctx
	if part.Rows == nil {
		return p.measure(part)
	}
	b, err := p.batch(part)
	if err != nil {
		return nil, err
	}
	x, err := p.r.replace(b, newMeter(p.r.s, 0))
	if err != nil {
		return nil, err
	}
	values, err := p.r.results.packed(b, x)
	return appendFloats(nil, values), err
}

// maxPartRows bounds the rows of a program that somebody asks for.
const maxPartRows = 1 << 20

// batch is the batch that a part says, if there can be such a one.
func (p *Prepared) batch(part *Part) (batch, error) {
	pos := len(p.r.tokens[0])
	b := batch{from: part.From, size: part.Size}
	if part.From < 0 || part.From >= pos || len(part.Rows) > part.Size || part.Size > maxPartRows {
		return b, brief.Errorf("a batch of %d rows in a program of %d, from position %d of %d, cannot be", len(part.Rows), part.Size, part.From, pos)
	}
	for _, r := range part.Rows {
		if r.Patch < 0 || r.Patch >= len(p.r.patches) || r.Prompt < 0 || r.Prompt >= len(p.r.tokens) || p.r.patches[r.Patch].layer != r.Layer {
			return b, brief.Errorf("there is no patch %d of prompt %d in layer %d", r.Patch, r.Prompt, r.Layer)
		}
		b.rows = append(b.rows, row{r.Patch, r.Prompt, r.Layer, part.From})
	}
	return b, nil
}

func (p *Prepared) measure(part *Part) ([]byte, error) {
	res := p.r.results
	size := 4 * len(res.final)
	n := len(part.Residuals) / size
	if n < 1 || n > res.runs || len(part.Residuals) != n*size {
		return nil, brief.Errorf("%d bytes are not the residual streams of 1 to %d patches, %d bytes each", len(part.Residuals), res.runs, size)
	}
	group := make([]ready, n)
	for i := range group {
		group[i] = ready{i, floatsOf(part.Residuals[i*size : (i+1)*size])}
	}
	numbers, err := res.measure(group)
	if err != nil {
		return nil, err
	}
	return appendFloats(nil, numbers[:n]), nil
}

func appendFloats(b []byte, values []float32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func floatsOf(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}
