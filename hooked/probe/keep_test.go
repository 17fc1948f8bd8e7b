package probe_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
)

// kept is a value after gob has written and read it, as hooked.Once does.
func kept[T any](t testing.TB, v T) (back T) {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewDecoder(&b).Decode(&back); err != nil {
		t.Fatal(err)
	}
	return back
}

// TestKept holds that what is kept between cells is what it was.
func TestKept(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	site := hooked.AttnZ.At(1)
	rows, labels := collected(t, m, site)
	for _, method := range []probe.Method{probe.Logistic{C: 2}, probe.Ridge{}, probe.Means{Whiten: true, Shrink: 0.1}} {
		f := must(probe.Fit(rows, labels, method, probe.Split{}))(t)
		back := kept(t, f)
		if got, want := fmt.Sprintf("%+v %+v %v %v", back.Test, back.Train, back.TrainRows, back.Probe), fmt.Sprintf("%+v %+v %v %v", f.Test, f.Train, f.TrainRows, f.Probe); got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
		if got, want := must(kept(t, f.Probe).Direction(2))(t), must(f.Direction(2))(t); fmt.Sprint(got.Float32s(), got.AxisNames()) != fmt.Sprint(want.Float32s(), want.AxisNames()) {
			t.Errorf("%s: direction %s, want %s", method, got.Describe(), want.Describe())
		}
	}
	e := must(probe.LEACE(rows, labels))(t)
	if fmt.Sprint(must(kept(t, e).Apply(kept(t, rows)))(t).Float32s()) != fmt.Sprint(must(e.Apply(rows))(t).Float32s()) {
		t.Error("an eraser that was kept erases something else")
	}
	a := must(probe.Collect(ctx, m, probe.Collection{Texts: texts, Sites: hooked.ResidPost, At: probe.At(0, -1)}))(t)
	b := kept(t, a)
	if fmt.Sprint(b, b.Sites(), must(b.Rows(hooked.ResidPost.At(2), 1))(t).Float32s()) != fmt.Sprint(a, a.Sites(), must(a.Rows(hooked.ResidPost.At(2), 1))(t).Float32s()) {
		t.Errorf("activations %s, want %s", b, a)
	}
	if fmt.Sprint(must(b.Rows("resid_post2", 1))(t).Float32s()) != fmt.Sprint(must(a.Rows(hooked.ResidPost.At(-1), 1))(t).Float32s()) {
		t.Error("resid_post2 are other rows than those of the last layer")
	}
	table := must(probe.FitAll(ctx, b, []int{0, 1, 0, 1, 1, 0}, probe.Ridge{}, probe.Split{}))(t)
	if got, want := kept(t, table).Accuracy(), table.Accuracy(); fmt.Sprint(got, got.Float32s()) != fmt.Sprint(want, want.Float32s()) {
		t.Errorf("table %s, want %s", got, want)
	}
}
