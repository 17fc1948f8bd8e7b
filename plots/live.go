package plots

// Live is one place below a notebook's cell, in which each figure takes the place of the one
// before: a curve that grows while something is computed. The saved notebook holds the last.
// Outside a GoNB notebook nothing is displayed.
//
//	live := plots.NewLive()
//	err := live.Show(plots.Line(losses, plots.Axes{XName: "step", YName: "loss"})) // as often as you like
type Live struct{ place string }

// NewLive is a place that shows nothing yet.
func NewLive() *Live { return &Live{newPlace()} }

// Show displays a figure in the place of the last one, see [Figure.Show].
func (l *Live) Show(f Figure) error { return f.showAs(l.place) }
