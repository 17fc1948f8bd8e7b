package patching

import (
	"gopherlens/hooked"
)

// results turns patched residual streams into numbers. What a patch leaves as it is comes from the
// base run.
type results struct {
	m         *hooked.Model
	metric    hooked.Metric
	positions [][]int // where the metric looks in each prompt
	final     []float32
	batch     int

	numbers []float32
	missing []int             // rows of each patch that are still to come
	half    map[int][]float32 // residual streams of patches with rows still to come
	ready   []ready
	runs    int // patches that are measured together
}

// ready is a patch whose residual stream [batch, pos, d_model] after the last layer is complete.
type ready struct {
	patch int
	resid []float32
}

// metricBytes bounds the logits that are computed at once, maxRuns the runs: each is a part of the
// program.
const (
	metricBytes = 64 << 20
	maxRuns     = 16
)

func newResults(m *hooked.Model, metric hooked.Metric, base *hooked.Cache, tokens hooked.Tokens, s *settings) (*results, error) {
	positions, err := inside.Positions(m, metric, tokens, s.padding...)
	if err != nil {
		return nil, err
	}
	r := &results{m: m, metric: metric, positions: positions, batch: len(tokens), half: make(map[int][]float32)}
	last, err := base.Lookup(hooked.ResidPost.At(-1))
	if err != nil {
		return nil, err
	}
	r.runs = min(maxRuns, max(1, metricBytes/(4*r.batch*len(positions[0])*m.Config().DVocabOut)))
	err = hooked.Try(func() {
		for i, row := range positions {
			r.final = append(r.final, last.At(i, row).Float32s()...)
		}
	})
	return r, err
}

// expect prepares for these rows and gives the patches that have none the base run's number.
func (r *results) expect(patches int, rows []row) error {
	r.numbers, r.missing = make([]float32, patches), make([]int, patches)
	base, err := r.measure([]ready{{0, r.final}})
	if err != nil {
		return err
	}
	for i := range r.numbers {
		r.numbers[i] = base[0]
	}
	for _, row := range rows {
		r.missing[row.patch]++
	}
	return nil
}

// take takes over the rows of a batch, x [row, pos, d_model].
func (r *results) take(b batch, x *hooked.Tensor) (err error) {
	var values []float32
	if err := hooked.Try(func() { values = x.Float32s() }); err != nil {
		return err
	}
	size := len(values) / b.size
	for i, row := range b.rows {
		r.takeRow(row, func(resid []float32) { r.copyRow(resid, row.prompt, values[i*size:(i+1)*size], b.from) })
	}
	return r.flush(r.runs)
}

// takeRow has a row put into its patch's residual streams.
func (r *results) takeRow(row row, put func(resid []float32)) {
	resid := r.half[row.patch]
	if resid == nil {
		resid = append([]float32(nil), r.final...)
		r.half[row.patch] = resid
	}
	put(resid)
	if r.missing[row.patch]--; r.missing[row.patch] == 0 {
		delete(r.half, row.patch)
		r.ready = append(r.ready, ready{row.patch, resid})
	}
}

// copyRow puts the positions of a row that the metric looks at in their place.
func (r *results) copyRow(resid []float32, prompt int, values []float32, from int) {
	d := r.m.Config().DModel
	row := r.positions[prompt]
	for i, p := range row {
		if p >= from {
			at := (prompt*len(row) + i) * d
			copy(resid[at:at+d], values[(p-from)*d:])
		}
	}
}

// flush measures the patches that are ready, while there are at least so many.
func (r *results) flush(atLeast int) error {
	for part := r.pop(atLeast); part != nil; part = r.pop(atLeast) {
		numbers, err := r.measure(part)
		if err != nil {
			return err
		}
		r.note(part, numbers)
	}
	return nil
}

// pop takes the next patches that are to be measured together, if at least so many are ready.
func (r *results) pop(atLeast int) []ready {
	if len(r.ready) == 0 || len(r.ready) < atLeast {
		return nil
	}
	part := r.ready[:min(r.runs, len(r.ready))]
	r.ready = r.ready[len(part):]
	return part
}

func (r *results) note(part []ready, numbers []float32) {
	for i, p := range part {
		r.numbers[p.patch] = numbers[i]
	}
}

func (r *results) finish() ([]float32, error) {
	err := r.flush(1)
	return r.numbers, err
}

// measure computes the metric of some patches, in a program of fixed size.
func (r *results) measure(part []ready) ([]float32, error) {
	var all []float32
	for i := range r.runs {
		all = append(all, part[min(i, len(part)-1)].resid...)
	}
	return inside.Measure(r.m, r.metric, all, r.runs, r.batch, len(r.positions[0]), r.m.Config().DModel)
}
