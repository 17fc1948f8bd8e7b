package steer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/hooked/steer"
)

// A vector from contrasting prompts is added with any strength, and kept as a file for llama.cpp
// and repeng. The model here is a random one of three layers.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	v := hooked.Must(steer.Contrast(context.Background(), model, steer.Prompts{
		Positive: []string{"John gave the bag to Mary", "The cat sat on the mat", "Dan and Sid"},
		Negative: []string{"Mary gave the bag to John", "The mat sat on the cat", "Sid and Dan"},
	}))
	v = hooked.Must(v.Between(1, 2))
	fmt.Println(v)

	site, unit := hooked.ResidPost.At(1), hooked.Must(hooked.Must(v.Only(1)).Unit())
	direction := hooked.Must(model.NewTensor(unit.Directions[1], "d_model"))
	along := func(options ...hooked.Option) float32 {
		cache := hooked.Must(model.Cache("When James", append(options, hooked.Names(site))...))
		return cache.Get(site).At(0, -1).Mul(direction).Sum().Item()
	}
	plain := along()
	for _, strength := range []float64{0, 2, -4} { // one compiled program for all
		fmt.Printf("strength %g: %.3f more\n", strength, along(steer.AddTo(unit, strength))-plain)
	}
	fmt.Printf("clamped: %.3f\n", along(steer.Clamp(unit, 1.25)))

	folder := hooked.Must(os.MkdirTemp("", "steer"))
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "order.gguf")
	if err := v.Save(file); err != nil {
		panic(err)
	}
	fmt.Println(hooked.Must(steer.Load(file)))
	// Output:
	// steer.Vector: 24 entries at hook_resid_post of layers [1 2]
	// strength 0: 0.000 more
	// strength 2: 2.000 more
	// strength -4: -4.000 more
	// clamped: 1.250
	// steer.Vector: 24 entries at hook_resid_post of layers [1 2]
}

// A vector acts in some steps of a generation: here from the third new token on.
func ExampleSteps() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/llama", hooked.NoProcessing))
	v := hooked.Must(steer.Load("testdata/control_vectors/llama_all.gguf"))
	prompt := hooked.Tokens{{0, 296, 308, 274}}
	generation := hooked.Generation{MaxNewTokens: 5, StopTokens: []int{}}
	plain := hooked.Must(model.Generate(prompt, generation))
	steered := hooked.Must(model.Generate(prompt, generation, steer.AddTo(v, 30, steer.Steps(len(prompt[0]), 2, 0))))
	for i := range plain[0] {
		fmt.Print(plain[0][i] == steered[0][i], " ")
	}
	// Output: true true true true true true false false false
}

// What two heads write after in-context prompts of a task is added where a prompt without examples
// ends. The model here is a random one, and the task none that it knows.
func ExampleFunctionVector() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	tasks := probe.Collection{Texts: []string{"bag: Mary, cat: mat, park:", "park: Tom, bag: John, mat:"}}
	v := hooked.Must(steer.FunctionVector(context.Background(), model, tasks, []steer.Head{{Layer: 0, Head: 1}, {Layer: 1, Head: 2}}, 1))
	logits := hooked.Must(model.Run("drink:", steer.AddTo(v, 1, hooked.Pos(-1)), hooked.LogitsAt(-1)))
	fmt.Println(v, logits.Shape())
	// Output: steer.Vector: 24 entries at hook_resid_post of layers [1] [1 1 336]
}

// The heads whose mean outputs bring back the answer in prompts with shuffled labels make the
// function vector. The model here is a random one, and the task none that it knows.
func ExampleHeadEffects() {
	ctx, model := context.Background(), hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	task := steer.InContext{
		Prompts:  probe.Collection{Texts: []string{"bag: Mary, cat: mat, park:", "park: Tom, bag: John, mat:"}},
		Shuffled: probe.Collection{Texts: []string{"bag: mat, cat: Mary, park:"}},
		Answers:  []int{296}, // a token
	}
	effects := hooked.Must(steer.HeadEffects(ctx, model, task))
	heads := hooked.Must(steer.TopHeads(effects, 2))
	v := hooked.Must(steer.FunctionVector(ctx, model, task.Prompts, heads, 1))
	fmt.Println(effects.Shape(), len(heads), v)
	// Output: [3 3] 2 steer.Vector: 24 entries at hook_resid_post of layers [1]
}
