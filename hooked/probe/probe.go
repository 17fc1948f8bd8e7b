package probe

import (
	"math"
	"reflect"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Method is a way of fitting a probe: [Logistic], [Ridge], [Means] or [FirstComponent], with its
// settings.
type Method interface {
	fit(p problem) (linear, error)
	logits() bool         // its scores are logits, of which there are probabilities
	record() methodRecord // for gob
	String() string
}

// checkMethod refuses no method, and a pointer to none.
func checkMethod(m Method) error {
	if m == nil {
		return brief.Errorf("there is no method: give one, such as probe.Logistic{}")
	}
	if v := reflect.ValueOf(m); v.Kind() == reflect.Pointer && v.IsNil() {
		return brief.Errorf("the method is a nil %s: give one, such as probe.Logistic{}", v.Type())
	}
	return nil
}

// settings shows a method with its penalty.
func settings(name, penalty string, value float64, standardise bool) string {
	if standardise {
		return brief.Sprintf("%s(%s=%v, standardised)", name, penalty, value)
	}
	return brief.Sprintf("%s(%s=%v)", name, penalty, value)
}

// problem is what a probe of classes is fitted on. A method may change x.
type problem struct {
	x       *mat.Dense // [n, d]
	labels  []int
	classes int
}

// outputs is how many scores a row has: of two classes one is enough.
func (p problem) outputs() int {
	if p.classes == 2 {
		return 1
	}
	return p.classes
}

// A Probe is a linear classifier of activations.
type Probe struct {
	linear      linear
	classes     int
	frequencies []float64 // of the classes in training
	method      Method
	frame       *Rows // axes and site of what it was fitted on, without rows
}

// Fitted is a probe and how good it is.
type Fitted struct {
	*Probe
	Train, Test         Metrics
	TrainRows, TestRows []int // of the rows that it was fitted on
	// Notes are what a reader should know of the fit, such as that it has more weights than rows.
	Notes []string
}

// Fit fits a probe on some examples and measures it on others. labels are the classes, numbered
// from 0: one for each example, those that [Rows.Pick] has left out, too, or one for each row.
// Where there are as many rows as examples, they are the examples'.
//
//	fitted, err := probe.Fit(rows, labels, probe.Logistic{}, probe.Split{Seed: 1})
//	fitted.Test.Accuracy
//	fitted.Direction(1)
func Fit(rows *Rows, labels []int, method Method, split Split) (*Fitted, error) {
	if err := checkMethod(method); err != nil {
		return nil, err
	}
	method = method.record().method() // its own, where a pointer was given
	classes, counts, err := readLabels(rows, labels)
	if err != nil {
		return nil, err
	}
	train, test, err := split.rows(rows, classes)
	if err != nil {
		return nil, err
	}
	p := problem{x: rows.matrix(train), labels: pick(classes, train), classes: len(counts)}
	solved, err := method.fit(p)
	if err != nil {
		return nil, brief.Errorf("fitting %s%s: %w", method, rows.at(), err)
	}
	fitted := &Probe{linear: solved, classes: p.classes, frequencies: frequenciesOf(p.labels, p.classes), method: method, frame: rows.like(0)}
	f := &Fitted{Probe: fitted, TrainRows: train, TestRows: test, Notes: notes(len(train), rows.d)}
	f.Train = f.measure(rows.matrix(train), p.labels)
	f.Test = f.measure(rows.matrix(test), pick(classes, test))
	return f, nil
}

// readLabels are the class of each row, and how many rows each class has.
func readLabels(rows *Rows, labels []int) (classes, counts []int, err error) {
	if classes, err = labelled(rows, labels); err == nil {
		counts, err = classesOf(classes)
	}
	return classes, counts, err
}

// notes say what to make of the number of rows.
func notes(rows, d int) []string {
	if rows > d {
		return nil
	}
	return []string{brief.Sprintf("%d training rows of %d numbers: a probe can tell such rows apart whatever their labels, so the accuracy in training "+
		"says nothing; the penalty decides between the probes that can", rows, d)}
}

func pick[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = all[k]
	}
	return out
}

var errNilProbe = brief.Errorf("the probe is nil or empty: look at the error of the call that should have made it")

func (p *Probe) need() error {
	if p == nil || p.linear.w == nil {
		return errNilProbe
	}
	return nil
}

// need is that of the probe in it.
func (f *Fitted) need() error {
	if f == nil {
		return errNilProbe
	}
	return f.Probe.need()
}

// String is method, size and site.
func (p *Probe) String() string {
	if p.need() != nil {
		return "no probe"
	}
	return brief.Sprintf("%s of %d classes on %d numbers%s", p.method, p.classes, p.frame.d, p.frame.at())
}

// Classes is how many classes the probe tells apart, 0 for nil.
func (p *Probe) Classes() int {
	if p.need() != nil {
		return 0
	}
	return p.classes
}

// Site is the name of where the activations were collected that the probe was fitted on, which
// selects it in edits; "" if that is not known.
func (p *Probe) Site() string {
	if p.need() != nil {
		return ""
	}
	return p.frame.site
}

