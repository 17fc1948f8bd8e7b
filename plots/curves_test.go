package plots_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"gopherlens/plots"
)

// TestCurves holds that each line is drawn through its own points: one with few is not interrupted
// at the places of the others.
func TestCurves(t *testing.T) {
	loss := plots.Curve{Name: "loss", X: []float64{1, 2, 3, 4, 5}, Y: []float64{5, 4, 3, 2, 1}}
	evaluation := plots.Curve{Name: "evaluation", X: []float64{2, 4.5}, Y: []float64{4.5, 2.5}}
	f := plots.Line(plots.Curves{loss, evaluation}, plots.Axes{XName: "step", YName: "loss", LogY: true})
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(svg), "Not finite") {
		t.Error("a place without a value is drawn as NaN")
	}
	values := map[int][][2]float64{}
	for _, layer := range f.Vega()["layer"].([]any) {
		data := layer.(map[string]any)["data"].(map[string]any)["values"].([]any)
		for _, row := range data {
			r := row.(map[string]any)
			s := r["s"].(int)
			values[s] = append(values[s], [2]float64{r["x"].(float64), r["y"].(float64)})
		}
	}
	for s, c := range []plots.Curve{loss, evaluation} {
		if len(values[s]) != len(c.X) {
			t.Fatalf("%s: drawn through %v", c.Name, values[s])
		}
		for i, p := range values[s] {
			if p != [2]float64{c.X[i], c.Y[i]} {
				t.Errorf("%s: point %d is %v", c.Name, i, p)
			}
		}
	}
}

func TestCurvesRefused(t *testing.T) {
	good := plots.Curve{Name: "a", X: []float64{1, 2}, Y: []float64{1, 2}}
	for want, c := range map[string]struct {
		curves plots.Curves
		axes   plots.Axes
	}{
		"no data":            {plots.Curves{}, plots.Axes{}},
		"no finite value":    {plots.Curves{{X: []float64{1}, Y: []float64{math.NaN()}}}, plots.Axes{}},
		"increasing":         {plots.Curves{good, {Name: "b", X: []float64{2, 2}, Y: []float64{1, 2}}}, plots.Axes{}},
		"2 places, Y has 1":  {plots.Curves{{X: []float64{1, 2}, Y: []float64{1}}}, plots.Axes{}},
		"X[0] is NaN":        {plots.Curves{{X: []float64{math.NaN()}, Y: []float64{1}}}, plots.Axes{}},
		"leave Axes.X":       {plots.Curves{good}, plots.Axes{At: []float64{1, 2}}},
		"needs values above": {plots.Curves{{X: []float64{1, 2}, Y: []float64{0, 1}}}, plots.Axes{LogY: true}},
	} {
		err := plots.Line(c.curves, c.axes).Err()
		if err == nil {
			t.Errorf("want an error with %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestLiveLine holds that a line which grows fast is drawn a few times a second, and its end
// always; and that points which come again replace those from there on.
func TestLiveLine(t *testing.T) {
	live := plots.NewLiveLine(plots.Axes{XName: "step"})
	var shown []plots.Figure
	live.ShowIn(func(f plots.Figure) error { shown = append(shown, f); return f.Err() })
	start := time.Now()
	for i := range 1200 {
		live.Add("loss", float64(i), float64(i%7))
		time.Sleep(time.Millisecond)
	}
	if most := 1 + int(time.Since(start)/(500*time.Millisecond)); len(shown) > most || len(shown) < 2 {
		t.Errorf("drawn %d times in %s", len(shown), time.Since(start))
	}
	live.End()
	n := len(shown)
	live.End()
	if len(shown) != n {
		t.Error("drawn again without a new point")
	}
	bundle, err := shown[n-1].Bundle()
	if err != nil || !strings.Contains(bundle["text/plain"].(string), "1200 points") || bundle["image/png"] == nil {
		t.Errorf("%v, %.300v", err, bundle["text/plain"])
	}
	live.Add("loss", 10, 3)
	bundle, err = live.Figure().Bundle()
	if err != nil || !strings.Contains(bundle["text/plain"].(string), "11 points") {
		t.Errorf("%v, %.300v", err, bundle["text/plain"])
	}
	if live.Err() != nil {
		t.Error(live.Err())
	}
}
