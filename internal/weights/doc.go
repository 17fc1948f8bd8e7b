// Package weights reads checkpoints: safetensors (one file or shards), GGUF and PyTorch state
// dicts; and files of arrays, with [OpenArrays]: NumPy's .npy and .npz, and whatever tensors
// torch.save has saved. It writes safetensors, .npy and .npz. It knows formats only. What a tensor
// means, and how its rows must be permuted or transposed for a model family, is its caller's
// business.
//
// A checkpoint is mapped into memory, not read: [Open] costs the header, and a
// tensor costs nothing until it is decoded. Decoding one tensor at a time keeps
// the peak of a load near the size of what the caller keeps:
//
//	f, err := weights.Open("model.safetensors")
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	for t, err := range f.Tensors() {
//		if err != nil {
//			return err
//		}
//		values, err := t.Float32s() // a copy; outlives f
//		...
//	}
//
// Files come from strangers, so every reader checks before it trusts: sizes,
// offsets, overlaps, shapes that overflow, names that occur twice. A bad file
// gives an error that names the file, the tensor and what to do; it never makes
// the reader panic, allocate what the file does not hold, or run code.
//
// Sources: the safetensors format as its reference implementation reads it
// (github.com/huggingface/safetensors), the GGUF specification and the block
// layouts of ggml (github.com/ggml-org/ggml, docs/gguf.md and ggml-common.h),
// the zip layout that torch.save writes since PyTorch 1.6, and numpy/lib/format.py.
package weights
