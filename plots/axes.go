package plots

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Axes says how a figure is labelled. The zero value draws the data with plain
// indices; a figure meant for other people has at least a Title, the names of
// its axes and the Unit of its values.
//
// A field that a figure has no use for must be left alone: setting Facets on a
// Line is an error of the figure, not a silent nothing.
type Axes struct {
	Title string // what the figure shows, one line

	X, Y         []string // labels of the columns (or points) and rows
	XName, YName string   // what the axes count: "position", "layer"
	Unit         string   // what the values are: "logit difference", "nats"

	// Series names the lines, the groups of bars, the histograms or the
	// quantities of coloured tokens: one name each.
	Series []string
	// At places points along x where indices will not do: one number a point.
	At []float64
	// LogX and LogY ask for logarithmic axes; values must then be positive.
	LogX, LogY bool
	// Guides are straight lines drawn for reference, a hundred at most. One that
	// lies off the axes is not drawn, which the figure says.
	Guides []Guide

	// Facets labels the pictures of a heat map, or the heads of an attention
	// view, side by side; FacetName is what they count, "head".
	Facets    []string
	FacetName string
	// Frames labels the steps of an animated heat map, and FrameName is what
	// they count. Setting either makes a heat map's first axis the animated one.
	Frames    []string
	FrameName string

	// Text stands in the cells of a heat map, one per row and column.
	Text [][]string
	// Values writes each cell's number into it.
	Values bool
	// Colors chooses the colours; the zero value chooses by the data.
	Colors Colors
	// Low and High fix the ends of the colours (or of the value axis) instead
	// of the data's own: two numbers, Low below High. Values outside have the
	// colour of the end; a figure with a value axis says how many it leaves out.
	Low, High float64

	// Names label the points of a scatter plot where the pointer rests.
	Names []string
	// ColorBy colours the points of a scatter plot: one number a point.
	// ColorName says what the numbers are.
	ColorBy   []float64
	ColorName string
	// Bins is the number of bars of a histogram; 0 chooses by the data.
	Bins int

	// Width and Height are the size of the picture in pixels, up to 4000; 0
	// chooses. A coloured text is as high as it takes.
	Width, Height int
}

// Guide is a straight line drawn for reference, made by [Horizontal],
// [Vertical] or [Diagonal].
type Guide struct {
	kind  guideKind
	at    float64
	label string
}

type guideKind int

const (
	horizontal guideKind = iota
	vertical
	diagonal
)

// Horizontal is the line where the value axis reads at, named by label.
func Horizontal(at float64, label string) Guide { return Guide{horizontal, at, label} }

// Vertical is the line where the x axis reads at, named by label.
func Vertical(at float64, label string) Guide { return Guide{vertical, at, label} }

// Diagonal is the line y = x.
func Diagonal() Guide { return Guide{kind: diagonal, label: "y = x"} }

// common are the fields that every figure reads.
const common = "Title Width "

// check reports the fields that are set but that the figure of the given name
// has no use for. Uses lists, separated by spaces, those that it reads.
func (a Axes) check(figure, uses string) error {
	known := strings.Fields(common + uses)
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if !v.Field(i).IsZero() && !slices.Contains(known, name) {
			return fmt.Errorf("%s does not use Axes.%s; it uses %s", figure, name, strings.Join(known, ", "))
		}
	}
	return cmp.Or(a.checkSize(), a.checkRange(), a.checkColors(), a.checkGuides())
}

// maxSide bounds the picture's size: a slip of the keyboard should not fill
// the memory with pixels.
const maxSide = 4000

func (a Axes) checkSize() error {
	for _, side := range []int{a.Width, a.Height} {
		if side < 0 || side > maxSide {
			return fmt.Errorf("Axes.Width and Axes.Height are pixels from 0 to %d, got %d", maxSide, side)
		}
	}
	return nil
}

func (a Axes) checkRange() error {
	switch set := a.Low != 0 || a.High != 0; {
	case !finite(a.Low) || !finite(a.High):
		return fmt.Errorf("Axes.Low (%v) and Axes.High (%v) must be finite", a.Low, a.High)
	case set && !(a.Low < a.High):
		return fmt.Errorf("Axes.Low (%v) must be below Axes.High (%v)", a.Low, a.High)
	}
	return nil
}

func (a Axes) checkColors() error {
	if a.Colors < Auto || a.Colors > Sequential {
		return fmt.Errorf("Axes.Colors is %d; it is Auto, Diverging or Sequential", a.Colors)
	}
	return nil
}

// maxGuides is more than anybody tells apart.
const maxGuides = 100

func (a Axes) checkGuides() error {
	if n := len(a.Guides); n > maxGuides {
		return fmt.Errorf("Axes.Guides has %d lines, more than %d", n, maxGuides)
	}
	for i, g := range a.Guides {
		if !finite(g.at) {
			return fmt.Errorf("Axes.Guides[%d] is at %v, which is nowhere on an axis", i, g.at)
		}
	}
	return nil
}

// fixedRange tells whether Low and High hold.
func (a Axes) fixedRange() bool { return a.Low != a.High }

// labelled returns given if it is set and of length n, else the labels that
// the data itself knows, else nil for plain indices.
func labelled(field string, given, own []string, n int) ([]string, error) {
	if given != nil {
		if len(given) != n {
			return nil, fmt.Errorf("Axes.%s has %d labels, the data has %d there", field, len(given), n)
		}
		return given, nil
	}
	if len(own) == n {
		return own, nil
	}
	return nil, nil
}

// valueTitle joins a name and a unit into an axis title: "loss (nats)".
func valueTitle(name, unit string) string {
	switch {
	case name == "":
		return unit
	case unit == "":
		return name
	}
	return name + " (" + unit + ")"
}