// Direction is the direction of a class, [d_model] or with the axes of another site, as the fit has
// it: of two classes that of class 0 is the opposite of class 1's. It is ready for edits,
//
//	hooked.Edit(hooked.ResidPost.At(8), hooked.AddTo(direction.Scale(4)))
//
// pushes activations towards the class, and another factor compiles nothing. [Unit] has length 1.
func (p *Probe) Direction(class int) (*hooked.Tensor, error) {
	w, err := p.weights(class)
	if err != nil {
		return nil, err
	}
	return p.frame.vector(w)
}

// Unit is [Probe.Direction] with length 1.
func (p *Probe) Unit(class int) (*hooked.Tensor, error) {
	w, err := p.weights(class)
	if err != nil {
		return nil, err
	}
	length := floats.Norm(w, 2)
	if !(length > 0) {
		return nil, brief.Errorf("the direction of class %d is zero: %s has learned nothing", class, p.method)
	}
	floats.Scale(1/length, w)
	return p.frame.vector(w)
}

// weights are a copy of those of a class.
func (p *Probe) weights(class int) ([]float64, error) {
	if err := p.need(); err != nil {
		return nil, err
	}
	if class < 0 || class >= p.classes {
		return nil, brief.Errorf("there is no class %d, only 0 to %d", class, p.classes-1)
	}
	if p.classes > 2 {
		return mat.Row(nil, class, p.linear.w), nil
	}
	w := mat.Row(nil, 0, p.linear.w)
	if class == 0 {
		floats.Scale(-1, w)
	}
	return w, nil
}

// Intercept is what is added to the score of a class.
func (p *Probe) Intercept(class int) (float64, error) {
	if _, err := p.weights(class); err != nil {
		return 0, err
	}
	switch {
	case p.classes > 2:
		return p.linear.b[class], nil
	case class == 0:
		return -p.linear.b[0], nil
	}
	return p.linear.b[0], nil
}

// Scores are w x + b of rows, [row][class]; of two classes one number, above 0 for class 1.
func (p *Probe) Scores(rows *Rows) ([][]float64, error) {
	x, err := p.matrix(rows)
	if err != nil {
		return nil, err
	}
	return rowsOf(p.linear.scores(x)), nil
}

// Predict is the class of each row.
func (p *Probe) Predict(rows *Rows) ([]int, error) {
	x, err := p.matrix(rows)
	if err != nil {
		return nil, err
	}
	return predictions(p.linear.scores(x)), nil
}

// Probabilities are those of the classes, [row][class]. [Logistic] and whitened [Means] have them.
func (p *Probe) Probabilities(rows *Rows) ([][]float64, error) {
	x, err := p.matrix(rows)
	if err != nil {
		return nil, err
	}
	if !p.method.logits() {
		return nil, brief.Errorf("%s has no probabilities: its scores are no logits", p.method)
	}
	return rowsOf(probabilities(p.linear.scores(x))), nil
}

// Evaluate measures the probe on other rows, with a label for each example or each row, as in
// [Fit]. What it is compared with, the classes' frequencies, are those of the training, as in
// [Fitted.Test].
func (p *Probe) Evaluate(rows *Rows, labels []int) (Metrics, error) {
	x, err := p.matrix(rows)
	if err != nil {
		return Metrics{}, err
	}
	of, err := labelled(rows, labels)
	if err != nil {
		return Metrics{}, err
	}
	for i, label := range of {
		if label < 0 || label >= p.classes {
			return Metrics{}, brief.Errorf("label %d is %d: the probe has classes 0 to %d", i, label, p.classes-1)
		}
	}
	return p.measure(x, of), nil
}

func (p *Probe) matrix(rows *Rows) (*mat.Dense, error) {
	if err := p.need(); err != nil {
		return nil, err
	}
	if err := rows.fits(p.frame.d, "the probe"); err != nil {
		return nil, err
	}
	return rows.matrix(count(rows.n)), nil
}

func rowsOf(m *mat.Dense) [][]float64 {
	n, _ := m.Dims()
	out := make([][]float64, n)
	for i := range out {
		out[i] = mat.Row(nil, i, m)
	}
	return out
}

// vector is one row of numbers with the axes of a site, in float32.
func (r *Rows) vector(v []float64) (*hooked.Tensor, error) {
	return r.tensor(mat.NewDense(1, len(v), v), "")
}

// tensor is rows of numbers with the axes of a site, in float32, under an axis called so; without
// one, a single row.
func (r *Rows) tensor(m *mat.Dense, axis string) (*hooked.Tensor, error) {
	n, _ := m.Dims()
	array := &hooked.Array{Shape: r.dims}
	names := r.axes
	if axis != "" {
		array.Shape = append([]int{n}, r.dims...)
		names = append([]string{axis}, r.axes...)
	}
	for i := range n {
		for _, v := range m.RawRowView(i) {
			if math.Abs(v) > math.MaxFloat32 {
				return nil, brief.Errorf("%v is too large for float32", v)
			}
			array.Data = append(array.Data, float32(v))
		}
	}
	return r.newTensor(array, names)
}
