package hooked_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// The examples run on a tiny random Llama; with "smollm2-135m" in place of the folder they run on
// a real model.
const exampleModel = "testdata/arch/llama"

func ExampleFromPretrained() {
	model, err := hooked.FromPretrained(exampleModel, hooked.DefaultProcessing)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := model.Config()
	fmt.Printf("%d layers, %d heads of %d\n", c.NLayers, c.NHeads, c.DHead)
	fmt.Println("applied:", model.Applied())
	for _, step := range model.Skipped() {
		fmt.Println("not applied:", step)
	}
	// Output:
	// 3 layers, 6 heads of 6
	// applied: fold_ln | center_unembed | fold_value_biases
	// not applied: center_writing_weights: the model's norm (RMS) does not remove the mean of the residual stream
}

func ExampleEncoderDecoderFromPretrained() {
	model, err := hooked.EncoderDecoderFromPretrained("testdata/encoder_decoder/flan") // or "google/flan-t5-small"
	if err != nil {
		fmt.Println(err)
		return
	}
	_, cache, err := model.RunWithCache("the cat sat on the mat", "the mat", hooked.Names(hooked.CrossAttnPattern, hooked.ResidPost.InEncoder()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cache.Names())
	fmt.Println(cache.Get(hooked.CrossAttnPattern.At(0)).AxisNames())
	// Output:
	// [encoder.0.hook_resid_post encoder.1.hook_resid_post encoder.2.hook_resid_post decoder.0.cross_attn.hook_pattern decoder.1.cross_attn.hook_pattern]
	// [batch head query source]
}

func Example() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	tokens := hooked.Tokens{{1, 20, 300, 4}}

	logits, cache := hooked.Must2(model.RunWithCache(tokens))
	fmt.Println("logits ", logits.Describe())
	fmt.Println("pattern", cache.Get("pattern", 0).Describe())
	fmt.Println("last   ", cache.Get("resid_post", -1).At(hooked.All, -1).Describe())
	// Output:
	// logits  [batch=1 pos=4 d_vocab=336]
	// pattern [batch=1 head=6 query=4 key=4]
	// last    [batch=1 d_model=36]
}

func ExampleNames() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	_, cache, err := model.RunWithCache(hooked.Tokens{{1, 20, 300, 4}}, hooked.Names("blocks.*.hook_resid_post", hooked.AttnZ.At(-1)))
	fmt.Println(cache.Names(), err)

	_, _, err = model.RunWithCache(hooked.Tokens{{1}}, hooked.Names("blocks.0.attn.hook_patern"))
	fmt.Println(err)
	// Output:
	// [blocks.0.hook_resid_post blocks.1.hook_resid_post blocks.2.attn.hook_z blocks.2.hook_resid_post] <nil>
	// unknown hook "blocks.0.attn.hook_patern"; nearest: "blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern", "blocks.2.attn.hook_pattern"
}

// A dictionary of two features is spliced into the residual stream, and its features are recorded
// and changed like any activation.
func ExampleTap() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	tokens := hooked.Tokens{{1, 20, 300, 4}}
	splice := func(x *graph.Node, s hooked.Site) *graph.Node {
		// the encoder: relu of two entries
		acts := graph.MaxScalar(graph.SliceAxis(x, 2, graph.AxisRange(0, 2)), 0)
		acts = hooked.Tap("hook_sae_acts_post", acts, "batch pos feature")
		return graph.Add(x, graph.GrowRight(acts, 2, x.Shape().Dim(2)-2, 0))
	}
	site := hooked.ResidPre.At(1)

	_, cache := hooked.Must2(model.RunWithCache(tokens, hooked.Edit(site, splice), hooked.Names("*.hook_sae_acts_post")))
	fmt.Println(cache.Names(), cache.Get(site.Tap("hook_sae_acts_post")).AxisNames())

	ablate := hooked.Edit(site.Tap("hook_sae_acts_post"), hooked.Zero(hooked.Along("feature", 1)))
	_, cache = hooked.Must2(model.RunWithCache(tokens, hooked.Edit(site, splice), ablate, hooked.Names("*.hook_sae_acts_post")))
	fmt.Println(cache.Get("blocks.1.hook_resid_pre.hook_sae_acts_post").At(0, 3, 1).Item())
	// Output:
	// [blocks.1.hook_resid_pre.hook_sae_acts_post] [batch pos feature]
	// 0
}

func ExampleEdit() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	tokens := hooked.Tokens{{1, 20, 300, 4}}

	// A graph function, and an intervention with a run-time value.
	halve := func(x *graph.Node, _ hooked.Site) *graph.Node { return graph.MulScalar(x, 0.5) }
	_, cache := hooked.Must2(model.RunWithCache(tokens,
		hooked.Edit(hooked.MLPOut.At(0), halve),
		hooked.Edit(hooked.AttnZ.At(1), hooked.ZeroHead(3))))

	fmt.Println("length of what head 3 of layer 1 says:", cache.Get("z", 1).At(hooked.All, hooked.All, 3).Norm().Item())
	// Output:
	// length of what head 3 of layer 1 says: 0
}

func ExampleTensor_Einsum() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.NoProcessing))
	wV := hooked.Must(model.WV()) // [layer, head, d_model, d_head]
	wO := hooked.Must(model.WO()) // [layer, head, d_head, d_model]
	fmt.Println(wV.At(0).Einsum("head in d_head, head d_head out -> head in out", wO.At(0)).Describe())
	// Output:
	// [head=6 in=36 out=36]
}
