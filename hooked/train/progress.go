package train

import (
	"fmt"
	"io"
	"time"

	"gopherlens/internal/underway"
)

// How often a progress line is drawn anew.
const progressInterval = 200 * time.Millisecond

// A progressLine tells of a training in one line, which is drawn over itself, and in the picture
// that the configuration names.
type progressLine struct {
	w      io.Writer
	live   Live
	steps  int // of the whole training
	before int // steps taken before this process

	began, drawn time.Time
	tokens       int
	eval         map[string]float64 // the last one
	width        int                // of the line that stands there
	underway     *underway.Step     // where the reader has asked for neither line nor picture
}

// newProgress is the progress line of a training of so many steps; it writes nothing if there is no
// writer.
func newProgress(w io.Writer, live Live, steps, before int) *progressLine {
	l := &progressLine{w: w, live: live, steps: steps, before: before, began: time.Now()}
	if w == nil && live == nil {
		l.underway = underway.Begin("training")
	}
	return l
}

// step tells of a step, if it is time to.
func (l *progressLine) step(p Point) {
	l.tokens += p.Tokens
	if p.Eval != nil {
		l.eval = p.Eval
	}
	if l.live != nil {
		p.draw(l.live)
	}
	if l.underway != nil {
		l.underway.Sayf("%s", l.text(p, time.Since(l.began)))
	}
	if l.w == nil || time.Since(l.drawn) < progressInterval && p.Step < l.steps {
		return
	}
	l.drawn = time.Now()
	l.draw(l.text(p, time.Since(l.began)))
}

// Names of the lines in a picture of a training.
const (
	lossLine = "loss"
	evalLine = "evaluation"
)

// draw adds a step to a picture.
func (p Point) draw(live Live) {
	live.Add(lossLine, float64(p.Step), p.Loss)
	if loss, ok := p.Eval[lossMetric]; ok {
		live.Add(evalLine, float64(p.Step), loss)
	}
}

// text is the line after a step, when so much time has passed since the training began.
func (l *progressLine) text(p Point, passed time.Duration) string {
	text := fmt.Sprintf("step %d of %d, loss %.4g", p.Step, l.steps, p.Loss)
	if loss, ok := l.eval[lossMetric]; ok {
		text += fmt.Sprintf(" (on the evaluation's data %.4g)", loss)
	}
	if seconds := passed.Seconds(); seconds > 0 && l.tokens > 0 {
		text += fmt.Sprintf(", %.0f tokens/s", float64(l.tokens)/seconds)
	}
	if taken := p.Step - l.before; p.Step < l.steps && taken > 0 {
		text += fmt.Sprintf(", %s left", timeLeft(passed, taken, l.steps-p.Step))
	}
	return text
}

// timeLeft is how long so many steps will take, if they take as long as those before.
func timeLeft(passed time.Duration, taken, steps int) time.Duration {
	return time.Duration(float64(passed) / float64(taken) * float64(steps)).Round(time.Second)
}

func (l *progressLine) draw(text string) {
	pad := max(0, l.width-len(text))
	fmt.Fprintf(l.w, "\r%s%*s", text, pad, "")
	l.width = len(text)
}

// end leaves line and picture as they stand.
func (l *progressLine) end() {
	l.underway.End()
	if l.w != nil && l.width > 0 {
		fmt.Fprintln(l.w)
	}
	if l.live != nil {
		l.live.End()
	}
}
