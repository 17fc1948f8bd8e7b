package fit

import (
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/train"
)

// resamples reports whether a step gives dead features a new start. After a resumption nobody knows
// yet whether there are any.
func (f *fitting) resamples(step int) bool {
	r := f.Resample
	return r.Every > 0 && step > 1 && step%r.Every == 0 && step <= r.Until && f.dead != 0
}

// draws are evenly distributed numbers for a step, one for each feature: the same ones whenever the
// step is taken.
func (f *fitting) draws(step int) []float32 {
	random := rand.New(rand.NewPCG(f.Init.Seed, uint64(step)<<8|2))
	u := make([]float32, f.trained.Features)
	for i := range u {
		u[i] = random.Float32()
	}
	return u
}

// quiet is the part of the living encoders' length that a new one has.
const quiet = 0.2

// resample points the dead features at activations of the batch x that are given back badly, and
// returns how long each feature was not active: those not at all.
func (f *fitting) resample(v *train.Vars, x, since *graph.Node) *graph.Node {
	dead := f.deadOf(since)
	p := f.pass(v)
	missed := graph.Sub(x, p.Output(p.Encode(x)))
	rows := drawn(graph.ReduceSum(graph.Mul(missed, missed), -1), v.Input(drawInput))
	to := graph.Sub(graph.Gather(x, graph.InsertAxes(rows, -1)), alike(p.Weights["b_dec"], x)) // [feature, d_in]
	to = graph.Div(to, graph.MaxScalar(lengths(to, -1), 1e-8))

	dec := graph.Mul(to, livingLength(p.Weights["W_dec"], dead, -1))
	enc := graph.Transpose(graph.MulScalar(graph.Mul(to, livingLength(p.Weights["W_enc"], dead, 0)), quiet), 0, 1)
	fresh := map[string]*graph.Node{"W_dec": dec, "W_enc": enc, "b_enc": graph.ZerosLike(p.Weights["b_enc"])}
	masks := map[string]*graph.Node{"W_dec": graph.InsertAxes(dead, -1), "W_enc": graph.InsertAxes(dead, 0), "b_enc": dead}
	for name, mask := range masks {
		w := p.Weights[name]
		mask = graph.BroadcastToDims(mask, w.Shape().Dimensions...)
		v.Set(name, graph.InsertAxes(graph.StopGradient(graph.Where(mask, fresh[name], w)), 0))
		v.Forget(name, graph.InsertAxes(mask, 0))
	}
	v.Note(resampledNote, asNote(graph.ReduceAllSum(graph.ConvertDType(dead, dtypes.Float32))))
	return graph.Where(dead, graph.ZerosLike(since), since)
}

// drawn are numbers of rows [feature] int32, each drawn with a probability proportional to the
// square of its loss; losses are [batch], draws [feature] in [0, 1).
func drawn(losses, draws *graph.Node) *graph.Node {
	losses = graph.Div(losses, graph.MaxScalar(graph.ReduceAndKeep(losses, graph.ReduceMax, -1), 1e-30)) // whose squares are finite
	until := graph.CumSum(graph.Mul(losses, losses), -1)
	n := until.Shape().Dim(0)
	total := graph.Slice(until, graph.AxisElem(n-1))
	dims := []int{draws.Shape().Dim(0), n}
	at := graph.BroadcastToDims(graph.InsertAxes(graph.Mul(draws, total), -1), dims...)
	before := graph.LessOrEqual(graph.BroadcastToDims(graph.InsertAxes(until, 0), dims...), at)
	return graph.MinScalar(graph.ReduceSum(graph.ConvertDType(before, dtypes.Int32), -1), int32(n-1))
}

// lengths are those of vectors along an axis, which stays, of size one.
func lengths(w *graph.Node, axis int) *graph.Node {
	return graph.Sqrt(graph.ReduceAndKeep(graph.Mul(w, w), graph.ReduceSum, axis))
}

// livingLength is the mean length of the vectors of features that are not dead; of all if all are.
func livingLength(w, dead *graph.Node, axis int) *graph.Node {
	each := graph.Reshape(lengths(w, axis), -1)
	living := graph.ConvertDType(graph.LogicalNot(dead), each.DType())
	n := graph.ReduceAllSum(living)
	mean := graph.Div(graph.ReduceAllSum(graph.Mul(each, living)), graph.MaxScalar(n, 1.0))
	return graph.Where(graph.GreaterThan(n, graph.ScalarZero(n.Graph(), n.DType())), mean, graph.ReduceAllMean(each))
}
