package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"github.com/gomlx/compute"
)

// Signature describes what travels between a client and a worker built on this
// version of package compute, as a short hash: the methods of compute.Function
// with their types, and the fields of every struct among the arguments. The
// generator writes it down as [TableHash]; a worker compares the two, since a
// number that means another operation would compute something else in silence.
func Signature() string {
	d := describer{seen: map[reflect.Type]bool{}}
	t := reflect.TypeFor[compute.Function]()
	for i := range t.NumMethod() {
		m := t.Method(i)
		fmt.Fprintf(&d.out, "%s %s\n", m.Name, m.Type)
		for j := range m.Type.NumIn() {
			d.describe(m.Type.In(j))
		}
	}
	sum := sha256.Sum256([]byte(d.out.String()))
	return hex.EncodeToString(sum[:8])
}

type describer struct {
	out  strings.Builder
	seen map[reflect.Type]bool
}

func (d *describer) describe(t reflect.Type) {
	if d.seen[t] {
		return
	}
	d.seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		d.describe(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(&d.out, "%s.%s %s %s\n", t, f.Name, f.Type, f.Type.Kind())
			d.describe(f.Type)
		}
	}
}
