"""Writes a GGUF file's model as transformers saves one, in float32: `folder.py MODEL.gguf FOLDER`."""

import sys

import work

model, tokenizer = work.pretrained(sys.argv[1])
model.hf_quantizer = None  # the weights are float32 by now, which it does not see
del model.config.quantization_config
model.save_pretrained(sys.argv[2])
tokenizer.save_pretrained(sys.argv[2])
