package train

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A curveReader reads the file of a curve that another process may be writing.
type curveReader struct {
	path   string
	file   os.FileInfo
	offset int64 // of what is not read yet
	points []Point
}

// read reads what has been written since the last time. Points are new from index from on: a
// training that is resumed begins the file anew, with the steps that it need not take again.
func (c *curveReader) read() (from int, err error) {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.file, c.offset, c.points = nil, 0, nil
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if c.file == nil || !os.SameFile(c.file, info) {
		c.offset, c.points = 0, nil
	}
	c.file, from = info, len(c.points)
	data, err := io.ReadAll(io.NewSectionReader(f, c.offset, info.Size()-c.offset))
	if err != nil {
		return from, err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1] // the last line may not be whole
	c.offset += int64(len(data))
	lines := csv.NewReader(bytes.NewReader(data))
	lines.FieldsPerRecord = -1
	for {
		fields, err := lines.Read()
		if err == io.EOF {
			return from, nil
		}
		var p Point
		if err == nil {
			p, err = pointOf(fields)
		}
		if err != nil {
			return from, brief.Errorf("%s is damaged: %w (Start writes it anew, Remove forgets the training)", c.path, err)
		}
		c.points = append(c.points, p)
	}
}

// A curveWriter writes the file of a curve.
type curveWriter struct {
	file *os.File
	csv  *csv.Writer
}

// newCurve begins the file anew, with the steps up to one. Where the file is damaged, what stands
// before the damage is kept.
func newCurve(path string, step int) (*curveWriter, error) {
	before := curveReader{path: path}
	before.read() // failing that, there are fewer points
	err := wholefile.Write(path, 0o600, func(w io.Writer) error {
		lines := csv.NewWriter(w)
		for _, p := range before.points {
			if p.Step > step {
				continue
			}
			if err := lines.Write(p.fields()); err != nil {
				return err
			}
		}
		lines.Flush()
		return lines.Error()
	})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return &curveWriter{f, csv.NewWriter(f)}, nil
}

func (w *curveWriter) add(p Point) error { return w.csv.Write(p.fields()) }

func (w *curveWriter) flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

func (w *curveWriter) close() error { return errors.Join(w.flush(), w.file.Close()) }

// fields are a point as a line of the curve's file: step, loss, norm of the gradients, learning
// rate, tokens, and name and value of each measurement of an evaluation.
func (p Point) fields() []string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	out := []string{strconv.Itoa(p.Step), number(p.Loss), number(p.GradientNorm), number(p.LearningRate), strconv.Itoa(p.Tokens)}
	for _, name := range slices.Sorted(maps.Keys(p.Eval)) {
		out = append(out, url.PathEscape(name), number(p.Eval[name])) // on one line
	}
	return out
}

// pointOf reads a line of the curve's file.
func pointOf(fields []string) (p Point, err error) {
	if len(fields) < 5 || len(fields)%2 != 1 {
		return p, fmt.Errorf("a line of %d fields", len(fields))
	}
	number := func(s string) float64 {
		v, parseErr := strconv.ParseFloat(s, 64)
		err = errors.Join(err, parseErr)
		return v
	}
	p = Point{Step: int(number(fields[0])), Loss: number(fields[1]), GradientNorm: number(fields[2]), LearningRate: number(fields[3]), Tokens: int(number(fields[4]))}
	for rest := fields[5:]; len(rest) > 0; rest = rest[2:] {
		if p.Eval == nil {
			p.Eval = make(map[string]float64)
		}
		name, nameErr := url.PathUnescape(rest[0])
		err = errors.Join(err, nameErr)
		p.Eval[name] = number(rest[1])
	}
	return p, err
}
