package train_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/plots"
)

// A transformer of one layer learns to add modulo 5.
func Example() {
	model := hooked.Must(hooked.New(hooked.Config{
		NLayers: 1, DModel: 32, NHeads: 2, DHead: 16, DMLP: 64, ActFn: "relu", NCtx: 3, DVocab: 6, DVocabOut: 5,
		InitMode: "gpt2", InitializerRange: 0.2, Seed: 1}))
	examples := hooked.Must(train.ModularAddition(5))

	out, err := train.Run(context.Background(), model, train.Config{
		Data:         examples.Shuffled(16, 1),
		Loss:         train.CrossEntropy("sum", -1),
		Steps:        60,
		LearningRate: 1e-2,
		Schedule:     train.WarmupCosine(5, 60),
		Eval:         train.Evaluation{Data: examples.Full(), Metrics: map[string]train.Loss{"accuracy": train.Accuracy("sum", -1)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	last := out.Curve[len(out.Curve)-1]
	fmt.Printf("%d steps, accuracy %.0f %%\n", out.Steps, 100*last.Eval["accuracy"])

	logits := hooked.Must(out.Model.Run(hooked.Tokens{{3, 4, 5}}, hooked.LogitsAt(-1)))
	_, best := logits.TopK(1, "d_vocab_out")
	fmt.Println("3 + 4 =", best.Ints()[0], "modulo 5")
	// Output:
	// 60 steps, accuracy 100 %
	// 3 + 4 = 2 modulo 5
}

// A layer is trained while the rest of the model is frozen, with a penalty on an activation.
func ExampleConfig_only() {
	model := hooked.Must(hooked.New(hooked.Config{
		NLayers: 2, DModel: 16, NHeads: 2, DHead: 8, AttnOnly: true, NCtx: 16, DVocab: 12, InitMode: "gpt2", InitializerRange: 0.1}))
	out, err := train.Run(context.Background(), model, train.Config{
		Data:         train.RepeatedTokens(8, 7, 12, 0, 1),
		Loss:         train.Sum(train.NextToken(), train.L2("blocks.1.hook_attn_out").Times(0.01)),
		Steps:        5,
		LearningRate: 1e-3,
		Only:         []string{"blocks.1.attn.*"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"blocks.0.attn.W_Q", "blocks.1.attn.W_Q"} {
		moved := hooked.Must(out.Model.Weight(name)).Sub(hooked.Must(model.Weight(name)))
		fmt.Println(name, "moved:", moved.Norm().Item() > 0)
	}
	// Output:
	// blocks.0.attn.W_Q moved: false
	// blocks.1.attn.W_Q moved: true
}

// Three lines through the origin are fitted at once, each to points of its own.
func ExampleFit() {
	out, err := train.Fit(context.Background(), train.Instances{
		Start: map[string]*hooked.Array{"slope": hooked.NewArray(3)},
		Inputs: func(yield func(train.Inputs, error) bool) {
			yield(train.Inputs{"x": []float64{1, 2, 3}, "y": [][]float64{{2, 4, 6}, {-1, -2, -3}, {0.5, 1, 1.5}}}, nil)
		},
		Loss: func(v *train.Vars) *graph.Node {
			y := graph.Mul(graph.InsertAxes(v.Var("slope"), 1), graph.InsertAxes(v.Input("x"), 0))
			return graph.ReduceMean(graph.Square(graph.Sub(y, v.Input("y"))), 1)
		},
		Steps: 50, LearningRate: 0.05, Optimizer: train.SGD{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		fmt.Printf("%.2f\n", out.Instance(i)["slope"].Data[0])
	}
	// Output:
	// 2.00
	// -1.00
	// 0.50
}

// A training that goes on when the cell or program that began it has ended. In a notebook Start
// stands first below %%, and the rest in later cells.
func ExampleStart() {
	model := hooked.Must(hooked.New(hooked.Config{
		NLayers: 1, DModel: 32, NHeads: 2, DHead: 16, DMLP: 64, ActFn: "relu", NCtx: 3, DVocab: 6, DVocabOut: 5, InitMode: "gpt2"}))
	examples := hooked.Must(train.ModularAddition(5))
	run, err := train.Start("addition modulo 5", model, train.Config{
		Data: examples.Shuffled(16, 1), Loss: train.CrossEntropy("sum", -1), Steps: 100_000, LearningRate: 1e-3})
	if errors.Is(err, train.ErrRunning) || errors.Is(err, train.ErrFinished) { // begun earlier: run is that one
		err = nil
	}
	fmt.Println(run, err)
}

// Another cell, tomorrow.
func ExampleFind() {
	run, err := train.Find("addition modulo 5")
	if err != nil {
		fmt.Println(err)
		return
	}
	live := plots.NewLiveLine(plots.Axes{XName: "step", YName: "loss", LogY: true})
	err = run.Watch(context.Background(), live) // until it ends, or the stop button is pressed
	fmt.Println(run, err)

	err = run.Stop(context.Background()) // Start with the same name goes on
	fmt.Println(run.State, err)
	model, err := run.Model()
	fmt.Println(model.Config().NLayers, err)
}

// The curve of a training grows below its cell.
func ExampleConfig_live() {
	model := hooked.Must(hooked.New(hooked.Config{
		NLayers: 1, DModel: 32, NHeads: 2, DHead: 16, DMLP: 64, ActFn: "relu", NCtx: 3, DVocab: 6, DVocabOut: 5, InitMode: "gpt2"}))
	examples := hooked.Must(train.ModularAddition(5))
	live := plots.NewLiveLine(plots.Axes{XName: "step", YName: "loss", LogY: true})
	out, err := train.Run(context.Background(), model, train.Config{
		Data: examples.Shuffled(16, 1), Loss: train.CrossEntropy("sum", -1), Steps: 10, LearningRate: 1e-3,
		Eval: train.Evaluation{Data: examples.Full(), Every: 5},
		Live: live,
	})
	fmt.Println(out.Steps, err)
	err = live.Figure().WriteSVG("curve.svg") // outside a notebook
	fmt.Println(err)
}
