package fit_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
)

// Activations that are sums of two of eight directions come apart into them.
func Example() {
	random := rand.New(rand.NewPCG(1, 1))
	directions := make([][]float64, 8)
	for i := range directions {
		directions[i] = make([]float64, 16)
		for j := range directions[i] {
			directions[i][j] = random.NormFloat64() / 4
		}
	}
	x := hooked.NewArray(4096, 16)
	for row := range 4096 {
		for range 2 {
			strength, d := 1+random.Float64(), directions[random.IntN(8)]
			for j, v := range d {
				x.Data[row*16+j] += float32(strength * v)
			}
		}
	}
	out, err := fit.Run(context.Background(), fit.FromArrays("blocks.0.hook_resid_post", x, "", nil, 1), fit.Config{
		Dictionary: dictionary.Config{Kind: dictionary.TopK, Features: 16, K: 2, RescaleByNorm: true, SubtractBias: true},
		Steps:      400, Batch: 256, LearningRate: 1e-2, DeadAfter: 20,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	last := out.Curve[len(out.Curve)-1]
	fmt.Println(out.Dictionary)
	fmt.Println("explains more than nine tenths:", last.Explained > 0.9)
	// Output:
	// TopK dictionary of 16 features on blocks.0.hook_resid_post (d_in 16); keeps the 2 largest features of a position; chooses by activation times decoder norm; b_dec is subtracted from the input; decoder norms folded
	// explains more than nine tenths: true
}
