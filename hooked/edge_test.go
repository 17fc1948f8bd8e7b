package hooked_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/zeros"
)

// zeroValues are the zero values of the package's exported types, and nil for pointers.
var zeroValues = []any{hooked.Model{}, hooked.Encoder{}, hooked.EncoderDecoder{}, hooked.Tensor{}, hooked.KVCache{}, hooked.Cache{}, hooked.FactoredMatrix{},
	hooked.Array{}, hooked.Site{}, hooked.Config{}, hooked.Metric{}, hooked.Intervention{}, hooked.Operand{}, hooked.Entries{},
	hooked.Range{}, hooked.Tokens{}, hooked.StateDict{}, hooked.Sampling{}, hooked.Generation{}, hooked.GenerationStep{},
	hooked.LoadOptions{}, hooked.RopeScaling{}, hooked.SkippedStep{}, hooked.Check{}, hooked.StackFlag(0), hooked.Processing(0),
	hooked.DType(""), hooked.Activation(""), hooked.Normalization(""), hooked.PositionalEmbedding(""), hooked.Direction(""),
	hooked.AttentionKind(""), hooked.QKNorm(""), hooked.Router(""), hooked.RopeKind(""), hooked.CompositionMode(""),
	hooked.SaveOptions{}, hooked.Family{}, hooked.NotebookModel{}, hooked.NotebookCache{}, hooked.Sizes{}, hooked.Order(0), hooked.OnceValue{},
	hooked.Adapter{}, hooked.Inspection{}, hooked.StoredType{}, hooked.MetricData{}, hooked.Files{}, hooked.Devices{}}

// exportedFunctions are functions that a program may call with what a failed step has left.
var exportedFunctions = map[string]any{"Factored": hooked.Factored, "CompositionScores": hooked.CompositionScores, "EndsOfMask": hooked.EndsOfMask,
	"NewMetric": hooked.NewMetric, "LogitDiff": hooked.LogitDiff, "With": hooked.With, "Layer": hooked.Layer, "ProjectOnto": hooked.ProjectOnto,
	"ActName": hooked.ActName, "NewArray": hooked.NewArray, "StackTensors": hooked.StackTensors, "New": hooked.New, "Hooks": hooked.Hooks,
	"FromStateDict": hooked.FromStateDict, "FromRepo": hooked.FromRepo, "FromPretrained": hooked.FromPretrained, "EncoderFromPretrained": hooked.EncoderFromPretrained,
	"EncoderDecoderFromPretrained": hooked.EncoderDecoderFromPretrained,
	"LoadAdapter":                  hooked.LoadAdapter, "Inspect": hooked.Inspect, "FilesOf": hooked.FilesOf}

// TestZeroValues calls every exported method of every exported type on its zero value and on nil,
// with zero arguments: each returns, or panics with an error of its own words.
func TestZeroValues(t *testing.T) {
	zeros.CallMethods(t, zeroValues...)
	zeros.CallFunctions(t, exportedFunctions)
}

// TestAllTypesAreTried finds the package's exported types in its source.
func TestAllTypesAreTried(t *testing.T) {
	tried := make(map[string]bool)
	for _, zero := range zeroValues {
		tried[reflect.TypeOf(zero).Name()] = true
	}
	for _, path := range hooked.Must(filepath.Glob("*.go")) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, d := range hooked.Must(parser.ParseFile(token.NewFileSet(), path, nil, 0)).Decls {
			types, ok := d.(*ast.GenDecl)
			if !ok || types.Tok != token.TYPE {
				continue
			}
			for _, spec := range types.Specs {
				spec := spec.(*ast.TypeSpec)
				switch spec.Type.(type) {
				case *ast.InterfaceType, *ast.FuncType, *ast.SelectorExpr:
					continue // they have no zero but nil, or are another package's
				}
				if name := spec.Name.Name; ast.IsExported(name) && name != "Selector" && !tried[name] {
					t.Errorf("%s is not among the zeroValues", name)
				}
			}
		}
	}
}

// wrongValues are what a parameter of any type may get and none of the package's takes.
var wrongValues = map[string]any{"nil": nil, "a struct": struct{ A int }{3}, "a channel": make(chan int), "NaN": math.NaN(), "a function": func() {},
	"a complex number": complex(1, 2), "a map": map[string]int{"a": 1}, "a nil tensor": (*hooked.Tensor)(nil), "a zero Site": hooked.Site{},
	"a nil array": (*hooked.Array)(nil), "a pointer": new(int), "an error": errors.New("x"), "floats": []float64{0.5}, "a large text list": []any{"a"}}

