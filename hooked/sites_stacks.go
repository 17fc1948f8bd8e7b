package hooked

import (
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// The sites of an encoder-decoder, with the names of TransformerLens' HookedEncoderDecoder. Those
// of a layer are the sites of other models' layers, in the encoder or in the decoder; see
// [Site.InEncoder]. Keys and values of what looks at the encoder run along an axis "source".
var (
	EncoderLNFinalScale      = newSite("encoder_final_ln.hook_scale", "batch pos 1", nil, inFloat32|inSource)
	EncoderLNFinalNormalized = newSite("encoder_final_ln.hook_normalized", "batch pos d_model", nil, inSource)
	CrossAttnIn              = newSite("decoder.%d.hook_cross_attn_in", "batch pos d_model", nil, onRequest)
	CrossAttnQ               = newSite("decoder.%d.cross_attn.hook_q", "batch pos head d_head", nil, 0)
	CrossAttnK               = newSite("decoder.%d.cross_attn.hook_k", "batch source kv_head d_head", nil, 0)
	CrossAttnV               = newSite("decoder.%d.cross_attn.hook_v", "batch source kv_head d_head", nil, 0)
	CrossAttnScores          = newSite("decoder.%d.cross_attn.hook_attn_scores", "batch head query source", nil, inFloat32)
	CrossAttnPattern         = newSite("decoder.%d.cross_attn.hook_pattern", "batch head query source", nil, inFloat32)
	CrossAttnZ               = newSite("decoder.%d.cross_attn.hook_z", "batch pos head d_head", nil, 0)
	CrossAttnResult          = newSite("decoder.%d.cross_attn.hook_result", "batch pos head d_model", nil, onRequest)
	CrossAttnOut             = newSite("decoder.%d.hook_cross_attn_out", "batch pos d_model", nil, 0)
	ResidMidCross            = newSite("decoder.%d.hook_resid_mid_cross", "batch pos d_model", nil, 0)
	LN3Scale                 = newSite("decoder.%d.ln3.hook_scale", "batch pos 1", nil, inFloat32)
	LN3Normalized            = newSite("decoder.%d.ln3.hook_normalized", "batch pos d_model", nil, 0)
	DecoderLNFinalScale      = newSite("decoder_final_ln.hook_scale", "batch pos 1", nil, inFloat32|afterAll)
	DecoderLNFinalNormalized = newSite("decoder_final_ln.hook_normalized", "batch pos d_model", nil, afterAll)
)

// The sites of a layer in each of the two stacks, in the order of its forward pass.
var (
	attentionSites = infosOf(ResidPre, AttnIn, QInput, KInput, VInput, LN1Scale, LN1Normalized, AttnQ, AttnK, AttnV, AttnScores, AttnPattern,
		AttnZ, AttnResult, AttnOut, ResidMid)
	neuronSites = infosOf(MLPHookIn, MLPPre, MLPPreLinear, MLPPost, MLPOut, ResidPost)

	encoderLayerSites = inStack("encoder", inSource, attentionSites, infosOf(MLPIn, LN2Scale, LN2Normalized), neuronSites)
	decoderLayerSites = inStack("decoder", 0, attentionSites,
		infosOf(CrossAttnIn, LN2Scale, LN2Normalized, CrossAttnQ, CrossAttnK, CrossAttnV, CrossAttnScores, CrossAttnPattern, CrossAttnZ,
			CrossAttnResult, CrossAttnOut, ResidMidCross, MLPIn, LN3Scale, LN3Normalized), neuronSites)

	inEncoder, inDecoder = byGeneral(encoderLayerSites), byGeneral(decoderLayerSites)
)

// inStack are sites of a layer with the names that they have in a stack. What has a name of its own
// there keeps it.
func inStack(prefix string, more traits, lists ...[]*siteInfo) []*siteInfo {
	sites := slices.Concat(lists...)
	for i, info := range sites {
		if rest, ok := strings.CutPrefix(info.path, "blocks."); ok {
			sites[i] = &siteInfo{path: prefix + "." + rest, axes: info.axes, present: info.present, traits: info.traits | more, stack: info}
		}
	}
	return sites
}

// byGeneral finds the sites of a stack by what they are called where there is one.
func byGeneral(sites []*siteInfo) map[*siteInfo]*siteInfo {
	out := make(map[*siteInfo]*siteInfo)
	for _, info := range sites {
		if info.stack == nil {
			out[info] = info
		} else {
			out[info.stack] = info
		}
	}
	return out
}

// InEncoder is the same site of a layer in the encoder of an encoder-decoder:
// ResidPost.At(3).InEncoder() is "encoder.3.hook_resid_post". One that has no such place stays what
// it is.
func (s Site) InEncoder() Site { return s.in(inEncoder) }

// InDecoder is the same site of a layer in the decoder of an encoder-decoder:
// ResidPost.At(3).InDecoder() is "decoder.3.hook_resid_post". There LN2Scale and LN2Normalized are
// of the norm before [CrossAttnQ], and the MLP has a third.
func (s Site) InDecoder() Site { return s.in(inDecoder) }

func (s Site) in(stack map[*siteInfo]*siteInfo) Site {
	general := s.need().info
	if general.stack != nil {
		general = general.stack
	}
	if info := stack[general]; info != nil {
		s.info = info
	}
	return s
}

// twoStacks lists every site of an encoder-decoder in the order of its forward pass.
func (c Config) twoStacks() []Site {
	e := c.encoderPart()
	sites := expand(nil, infosOf(TokenIDs, Embed), 0)
	sites = expandLayers(sites, e, encoderLayerSites)
	sites = expand(sites, infosOf(EncoderLNFinalScale, EncoderLNFinalNormalized), 0)
	sites = expandLayers(sites, c, decoderLayerSites)
	return expand(sites, infosOf(DecoderLNFinalScale, DecoderLNFinalNormalized), 0)
}

func expandLayers(sites []Site, c Config, infos []*siteInfo) []Site {
	present := slices.DeleteFunc(slices.Clone(infos), func(i *siteInfo) bool { return !i.presentIn(c) })
	for l := range c.NLayers {
		sites = expand(sites, present, l)
	}
	return sites
}

// layerAt resolves a layer number in the stack that a site lies in.
func (c Config) layerAt(s Site, l int) (int, error) {
	if s.has(inSource) && c.NEncoderLayers > 0 {
		return c.encoderPart().layer(l)
	}
	return c.layer(l)
}

// whichStack is the error about a site that lies in both stacks of an encoder-decoder.
func whichStack(s Site) error {
	return brief.Errorf("%s lies in the encoder and in the decoder: say which, %s or %s", s, s.InEncoder(), s.InDecoder())
}
