package hooked_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

func ExampleNewTensor() {
	scores := hooked.Must(hooked.NewTensor([][]float32{{3, 1, 2}, {0.5, 0.25, -1}}, "query key"))
	fmt.Println(scores)
	fmt.Println(scores.Max())
	// Output:
	// [query=2 key=3]
	// [[ 3.0000,  1.0000,  2.0000],
	//  [ 0.5000,  0.2500, -1.0000]]
	// 3
}

func ExampleTensor_Where() {
	x := hooked.NewLinspace("neuron", -1, 1, 5)
	fmt.Println(x.Gt(0).Where(x, 0)) // torch.where(x > 0, x, 0)
	fmt.Println("active:", x.Gt(0).Mean())
	// Output:
	// [neuron=5] [0.0000, 0.0000, 0.0000, 0.5000, 1.0000]
	// active: 0.4
}

func ExampleNewCausalMask() {
	scores := hooked.NewOnes("head query key", 1, 3, 3)
	pattern := scores.MaskedFill(hooked.NewCausalMask(3).Not(), -1e5).Softmax("key")
	fmt.Println(pattern.At(0))
	// Output:
	// [query=3 key=3]
	// [[1.0000, 0.0000, 0.0000],
	//  [0.5000, 0.5000, 0.0000],
	//  [0.3333, 0.3333, 0.3333]]
}

func ExampleTensor_Rearrange() {
	w := hooked.NewArange("d_model", 8).Rearrange("(head d) -> head d", hooked.Sizes{"head": 2})
	fmt.Println(w)
	fmt.Println(w.Rearrange("head d -> (d head)"))
	// Output:
	// [head=2 d=4] int32
	// [[0, 1, 2, 3],
	//  [4, 5, 6, 7]]
	// [d_head=8] int32 [0, 4, 1, 5, 2, 6, 3, 7]
}

func ExampleApply() {
	x := hooked.Must(hooked.NewTensor([][]float32{{3, 4}, {5, 12}}, "pos d_model"))
	length, err := hooked.Apply("pos", func(x *graph.Node) *graph.Node {
		return graph.Sqrt(graph.ReduceSum(graph.Square(x), -1))
	}, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(length)
	// Output:
	// [pos=2] [ 5., 13.]
}
