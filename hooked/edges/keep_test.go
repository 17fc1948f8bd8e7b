package edges_test

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/internal/golden"
)

// TestKept checks that scores and circuits are after gob, and so in hooked.Once, what they were.
func TestKept(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	g := must(edges.GraphOf(m))(t)
	values := make([]float32, g.Len())
	for i := range values {
		values[i] = float32(i%7) - 3
	}
	scores, circuit := must(edges.NewScores(g, values))(t), must(g.Random(40, 2))(t)
	var data bytes.Buffer
	encoder := gob.NewEncoder(&data)
	for _, v := range []any{scores, circuit} {
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	decoder := gob.NewDecoder(&data)
	var scoresAgain edges.Scores
	var circuitAgain edges.Circuit
	for _, v := range []any{&scoresAgain, &circuitAgain} {
		if err := decoder.Decode(v); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(&scoresAgain, scores) || !reflect.DeepEqual(&circuitAgain, circuit) {
		t.Error("what was kept is not what was read")
	}
	if err := new(edges.Circuit).GobDecode([]byte("nonsense")); err == nil {
		t.Error("nonsense is a circuit")
	}
}
