// Package steer moves a model's activations along directions: steering vectors, control vectors,
// function vectors.
//
//	v, err := steer.Contrast(ctx, model, steer.Prompts{Positive: kind, Negative: harsh})
//	text, err := model.GenerateText("I think you are", hooked.Generation{}, steer.AddTo(v, 1.5))
//	err = v.Save("kind.gguf")                                    // for llama.cpp and repeng
//
// # Vectors
//
// A [Vector] has one direction [d_model] for each of some layers. It comes from
//
//	Contrast         contrasting prompts: the difference of means, repeng's pca_diff and pca_center
//	FromProbe        a linear probe
//	FromFeature      a feature of a sparse dictionary
//	FunctionVector   the mean outputs of heads over in-context prompts; [HeadEffects] and
//	                 [TopHeads] find the heads
//	FromTensor       a direction that was found elsewhere
//	Load             a control vector's GGUF file
//
// Add, Sub, Scale, Neg, Unit, Only and Between make new vectors of it, layer by layer.
//
// # Edits
//
// [AddTo], [AddKeepingNorm], [ProjectOut] and [Clamp] make options of runs and generations, for all
// positions or picked ones: hooked.Pos(-1) is the last of what is read and then each new token,
// hooked.Prompt picks texts, [Steps] steps of a generation. The strength is a run-time value: any
// serves with the same compiled programs. What a vector does not fit, a layer or a width, the run
// refuses; [Vector.Fits] asks beforehand.
//
// # Layers
//
// Layers count from 0. Control vectors of GGUF files are added to the output of a layer,
// hook_resid_post, and have no layer 0.
//
// Sources: repeng 0.4.0 (Vogel 2024), with whose files and numbers the tests compare; llama.cpp's
// --control-vector for what such files may hold; Zou et al. 2023, "Representation Engineering"
// (arXiv:2310.01405); Turner et al. 2023, "Activation Addition" (arXiv:2308.10248); Todd et al.
// 2024, "Function Vectors in Large Language Models" (arXiv:2310.15213); Arditi et al. 2024
// (arXiv:2406.11717) for a direction that is projected out.
package steer
