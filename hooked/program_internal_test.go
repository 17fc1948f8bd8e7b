package hooked

import (
	"reflect"
	"testing"
)

// TestProgramKey fills each field of a plan in turn: the key must change with every one that
// decides the graph.
func TestProgramKey(t *testing.T) {
	m := &Model{id: "model"}
	elsewhere := map[string]string{
		"edits": "functions cannot be compared: such a plan is known by its graph", "metric": "likewise",
		"taps":   "they come up in edits",
		"wanted": "it follows from the others", "repeated": "it decides how the run is cut, not what a step computes",
	}
	empty := m.keyOf(new(plan))
	try := func(name string, fill func(p *plan)) {
		p := new(plan)
		fill(p)
		if m.keyOf(p) == empty {
			t.Errorf("the key does not tell plans apart that differ in %s", name)
		}
	}
	forFields(reflect.TypeFor[scope](), func(i int, name string) {
		try(name, func(p *plan) { fillField(t, reflect.ValueOf(&p.scope).Elem().Field(i)) })
	})
	forFields(reflect.TypeFor[plan](), func(i int, name string) {
		if _, known := elsewhere[name]; !known && name != "scope" {
			try(name, func(p *plan) {
				switch name {
				case "record":
					p.record = []Site{ResidPre.At(0)}
				case "grads":
					p.grads = []Site{ResidPre.At(0)}
				case "weightGrads":
					p.weightGrads = []string{"blocks.0.attn.W_Q"}
				default:
					t.Errorf("a plan has a field %s that this test does not know: does it decide the graph?", name)
					p.batch = 1
				}
			})
		}
	})
	if m.keyOf(&plan{record: []Site{ResidPre.At(0)}}) == m.keyOf(&plan{grads: []Site{ResidPre.At(0)}}) {
		t.Error("the key confuses what is recorded with what is differentiated")
	}
}

func forFields(t reflect.Type, f func(i int, name string)) {
	for i := range t.NumField() {
		f(i, t.Field(i).Name)
	}
}

// fillField sets a field that is not exported to something other than zero.
func fillField(t *testing.T, v reflect.Value) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Errorf("a scope has a field of kind %s: it cannot be compared", v.Kind())
	}
}
