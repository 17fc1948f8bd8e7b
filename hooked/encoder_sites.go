package hooked

// The sites that only encoders have, with the names of TransformerLens' HookedEncoder.
var (
	EncoderEmbed        = encoderSite("embed.hook_embed", "batch pos d_model")
	EncoderPosEmbed     = encoderSite("embed.hook_pos_embed", "batch pos d_model")
	TokenTypeEmbed      = encoderSite("embed.hook_token_type_embed", "batch pos d_model")
	FullEmbed           = encoderSite("hook_full_embed", "batch pos d_model")
	NormalizedResidPost = encoderSite("blocks.%d.hook_normalized_resid_post", "batch pos d_model")
	MLMLNScale          = encoderSite("mlm_head.ln.hook_scale", "batch pos 1")
	MLMLNNormed         = encoderSite("mlm_head.ln.hook_normalized", "batch pos d_model")
	PoolerOut           = headSite("pooler.hook_pooler_out", "batch d_model")
	NSPOut              = headSite("nsp_head.hook_nsp_out", "batch next")
)

var mlmLNSites = normSites{MLMLNScale, MLMLNNormed}

// encoderSiteList is every site of an encoder in the order of its forward pass, in which norms follow the parts.
var encoderSiteList = infosOf(EncoderEmbed, EncoderPosEmbed, TokenTypeEmbed, EmbedLNScale, EmbedLNNormed, FullEmbed,
	ResidPre, AttnQ, AttnK, AttnV, AttnScores, AttnPattern, AttnZ, AttnResult, AttnOut, ResidMid, LN1Scale, LN1Normalized,
	MLPPre, MLPPost, MLPOut, ResidPost, LN2Scale, LN2Normalized, NormalizedResidPost,
	MLMLNScale, MLMLNNormed, PoolerOut, NSPOut)

func encoderSite(path, axes string) Site {
	info := &siteInfo{path: path, axes: axes}
	return Site{info: info, one: !info.perLayer()}
}

// headSite is a site of a head that is built only in runs that name it.
func headSite(path, axes string) Site {
	s := encoderSite(path, axes)
	s.info.optional = true
	return s
}

func infosOf(sites ...Site) []*siteInfo {
	infos := make([]*siteInfo, len(sites))
	for i, s := range sites {
		infos[i] = s.info
	}
	return infos
}

// afterLayers reports whether a run meets the site only after its last layer.
func (s Site) afterLayers() bool {
	switch s {
	case LNFinalScale, LNFinalNormed, MLMLNScale, MLMLNNormed, PoolerOut, NSPOut:
		return true
	}
	return false
}

// encoderSpecs lists the weights of an encoder.
func (c Config) encoderSpecs(need, may specFunc) {
	need("embed.embed.W_E", c.DVocab, c.DModel)
	need("embed.pos_embed.W_pos", c.NCtx, c.DModel)
	need("embed.token_type_embed.W_token_type", c.NTokenTypes, c.DModel)
	c.normSpecs("embed.ln", LN, c.DModel, need)
	for l := range c.NLayers {
		c.blockSpecs(blockPrefix(l), need, may)
	}
	need("mlm_head.W", c.DModel, c.DModel)
	may("mlm_head.b", c.DModel)
	c.normSpecs("mlm_head.ln", LN, c.DModel, need)
	need("unembed.W_U", c.DModel, c.DVocabOut)
	may("unembed.b_U", c.DVocabOut)
	for name, shape := range map[string][]int{"pooler.W": {c.DModel, c.DModel}, "pooler.b": {c.DModel}, "nsp_head.W": {c.DModel, 2}, "nsp_head.b": {2}} {
		may(name, shape...) // a checkpoint for masked words alone has none
	}
}