// TestWrongValues gives wrong values wherever a parameter takes values of several types: each is an
// error, or a panic with one, that says what is wanted.
func TestWrongValues(t *testing.T) {
	be := golden.PureGo(t)
	m := load(t, "gpt2", hooked.NoProcessing, be)
	encoder := hooked.Must(hooked.EncoderFromPretrained(bertDir, hooked.LoadOptions{Backend: be}))
	_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{{1, 2, 3}, {4, 5, 6}}))
	stack, _, err := cache.AccumulatedResid()
	if err != nil {
		t.Fatal(err)
	}
	ov := hooked.Must(m.OV())
	discard := func(_ any, err error) error { return err }
	takers := map[string]func(v any) error{
		"Run":              func(v any) error { return discard(m.Run(v)) },
		"Generate":         func(v any) error { return discard(m.Generate(v, hooked.Generation{})) },
		"Embed":            func(v any) error { return discard(m.Embed(v)) },
		"Encoder.Run":      func(v any) error { return discard(encoder.Run(v)) },
		"NextSentence":     func(v any) error { return discard(encoder.NextSentence(v)) },
		"Lookup":           func(v any) error { return discard(cache.Lookup(v)) },
		"Lookup's layer":   func(v any) error { return discard(cache.Lookup("q", v)) },
		"Lookup of a Site": func(v any) error { return discard(cache.Lookup(hooked.AttnQ, v)) },
		"ActName":          func(v any) error { return discard(hooked.ActName("q", v)) },
		"SliceBatch":       func(v any) error { return discard(cache.SliceBatch(v)) },
		"Tensor.At":        func(v any) error { return hooked.Try(func() { stack.At(v) }) },
		"FactoredMatrix.At": func(v any) error {
			return errors.Join(hooked.Try(func() { ov.At(v) }), hooked.Try(func() { ov.At(0, 0, v) }), hooked.Try(func() { ov.At(0, 0, 0, v) }))
		},
		"LogitAttrs":      func(v any) error { return discard(cache.LogitAttrs(stack, v)) },
		"LogitDiffs":      func(v any) error { _, _, err := cache.LogitDiffs(v, 1); return err },
		"StackActivation": func(v any) error { return discard(cache.StackActivation(v)) },
		"Names":           func(v any) error { return discard(m.Cache([]int{1}, hooked.Names(v))) },
		"Edit":            func(v any) error { return discard(m.Run([]int{1}, hooked.Edit(v, hooked.Zero()))) },
		"Gradients": func(v any) error {
			_, _, _, err := m.LossWithGradients([]int{1, 2}, hooked.Gradients(v))
			return err
		},
	}
	for what, take := range takers {
		for kind, v := range wrongValues {
			err := take(v)
			zeros.NoBug(t, what+" of "+kind, err)
			if err == nil || len(err.Error()) > 1200 {
				t.Errorf("%s of %s: %v", what, kind, err)
			}
		}
	}
}

// TestWrongNumbers gives run-time values of the right types that cannot be used.
func TestWrongNumbers(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	at := hooked.ResidPre.At(1)
	keep := func(x *graph.Node, _ hooked.Site, _ []*graph.Node) *graph.Node { return x }
	_, cache := hooked.Must2(m.RunWithCache([]int{1, 2}))
	for what, edit := range map[string]hooked.Intervention{
		"NaN":                     hooked.Replace(math.NaN()),
		"a NaN among others":      hooked.AddTo([]float32{1, float32(math.NaN())}),
		"too large":               hooked.ScaleBy(1e300),
		"no numbers":              hooked.Replace([]float64{}),
		"a nil tensor":            hooked.Replace((*hooked.Tensor)(nil)),
		"a nil array":             hooked.Replace((*hooked.Array)(nil)),
		"a broken array":          hooked.Replace(&hooked.Array{Shape: []int{3}, Data: []float32{1}}),
		"too many axes":           hooked.Replace(&hooked.Array{Shape: []int{1, 1, 1, 1}, Data: []float32{1}}),
		"the wrong size":          hooked.AddTo(make([]float32, 5)),
		"another activation":      hooked.Replace(cache.Get("pattern", 0)),
		"rows of unequal length":  hooked.Replace([][]int{{1}, {2, 3}}),
		"an operand without one":  hooked.With(keep, hooked.Operand{}),
		"an operand that is NaN":  hooked.With(keep, hooked.Value(math.NaN())),
		"an operand that is nil":  hooked.With(keep, hooked.Value((*hooked.Tensor)(nil))),
		"a zero intervention":     {},
		"an entry that is absent": hooked.Zero(hooked.Entries{}),
	} {
		_, err := m.Run([]int{1, 2}, hooked.Edit(at, edit))
		zeros.NoBug(t, what, err)
		if err == nil || !strings.Contains(err.Error(), "blocks.1.hook_resid_pre") || !strings.Contains(err.Error(), "edge_test.go:") && what != "a zero intervention" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
