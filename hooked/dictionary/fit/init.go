package fit

import (
	"math"
	"math/rand/v2"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
)

// sample are the first activations of a source, from which a training learns where they lie and how
// long they are.
const sampleSize = 16384

// begun are the weights that a training begins with.
func (f *fitting) begun(sample pairs) map[string]*hooked.Array {
	out := make(map[string]*hooked.Array)
	if from := f.Init.From; from != nil {
		for name := range f.trained.WeightShapes() {
			w := from.Weights[name]
			out[name] = &hooked.Array{Shape: w.Shape(), Data: w.Float32s()}
		}
		return out
	}
	for name, shape := range f.trained.WeightShapes() {
		out[name] = hooked.NewArray(shape...)
	}
	f.aim(out)
	if w := out["threshold"]; w != nil {
		for i := range w.Data {
			w.Data[i] = float32(f.Init.Threshold)
		}
	}
	c := f.trained
	rows := sample.x
	if sample.target != nil {
		rows = sample.target
	}
	copy(out["b_dec"].Data, biases[f.Init.Bias](rows, c.DOut))
	if c.Normalization == dictionary.AverageOnlyIn && sample.target == nil {
		for i := range out["b_dec"].Data {
			out["b_dec"].Data[i] *= float32(f.factor)
		}
	}
	return out
}

// aim gives the decoder random directions of the norm that it begins with, and the encoder the
// same, or, of a transcoder, whose two sides are different places, directions of its own.
func (f *fitting) aim(w map[string]*hooked.Array) {
	c, random := f.trained, rand.New(rand.NewPCG(f.Init.Seed, 1))
	direction := func(v []float32) {
		sum := 0.0
		for i := range v {
			v[i] = float32(random.NormFloat64())
			sum += float64(v[i]) * float64(v[i])
		}
		scale := float32(f.Init.DecoderNorm / math.Sqrt(sum))
		for i := range v {
			v[i] *= scale
		}
	}
	enc := make([]float32, c.DIn)
	for i := range c.Features {
		dec := w["W_dec"].Data[i*c.DOut : (i+1)*c.DOut]
		direction(dec)
		if c.DIn == c.DOut && !f.recipe.ofTarget {
			copy(enc, dec)
		} else {
			direction(enc)
		}
		for j, v := range enc {
			w["W_enc"].Data[j*c.Features+i] = v
		}
	}
}

// biases make a first b_dec of rows of so many numbers.
var biases = map[Bias]func(rows []float32, width int) []float32{
	Zeros:           func(_ []float32, width int) []float32 { return make([]float32, width) },
	Mean:            func(rows []float32, width int) []float32 { return narrow(mean(rows, width, nil)) },
	GeometricMedian: func(rows []float32, width int) []float32 { return narrow(geometricMedian(rows, width)) },
}

// mean is the weighted mean of rows; nil weighs all alike.
func mean(rows []float32, width int, weights []float64) []float64 {
	out, total := make([]float64, width), 0.0
	for r := range len(rows) / width {
		w := 1.0
		if weights != nil {
			w = weights[r]
		}
		total += w
		for i, v := range rows[r*width : (r+1)*width] {
			out[i] += w * float64(v)
		}
	}
	for i := range out {
		out[i] /= total
	}
	return out
}

// geometricMedian is the point whose distances from the rows have the smallest sum, by Weiszfeld's
// iteration (Weiszfeld 1937).
func geometricMedian(rows []float32, width int) []float64 {
	const steps, near = 100, 1e-6
	at := mean(rows, width, nil)
	weights := make([]float64, len(rows)/width)
	for range steps {
		for r := range weights {
			weights[r] = 1 / max(distance(rows[r*width:(r+1)*width], at), 1e-12)
		}
		next := mean(rows, width, weights)
		moved, length := 0.0, 0.0
		for i := range at {
			moved += (next[i] - at[i]) * (next[i] - at[i])
			length += at[i] * at[i]
		}
		if at = next; moved <= near*near*length {
			break
		}
	}
	return at
}

func distance(row []float32, at []float64) float64 {
	sum := 0.0
	for i, v := range row {
		d := float64(v) - at[i]
		sum += d * d
	}
	return math.Sqrt(sum)
}

// normFactor makes the mean norm of rows sqrt(width).
func normFactor(rows []float32, width int) float64 {
	sum, zero := 0.0, make([]float64, width)
	for r := range len(rows) / width {
		sum += distance(rows[r*width:(r+1)*width], zero)
	}
	return math.Sqrt(float64(width)) * float64(len(rows)/width) / sum
}

func narrow(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
