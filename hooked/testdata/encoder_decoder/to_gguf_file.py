"""A folder of this folder as a GGUF file, as llama.cpp's T5Model converts: `python3 to_gguf_file.py` writes umt5.gguf, whose tokens are numbers; flan.gguf is
make.py's. Needs gguf 0.19.0, numpy and safetensors.
"""

import json
from pathlib import Path

import gguf
from safetensors.numpy import load_file

HERE = Path(__file__).parent


def write(name, pieces, scores, types):
    c, state = json.loads((HERE / name / "config.json").read_text()), load_file(HERE / name / "model.safetensors")
    out = gguf.GGUFWriter(HERE / f"{name}.gguf", "t5")
    out.add_context_length(c.get("n_positions", 512))
    out.add_embedding_length(c["d_model"])
    out.add_feed_forward_length(c["d_ff"])
    out.add_block_count(c["num_layers"])
    out.add_decoder_block_count(c["num_decoder_layers"])
    out.add_head_count(c["num_heads"])
    out.add_key_length(c["d_kv"])
    out.add_value_length(c["d_kv"])
    out.add_layer_norm_eps(c["layer_norm_epsilon"])
    out.add_relative_attn_buckets_count(c["relative_attention_num_buckets"])
    out.add_layer_norm_rms_eps(c["layer_norm_epsilon"])
    out.add_decoder_start_token_id(c["decoder_start_token_id"])
    out.add_tokenizer_model("t5")
    out.add_tokenizer_pre("default")
    out.add_token_list(pieces)
    out.add_token_scores(scores)
    out.add_token_types(types)
    out.add_add_space_prefix(True)
    out.add_remove_extra_whitespaces(False)
    out.add_pad_token_id(0)
    out.add_eos_token_id(1)
    out.add_unk_token_id(2)
    out.add_add_bos_token(False)
    out.add_add_eos_token(True)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5, max(c["num_layers"], c["num_decoder_layers"]))
    for tensor, w in state.items():
        if tensor == "lm_head.weight" and c["tie_word_embeddings"] or tensor.endswith("coder.embed_tokens.weight"):
            continue  # which is shared.weight once more
        out.add_tensor(names.get_name(tensor, try_suffixes=(".weight",)), w)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    words = ["<pad>", "</s>", "<unk>"] + [f"\u2581{i}" for i in range(58)]
    write("umt5", words, [0.0] * len(words), [3, 3, 2] + [1] * (len(words) - 3))
