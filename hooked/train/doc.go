// Package train trains models of package hooked, on GoMLX's trainer.
//
//	model, err := hooked.New(hooked.Config{...})                  // or FromPretrained
//	examples, err := train.ModularAddition(23)
//	out, err := train.Run(ctx, model, train.Config{
//		Data:         examples.Shuffled(128, 1),
//		Loss:         train.CrossEntropy("sum", -1),
//		Steps:        500,
//		LearningRate: 1e-3,
//		Optimizer:    train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}},
//	})
//	trained := out.Model                                          // an ordinary *hooked.Model
//
// # What a step is
//
// Forward pass, loss, gradients, clipping and optimizer are one compiled program; weights and what
// the optimizer remembers stay on the device and are overwritten from step to step. The weights are
// GoMLX variables with TransformerLens' names. Those that [Config.Only] does not select are frozen,
// and shared with the model that the training begins with, which never changes. A weight on which
// the loss does not depend is left alone: no decay, no momentum, as in PyTorch. Biases that the
// model's family does not have are not there to be trained.
//
// # Losses
//
// A [Loss] reads logits, activations at sites (after [Config.Edits]), labels of the batch and other
// models, and names what it reads; what nobody reads is not computed. [NextToken], [CrossEntropy],
// [Regression], [KL], [L1] and [L2] are ready, [Sum] and [Loss.Times] join them.
//
// A loss of your own that reads logits at some positions alone says so ([Loss.At]): the others are
// not computed, nor what only they need of the last layer. Under [Batch.Mask] the ready losses
// leave pads out.
//
// # Data
//
// [Data] is a Go iterator of batches. [Batch] also holds whole sets of examples, whose methods give
// the batches: [Batch.Shuffled], [Batch.InOrder], [Batch.Full], [Batch.Split]. The same seed on the
// same machine, backend and threads gives the same numbers.
//
// # Optimizers and schedules
//
// [SGD], [Adam] and [AdamW] make PyTorch's steps; they are GoMLX's where those equal PyTorch's.
// A [Schedule] is a function of the step. In ours step 1 of a warm-up has a rate; [Conventions] has
// those of PyTorch, transformers and TransformerLens, where it has none.
//
// # Many at once
//
// [Fit] trains any GoMLX function of variables [instance, ...]: toy models of several sparsities,
// probes for every layer, many seeds, in one program. See [Instances]. A loss may keep a state
// that no gradient changes, and tell more of a step than its number; package hooked/dictionary/fit
// trains sparse dictionaries so.
//
// # Long trainings
//
// [Start] trains in a process of its own, which goes on when a notebook's cell, its kernel or a
// terminal ends; [Find] has it by its name: curve, step, error, newest model. [Config.Live] and
// [Training.Watch] draw a curve that grows, as plots.LiveLine is one.
//
// With [Config.Folder] a training writes checkpoints, and [Resume] goes on from the newest to the
// weights that an unbroken training comes to. [Checkpoints] opens a folder as models. A training
// that is interrupted, or whose loss is not a number ([ErrDiverged]), returns what it had reached.
//
// Sources: PyTorch 2.8's torch.optim and torch.nn.utils.clip_grad_norm_, with which the tests
// compare weights after 1, 5 and 20 steps.
package train
