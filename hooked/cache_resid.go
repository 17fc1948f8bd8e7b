package hooked

import "fmt"

// AccumulatedResid is the residual stream as it grows, TransformerLens' accumulated_resid: one
// entry before each layer up to [Layer] and, by default, after the last, labelled "0_pre", "1_pre",
// ..., "final_post". [IncludeMid] adds the stream between attention and MLP, "0_mid"; [MLPInput]
// ends with what the MLP of the layer reads. With [ApplyLN] every entry is divided by the scale of
// the norm before that layer. Read through the unembedding, the entries are the logit lens.
//
// The stack is [component, batch, pos, d_model]; [Pos] and [Prompt] pick, [ProjectOnto] contracts
// d_model.
func (c *Cache) AccumulatedResid(options ...StackOption) (stack *Tensor, labels []string, err error) {
	takes := stackTakes{flags: IncludeMid | MLPInput | ApplyLN, axes: axesStack, projection: true}
	return c.decompose("AccumulatedResid", takes, options, (*decomposition).accumulate)
}

func (d *decomposition) accumulate() error {
	for l := 0; l <= d.r.layer; l++ {
		if l == d.c.m.cfg.NLayers {
			return d.add("final_post", ResidPost.At(-1))
		}
		if err := d.add(fmt.Sprintf("%d_pre", l), ResidPre.At(l)); err != nil {
			return err
		}
		if !(d.r.has(IncludeMid) && l < d.r.layer || d.r.has(MLPInput) && l == d.r.layer) {
			continue
		}
		if err := d.add(fmt.Sprintf("%d_mid", l), ResidMid.At(l)); err != nil {
			return err
		}
	}
	return nil
}

// DecomposeResid is what each part of the model wrote to the residual stream before [Layer], by
// default all of it: "embed", "pos_embed", "0_attn_out", "0_mlp_out", ... Biases are in the parts
// that add them, so the entries add up to the stream exactly. [MLPInput] adds what the attention of
// the layer writes; [OnlyAttn] and [OnlyMLP] leave the other out, [NoEmbeds] the embeddings.
//
// The stack is [component, batch, pos, d_model]; [Pos] and [Prompt] pick, [ApplyLN] divides by the
// norm's scale, [ProjectOnto] contracts d_model.
func (c *Cache) DecomposeResid(options ...StackOption) (stack *Tensor, labels []string, err error) {
	takes := stackTakes{flags: MLPInput | ApplyLN | OnlyAttn | OnlyMLP | NoEmbeds, axes: axesStack, projection: true}
	return c.decompose("DecomposeResid", takes, options, func(d *decomposition) error {
		if !d.r.has(NoEmbeds) {
			if err := d.addEmbeds(); err != nil {
				return err
			}
		}
		return d.addSublayers()
	})
}

// addEmbeds adds the embedding and, where positions are added to the stream, their vectors.
func (d *decomposition) addEmbeds() error {
	if err := d.add("embed", Embed); err != nil {
		return err
	}
	positions := d.c.m.cfg.PositionalEmbedding
	if !positions.Learned() || positions == ShortformerPositions {
		return nil
	}
	return d.add("pos_embed", PosEmbed)
}

func (d *decomposition) addSublayers() error {
	attn, mlp := !d.r.has(OnlyMLP), !d.r.has(OnlyAttn) && !d.c.m.cfg.AttnOnly
	for l := 0; l <= d.r.layer; l++ {
		inside := l < d.r.layer
		if attn && (inside || d.r.has(MLPInput)) {
			if err := d.add(fmt.Sprintf("%d_attn_out", l), AttnOut.At(l)); err != nil {
				return err
			}
		}
		if mlp && inside {
			if err := d.add(fmt.Sprintf("%d_mlp_out", l), MLPOut.At(l)); err != nil {
				return err
			}
		}
	}
	return nil
}
