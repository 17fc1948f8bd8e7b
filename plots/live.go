package plots

import (
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
)

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

// LiveLine is a chart of lines that grow point by point, drawn in one place below a notebook's
// cell: at most twice a second, and less often where drawing would take more than a tenth of the
// time. The saved notebook holds the last picture. Outside a notebook nothing is drawn until
// [LiveLine.Figure] is asked for.
//
//	live := plots.NewLiveLine(plots.Axes{XName: "step", YName: "loss", LogY: true})
//	live.Add("loss", step, loss) // for each point
//	live.End()                   // draws what is not drawn yet
//
// A training of package train takes it as Config.Live.
type LiveLine struct {
	axes Axes
	show func(Figure) error // nil outside a notebook

	mu     sync.Mutex
	curves Curves
	stale  bool      // there are points that are not drawn
	next   time.Time // not drawn before
	err    error     // of the last drawing
}

const (
	liveInterval = 500 * time.Millisecond
	liveShare    = 10 // drawing takes one part in so many of the time
	livePoints   = 1000
)

// NewLiveLine is a chart without points. Axes are those of [Line], which reads [Curves].
func NewLiveLine(axes Axes) *LiveLine {
	l := &LiveLine{axes: axes}
	if gonbui.IsNotebook {
		l.show = NewLive().Show
	}
	return l
}

// Add puts a point at the end of a line, which begins with its first. A point that does not lie
// beyond the line's last one takes the place of all those from there on, as when a training is
// resumed from an earlier step.
func (l *LiveLine) Add(line string, x, y float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.curve(line)
	n := len(c.X)
	for n > 0 && !(x > c.X[n-1]) {
		n--
	}
	c.X, c.Y = append(c.X[:n], x), append(c.Y[:n], y)
	l.stale = true
	if now := time.Now(); !now.Before(l.next) {
		l.draw(now)
	}
}

// End draws the points that are not drawn yet.
func (l *LiveLine) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale {
		l.draw(time.Now())
	}
}

// Figure is the chart as it is now, with at most a thousand points a line.
func (l *LiveLine) Figure() Figure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.figure()
}

// Err is what went wrong with the last picture, nil if nothing did; the picture shows it, too.
func (l *LiveLine) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *LiveLine) curve(name string) *Curve {
	for i := range l.curves {
		if l.curves[i].Name == name {
			return &l.curves[i]
		}
	}
	l.curves = append(l.curves, Curve{Name: name})
	return &l.curves[len(l.curves)-1]
}

func (l *LiveLine) figure() Figure {
	c, err := newLine(l.curves, l.axes, livePoints)
	return figure("Line", c, err)
}

func (l *LiveLine) draw(now time.Time) {
	if l.show == nil {
		return
	}
	l.err = l.show(l.figure())
	l.stale = false
	took := time.Since(now)
	l.next = now.Add(took + max(liveInterval, liveShare*took))
}
