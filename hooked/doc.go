// Package hooked runs transformers that show their inside: it is TransformerLens for Go, on GoMLX.
//
// A [Model] is loaded with [FromPretrained], or made of a [Config] with [New], and never changes. A
// run takes an input, texts or token ids, and options that say what to look at and what to change:
//
//	model, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing)
//	logits, cache, err := model.RunWithCache("The capital of France is")
//	pattern := cache.Get("pattern", 12)                       // layer 12: [batch, head, query, key]
//	ablate := hooked.Edit(hooked.AttnZ.At(12), hooked.ZeroHead(3))
//	ablated, err := model.Run("The capital of France is", ablate)
//
// # Sites
//
// A [Site] is a place in the forward pass, called as in TransformerLens, letter for letter.
// Whatever selects sites (what to record, where to edit, of what to take gradients) takes a site
// variable such as [ResidPost] or ResidPost.At(-1), a name, a short name ("resid_post", "k6"), a
// glob ("blocks.*.hook_resid_*") or a func(name string) bool; see [Selector]. One that matches
// nothing is an error that names the nearest.
//
// # Edits and observers
//
// An [Edit] is a graph function: it is traced into the program of its layer, which is compiled once
// for each distinct graph. An [Intervention], made with [With] or one of the ready ones such as
// [ZeroHead] and [Replace], takes its numbers at run time: another head, position or vector
// compiles nothing. Your own functions in several layers make these, and what lies between them,
// one program, since one may use at a site what it saw at another. [Observe] reads a value after
// the run. There are no hooks to forget on the model: they are arguments of a run, and [Hooks]
// bundles those that are used together. An option that a method would ignore is refused by an error
// that names both.
//
// A value inside an edit becomes a site of its own when the edit names it with [Tap]: the features
// of a dictionary that is spliced in (package dictionary), an expert's gate. [Earlier] and
// [TokensOf] show it another site of the run and the tokens.
//
// # What is computed
//
// Only what a run asks for. [Names] limits what is recorded, [StopAtLayer] and [LogitsAt] what is
// computed; sites that cost memory (marked "on request" below) exist in the runs that name them, so
// TransformerLens' switches (use_attn_result and so on) are not needed. A norm that TransformerLens
// runs three times, for q, k and v, runs once. Prompts that begin alike are computed once up to
// where they part. A cache of more than 256 MB keeps the residual stream before each layer, and
// computes the rest of a layer when it is read.
//
// A run is a chain of small programs: the embedding, a layer (a few in a step of generation), the
// unembedding. All layers of a kind share one, which gets their weights as inputs. Gradients flow
// through a single program instead. [WithContext] ends a run or a generation between two programs,
// LoadOptions.Context a download.
//
// LoadOptions.Devices spreads a model over several devices of a machine: the prompts of a batch,
// the weights, or both. What a run gives stays as it is.
//
// # Tensors
//
// Activations and weights are [Tensor] values: they stay on the device until read, their axes have
// names, and their methods work at once, as in a notebook one expects. They are PyTorch's by name
// and meaning ([Tensor.Softmax], [Tensor.Where], [Tensor.CumSum], [Tensor.Std], ...) and einops'
// ([Tensor.Einsum], [Tensor.Rearrange], [Tensor.Reduce]). Two tensors are matched by the names of
// their axes, and from the last axis where they share none; see [Tensor.Add]. [NewTensor],
// [NewZeros], [NewNormal] and the like make some from values. A mistake in a cell, such as an index
// out of range, panics with a message; [Try] makes it an error.
//
// What is missing is a graph function away: [Apply] runs one on tensors and compiles it once.
// [Tensor.GoMLX] and [FromGoMLX] share memory with GoMLX's own tensors. [ReadArrays] and
// [WriteArrays] exchange arrays with NumPy and PyTorch through files.
//
// Activations of a whole corpus go to disk: package activations harvests them in shards, reads them
// back in shuffled batches, and has their means, covariances and norms.
//
// # Between a notebook's cells
//
// A cell is a program, and runs the initialisers of all variables again. [Once] makes a value once
// for all cells; [Must] lets those go on that do without a variable whose initialiser failed.
// [Backend] is what models compute with, and GoMLX's own calls.
//
// # Encoders and encoder-decoders
//
// [EncoderFromPretrained] loads BERT and its relatives, [EncoderDecoderFromPretrained] T5: its runs
// take two texts, and its sites lie in two stacks of layers, see [Site.InEncoder].
//
// # Models that differ in weights alone
//
// [Model.WithWeights] is a model with other values of some weights, [Model.WithAdapter] one with a
// LoRA added ([LoadAdapter]). Such models share their programs and the weights that are the same,
// so that a run is made with or without by calling it on the one or the other. [Inspect] tells
// what a model's files say before they are loaded, and what would be refused.
//
// # Weight processing
//
// [Processing] lists TransformerLens' steps. Each leaves the predictions alone. Those that make no
// sense for a family are left out and reported by [Model.Skipped].
//
// # Sites
//
// A table of all sites with their axes follows below; [Config.Sites] lists those of a model.
//
// Sources: TransformerLens 2.16.1 for names, shapes and semantics; Elhage et al. 2021, "A
// Mathematical Framework for Transformer Circuits", for the view of a transformer behind them.
package hooked

//go:generate go test -run TestDocumented -update
