package plots

// A TestTick is a tick of a figure's axis or colour bar.
type TestTick struct {
	At    float64
	Label string
}

// Vega is f's specification, nil for what has none.
func (f Figure) Vega() map[string]any {
	if c, ok := f.body.(chart); ok && c.vegaDraws() {
		return c.vega()
	}
	return nil
}

// Ticks are those of every axis and colour bar that f draws.
func (f Figure) Ticks() [][]TestTick {
	var axes [][]tick
	add := func(r *ramp) {
		if r != nil {
			axes = append(axes, r.ticks())
		}
	}
	frame := func(f *frame) {
		axes = append(axes, f.y.ticks(6))
		if f.xLabels == nil {
			axes = append(axes, f.x.ticks(8))
		}
		add(f.ramp)
	}
	switch b := f.body.(type) {
	case *lineChart:
		frame(&b.frame)
	case *barChart:
		frame(&b.frame)
	case *scatterChart:
		frame(&b.frame)
	case *histogram:
		frame(&b.frame)
	case *heatmap:
		add(&b.ramp)
	case *attention:
		add(&b.grid.ramp)
	case *topTable:
		add(&b.grid.ramp)
	}
	var out [][]TestTick
	for _, ticks := range axes {
		var axis []TestTick
		for _, t := range ticks {
			axis = append(axis, TestTick{t.at, t.label})
		}
		out = append(out, axis)
	}
	return out
}

// ShowIn has l draw as in a notebook, with show in the place of the browser.
func (l *LiveLine) ShowIn(show func(Figure) error) { l.show = show }
