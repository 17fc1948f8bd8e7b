package probe

import (
	"bytes"
	"encoding/gob"
	"slices"

	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// What is collected and fitted is encoded by gob, so that [hooked.Once] keeps it from one cell of a
// notebook to the next. Tensors of what is read back are on the process's own backend.

// rowsRecord is Rows for gob.
type rowsRecord struct {
	Data               []float32
	N, D               int
	Axes               []string
	Dims               []int
	Site               string
	Examples, Position []int
	Of                 int
}

// GobEncode implements [gob.GobEncoder].
func (r *Rows) GobEncode() ([]byte, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	return encoded(r.record())
}

func (r *Rows) record() rowsRecord {
	return rowsRecord{Data: r.data, N: r.n, D: r.d, Axes: r.axes, Dims: r.dims, Site: r.site, Examples: r.examples, Position: r.position, Of: r.of}
}

// GobDecode implements [gob.GobDecoder].
func (r *Rows) GobDecode(data []byte) error {
	if r == nil {
		return errNilRows
	}
	var k rowsRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	back, err := k.rows()
	if err == nil {
		*r = *back
	}
	return err
}

// rows are those of a record, which may have no rows.
func (k rowsRecord) rows() (*Rows, error) {
	if k.N < 0 || k.D < 1 || product(k.Dims) != k.D || len(k.Axes) != len(k.Dims) || len(k.Data)/k.D != k.N || len(k.Data)%k.D != 0 || len(k.Examples) != k.N ||
		slices.ContainsFunc(k.Examples, func(e int) bool { return e < 0 || e >= k.Of }) {
		return nil, brief.Errorf("the encoded rows are damaged")
	}
	return &Rows{data: k.Data, n: k.N, d: k.D, axes: k.Axes, dims: k.Dims, site: k.Site, examples: k.Examples, of: k.Of, position: k.Position}, nil
}

type activationsRecord struct {
	Config         hooked.Config
	Sites, Columns []string
	Rows           map[string][]rowsRecord
}

// GobEncode implements [gob.GobEncoder].
func (a *Activations) GobEncode() ([]byte, error) {
	if err := a.need(); err != nil {
		return nil, err
	}
	k := activationsRecord{Config: a.config, Sites: a.sites, Columns: a.columns, Rows: make(map[string][]rowsRecord)}
	for s, columns := range a.rows {
		for _, rows := range columns {
			k.Rows[s] = append(k.Rows[s], rows.record())
		}
	}
	return encoded(k)
}

// GobDecode implements [gob.GobDecoder].
func (a *Activations) GobDecode(data []byte) error {
	if a == nil {
		return a.need()
	}
	var k activationsRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	back := Activations{config: k.Config, sites: k.Sites, columns: k.Columns, rows: make(map[string][]*Rows)}
	for _, s := range k.Sites {
		if len(k.Rows[s]) != len(k.Columns) {
			return brief.Errorf("the encoded activations are damaged")
		}
		for _, record := range k.Rows[s] {
			rows, err := record.rows()
			if err != nil {
				return err
			}
			back.rows[s] = append(back.rows[s], rows)
		}
	}
	*a = back
	return nil
}

// methodRecord is one of the methods for gob, [FirstComponent] where it is none of these.
type methodRecord struct {
	Logistic *Logistic
	Ridge    *Ridge
	Means    *Means
}

func (k methodRecord) method() Method {
	switch {
	case k.Logistic != nil:
		return *k.Logistic
	case k.Ridge != nil:
		return *k.Ridge
	case k.Means != nil:
		return *k.Means
	}
	return FirstComponent{}
}

type probeRecord struct {
	W           *mat.Dense
	B           []float64
	Classes     int
	Frequencies []float64
	Method      methodRecord
	Frame       rowsRecord
}

// GobEncode implements [gob.GobEncoder].
func (p *Probe) GobEncode() ([]byte, error) {
	if err := p.need(); err != nil {
		return nil, err
	}
	return encoded(p.record())
}

func (p *Probe) record() probeRecord {
	return probeRecord{W: p.linear.w, B: p.linear.b, Classes: p.classes, Frequencies: p.frequencies, Method: p.method.record(), Frame: p.frame.record()}
}

// GobDecode implements [gob.GobDecoder].
func (p *Probe) GobDecode(data []byte) error {
	if p == nil {
		return errNilProbe
	}
	var k probeRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	back, err := k.probe()
	if err == nil {
		*p = *back
	}
	return err
}

func (k probeRecord) probe() (*Probe, error) {
	frame, err := k.Frame.rows()
	if err != nil {
		return nil, err
	}
	outputs := problem{classes: k.Classes}.outputs()
	if k.W == nil || len(k.B) != outputs || k.Classes < 2 || len(k.Frequencies) != k.Classes {
		return nil, brief.Errorf("the encoded probe is damaged")
	}
	if r, d := k.W.Dims(); r != outputs || d != frame.d {
		return nil, brief.Errorf("the encoded probe is damaged")
	}
	return &Probe{linear: linear{k.W, k.B}, classes: k.Classes, frequencies: k.Frequencies, method: k.Method.method(), frame: frame}, nil
}

type fittedRecord struct {
	Probe               probeRecord
	Train, Test         Metrics
	TrainRows, TestRows []int
	Notes               []string
}

// GobEncode implements [gob.GobEncoder].
func (f *Fitted) GobEncode() ([]byte, error) {
	if err := f.need(); err != nil {
		return nil, err
	}
	return encoded(f.record())
}

func (f *Fitted) record() fittedRecord {
	return fittedRecord{f.Probe.record(), f.Train, f.Test, f.TrainRows, f.TestRows, f.Notes}
}

// GobDecode implements [gob.GobDecoder].
func (f *Fitted) GobDecode(data []byte) error {
	if f == nil {
		return errNilProbe
	}
	var k fittedRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	back, err := k.fitted()
	if err == nil {
		*f = *back
	}
	return err
}

func (k fittedRecord) fitted() (*Fitted, error) {
	p, err := k.Probe.probe()
	return &Fitted{p, k.Train, k.Test, k.TrainRows, k.TestRows, k.Notes}, err
}

type tableRecord struct {
	Sites, Columns []string
	Fitted         [][]fittedRecord
}

// GobEncode implements [gob.GobEncoder].
func (t *Table) GobEncode() ([]byte, error) {
	if err := t.need(); err != nil {
		return nil, err
	}
	k := tableRecord{Sites: t.sites, Columns: t.columns, Fitted: make([][]fittedRecord, len(t.fitted))}
	for i, row := range t.fitted {
		for _, f := range row {
			k.Fitted[i] = append(k.Fitted[i], f.record())
		}
	}
	return encoded(k)
}

// GobDecode implements [gob.GobDecoder].
func (t *Table) GobDecode(data []byte) error {
	if t == nil {
		return t.need()
	}
	var k tableRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	back := Table{sites: k.Sites, columns: k.Columns, fitted: make([][]*Fitted, len(k.Fitted))}
	for i, row := range k.Fitted {
		if len(row) != len(k.Columns) || len(k.Fitted) != len(k.Sites) {
			return brief.Errorf("the encoded table is damaged")
		}
		for _, record := range row {
			f, err := record.fitted()
			if err != nil {
				return err
			}
			back.fitted[i] = append(back.fitted[i], f)
		}
	}
	*t = back
	return nil
}

type eraserRecord struct {
	Centre      []float64
	Read, Write *mat.Dense
	Frame       rowsRecord
}

// GobEncode implements [gob.GobEncoder].
func (e *Eraser) GobEncode() ([]byte, error) {
	if err := e.need(); err != nil {
		return nil, err
	}
	return encoded(eraserRecord{e.centre, e.read, e.write, e.frame.record()})
}

// GobDecode implements [gob.GobDecoder].
func (e *Eraser) GobDecode(data []byte) error {
	if e == nil {
		return e.need()
	}
	var k eraserRecord
	if err := decoded(data, &k); err != nil {
		return err
	}
	frame, err := k.Frame.rows()
	if err != nil {
		return err
	}
	if k.Read == nil || k.Write == nil || k.Read.RawMatrix().Rows != frame.d || k.Write.RawMatrix().Cols != frame.d ||
		k.Read.RawMatrix().Cols != k.Write.RawMatrix().Rows || k.Centre != nil && len(k.Centre) != frame.d {
		return brief.Errorf("the encoded eraser is damaged")
	}
	*e = Eraser{k.Centre, k.Read, k.Write, frame}
	return nil
}

func encoded(record any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(record)
	return b.Bytes(), err
}

func decoded(data []byte, record any) error {
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(record); err != nil {
		return brief.Errorf("reading what package probe has encoded: %w", err)
	}
	return nil
}
