package hooked

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Site is a place in the forward pass where an activation can be read or replaced. Its name is
// TransformerLens' hook name, letter for letter.
//
// The variables below name a site in every layer at once; [Site.At] picks one layer. As a selector
// (of what to cache, or where to edit) a site without a layer stands for all layers.
type Site struct {
	info  *siteInfo
	layer int
	one   bool // a single layer, or a site that lies outside the layers
}

// siteInfo is what the list below says of a site, whatever the layer. It is all that is said of it:
// names, order, axes, precision and the table in doc_sites.go follow from it.
type siteInfo struct {
	path    string            // %d standing for the layer
	axes    string            // named axes, outermost first
	present func(Config) bool // nil: in every decoder
	traits  traits

	stack *siteInfo // of a site in one of two stacks: what it is called where there is one

	of   *siteInfo // of a tap: the site whose edit makes it
	name string    // of a tap
}

// traits are what is not the same for all sites.
type traits int

const (
	onRequest traits = 1 << iota // costs memory, so it is built only when a run names it
	// whatever the model's precision: rounded, it would spoil everything after it
	inFloat32
	afterAll  // met only after the last layer
	ofDense   // in layers with an MLP for all tokens
	ofExperts // in layers with a mixture of experts
	inSource  // it lies in the encoder of an encoder-decoder, whose positions are the source's
)

// The sites, in the order in which a forward pass meets them. Axes: batch, pos (position of a
// token), query and key (positions as attention sees them), head, kv_head (fewer than heads in
// grouped-query attention), d_model, d_head, d_mlp, expert, slot (the experts that a token chose,
// best first), d_expert (an expert's width), and 1.
var (
	TokenIDs          = site("hook_tokens", "batch pos", nil, onRequest)
	EmbedLNScale      = site("embed.ln.hook_scale", "batch pos 1", hasPostEmbeddingLN, inFloat32)
	EmbedLNNormalized = site("embed.ln.hook_normalized", "batch pos d_model", hasPostEmbeddingLN, 0)
	Embed             = site("hook_embed", "batch pos d_model", nil, 0)
	PosEmbed          = site("hook_pos_embed", "batch pos d_model", hasPosEmbed, 0)
	ResidPre          = site("blocks.%d.hook_resid_pre", "batch pos d_model", nil, 0)
	AttnIn            = site("blocks.%d.hook_attn_in", "batch pos head d_model", hasAttnIn, onRequest)
	QInput            = site("blocks.%d.hook_q_input", "batch pos head d_model", nil, onRequest)
	KInput            = site("blocks.%d.hook_k_input", "batch pos kv_head d_model", nil, onRequest)
	VInput            = site("blocks.%d.hook_v_input", "batch pos kv_head d_model", nil, onRequest)
	LN1Scale          = site("blocks.%d.ln1.hook_scale", "batch pos 1", hasPreNorm, inFloat32)
	LN1Normalized     = site("blocks.%d.ln1.hook_normalized", "batch pos d_model", hasPreNorm, 0)
	AttnQ             = site("blocks.%d.attn.hook_q", "batch pos head d_head", nil, 0)
	AttnK             = site("blocks.%d.attn.hook_k", "batch pos kv_head d_head", nil, 0)
	AttnV             = site("blocks.%d.attn.hook_v", "batch pos kv_head d_head", nil, 0)
	QNormScale        = site("blocks.%d.attn.q_norm.hook_scale", "batch pos head 1", hasQKNorm, inFloat32)
	QNormNormalized   = site("blocks.%d.attn.q_norm.hook_normalized", "batch pos head d_head", hasQKNorm, 0)
	KNormScale        = site("blocks.%d.attn.k_norm.hook_scale", "batch pos kv_head 1", hasQKNorm, inFloat32)
	KNormNormalized   = site("blocks.%d.attn.k_norm.hook_normalized", "batch pos kv_head d_head", hasQKNorm, 0)
	AttnRotQ          = site("blocks.%d.attn.hook_rot_q", "batch query head d_head", hasRotary, 0)
	AttnRotK          = site("blocks.%d.attn.hook_rot_k", "batch key kv_head d_head", hasRotary, 0)
	AttnScores        = site("blocks.%d.attn.hook_attn_scores", "batch head query key", nil, inFloat32)
	AttnPattern       = site("blocks.%d.attn.hook_pattern", "batch head query key", nil, inFloat32)
	AttnZ             = site("blocks.%d.attn.hook_z", "batch pos head d_head", nil, 0)
	AttnResult        = site("blocks.%d.attn.hook_result", "batch pos head d_model", nil, onRequest)
	LN1PostScale      = site("blocks.%d.ln1_post.hook_scale", "batch pos 1", hasPostNorms, inFloat32)
	LN1PostNormalized = site("blocks.%d.ln1_post.hook_normalized", "batch pos d_model", hasPostNorms, 0)
	AttnOut           = site("blocks.%d.hook_attn_out", "batch pos d_model", nil, 0)
	ResidMid          = site("blocks.%d.hook_resid_mid", "batch pos d_model", hasResidMid, 0)
	MLPIn             = site("blocks.%d.hook_mlp_in", "batch pos d_model", hasMLP, onRequest)
	LN2Scale          = site("blocks.%d.ln2.hook_scale", "batch pos 1", hasMLPNorm, inFloat32)
	LN2Normalized     = site("blocks.%d.ln2.hook_normalized", "batch pos d_model", hasMLPNorm, 0)
	MLPHookIn         = site("blocks.%d.mlp.hook_in", "batch pos d_model", hasMLP, onRequest) // after all of the norm
	MLPPre            = site("blocks.%d.mlp.hook_pre", "batch pos d_mlp", hasMLP, ofDense)
	MLPPreLinear      = site("blocks.%d.mlp.hook_pre_linear", "batch pos d_mlp", hasGate, ofDense)
	MLPMid            = site("blocks.%d.mlp.hook_mid", "batch pos d_mlp", hasMLPLN, ofDense)
	MLPLNScale        = site("blocks.%d.mlp.ln.hook_scale", "batch pos 1", hasMLPLN, inFloat32|ofDense)
	MLPLNNormalized   = site("blocks.%d.mlp.ln.hook_normalized", "batch pos d_mlp", hasMLPLN, ofDense)
	MLPPost           = site("blocks.%d.mlp.hook_post", "batch pos d_mlp", hasMLP, ofDense)
	RouterLogits      = site("blocks.%d.mlp.hook_router_logits", "batch pos expert", hasExperts, inFloat32|ofExperts)
	ExpertWeights     = site("blocks.%d.mlp.hook_expert_weights", "batch pos expert", hasExpertWeights, inFloat32|ofExperts)
	ExpertIndices     = site("blocks.%d.mlp.hook_expert_indices", "batch pos slot", hasExperts, inFloat32|ofExperts) // whole numbers
	ExpertGates       = site("blocks.%d.mlp.hook_expert_gates", "batch pos slot", hasExperts, inFloat32|ofExperts)
	ExpertPre         = site("blocks.%d.mlp.hook_expert_pre", "batch pos slot d_expert", hasExperts, onRequest|ofExperts)
	ExpertPreLinear   = site("blocks.%d.mlp.hook_expert_pre_linear", "batch pos slot d_expert", hasExperts, onRequest|ofExperts)
	ExpertPost        = site("blocks.%d.mlp.hook_expert_post", "batch pos slot d_expert", hasExperts, onRequest|ofExperts)
	ExpertOut         = site("blocks.%d.mlp.hook_expert_out", "batch pos slot d_model", hasExperts, onRequest|ofExperts)
	RoutedOut         = site("blocks.%d.mlp.hook_routed_out", "batch pos d_model", hasExperts, ofExperts)
	SharedExpertOut   = site("blocks.%d.mlp.hook_shared_expert_out", "batch pos d_model", hasSharedExpert, ofExperts)
	SharedExpertGate  = site("blocks.%d.mlp.hook_shared_expert_gate", "batch pos 1", hasSharedExpert, ofExperts) // before its sigmoid
	LN2PostScale      = site("blocks.%d.ln2_post.hook_scale", "batch pos 1", hasPostNorms, inFloat32)
	LN2PostNormalized = site("blocks.%d.ln2_post.hook_normalized", "batch pos d_model", hasPostNorms, 0)
	MLPOut            = site("blocks.%d.hook_mlp_out", "batch pos d_model", hasMLP, 0)
	ResidPost         = site("blocks.%d.hook_resid_post", "batch pos d_model", nil, 0)
	LNFinalScale      = site("ln_final.hook_scale", "batch pos 1", hasNorm, inFloat32|afterAll)
	LNFinalNormalized = site("ln_final.hook_normalized", "batch pos d_model", hasNorm, afterAll)
)

// The sites that only encoders have, with the names of TransformerLens' HookedEncoder.
var (
	EncoderEmbed        = newSite("embed.hook_embed", "batch pos d_model", nil, 0)
	EncoderPosEmbed     = newSite("embed.hook_pos_embed", "batch pos d_model", nil, 0)
	TokenTypeEmbed      = newSite("embed.hook_token_type_embed", "batch pos d_model", hasTokenTypes, 0)
	FullEmbed           = newSite("hook_full_embed", "batch pos d_model", nil, 0)
	NormalizedResidPost = newSite("blocks.%d.hook_normalized_resid_post", "batch pos d_model", nil, 0)
	MLMLNScale          = newSite("mlm_head.ln.hook_scale", "batch pos 1", hasHead, inFloat32|afterAll)
	MLMLNNormalized     = newSite("mlm_head.ln.hook_normalized", "batch pos d_model", hasHead, afterAll)
	PoolerOut           = newSite("pooler.hook_pooler_out", "batch d_model", nil, onRequest|afterAll)
	NSPOut              = newSite("nsp_head.hook_nsp_out", "batch next", hasHead, onRequest|afterAll)
)

// encoderSiteList is every site of an encoder in the order of its forward pass, in which norms
// follow the parts.
var encoderSiteList = infosOf(EncoderEmbed, EncoderPosEmbed, TokenTypeEmbed, EmbedLNScale, EmbedLNNormalized, FullEmbed,
	ResidPre, AttnQ, AttnK, AttnV, AttnScores, AttnPattern, AttnZ, AttnResult, AttnOut, ResidMid, LN1Scale, LN1Normalized,
	MLPPre, MLPPost, MLPOut, ResidPost, LN2Scale, LN2Normalized, NormalizedResidPost,
	MLMLNScale, MLMLNNormalized, PoolerOut, NSPOut)

// afterSumSiteList is every site of a decoder whose norms are of sums, likewise.
var afterSumSiteList = slices.Concat(infosOf(TokenIDs, Embed, PosEmbed),
	slices.DeleteFunc(slices.Clone(encoderSiteList), func(i *siteInfo) bool { return !i.perLayer() }))

func infosOf(sites ...Site) []*siteInfo {
	infos := make([]*siteInfo, len(sites))
	for i, s := range sites {
		infos[i] = s.info
	}
	return infos
}

// siteList collects the sites above in their order; Go initialises package variables in order of
// declaration.
var siteList []*siteInfo

func site(path, axes string, present func(Config) bool, traits traits) Site {
	s := newSite(path, axes, present, traits)
	siteList = append(siteList, s.info)
	return s
}

func newSite(path, axes string, present func(Config) bool, traits traits) Site {
	info := &siteInfo{path: path, axes: axes, present: present, traits: traits}
	return Site{info: info, one: !info.perLayer()}
}

var errZeroSite = errors.New("the zero Site is no place in a model: use one of the package's variables, such as hooked.ResidPost")

// need is s, which must not be the zero Site.
func (s Site) need() Site {
	if s.info == nil {
		fail("%w", errZeroSite)
	}
	return s
}

func (s Site) has(t traits) bool { return s.info.traits&t != 0 }

func hasNorm(c Config) bool            { return c.Normalization != NoNorm }
func hasPosEmbed(c Config) bool        { return c.PositionalEmbedding.Learned() }
func hasPostEmbeddingLN(c Config) bool { return c.PostEmbeddingLN }
func hasRotary(c Config) bool          { return c.PositionalEmbedding == RotaryPositions }
func hasQKNorm(c Config) bool          { return c.UseQKNorm }
func hasAttnIn(c Config) bool          { return c.groupSize() == 1 }
func hasPreNorm(c Config) bool         { return c.preNorm() != NoNorm }
func hasPostNorms(c Config) bool       { return c.NormalizesOutputs() }
func hasMLP(c Config) bool             { return !c.AttnOnly }
func hasMLPNorm(c Config) bool         { return hasMLP(c) && hasPreNorm(c) }
func hasGate(c Config) bool            { return hasMLP(c) && c.GatedMLP }
func hasMLPLN(c Config) bool           { return hasMLP(c) && c.ActFn.hasLN() }
func hasExperts(c Config) bool         { return hasMLP(c) && c.NExperts > 0 }
func hasExpertWeights(c Config) bool   { return hasExperts(c) && c.Router != SparseMixer }
func hasSharedExpert(c Config) bool    { return hasExperts(c) && c.DSharedExpert > 0 }
func hasTokenTypes(c Config) bool      { return c.NTokenTypes > 0 }
func hasHead(c Config) bool            { return !c.Headless }
func hasResidMid(c Config) bool        { return hasMLP(c) && !c.ParallelAttnMLP }

func (i *siteInfo) perLayer() bool { return strings.Contains(i.path, "%d") }

func (i *siteInfo) presentIn(c Config) bool { return i.present == nil || i.present(c) }

// At is s in layer l alone; a negative l counts from the last layer, as in Python. For a site
// outside the layers it is s itself.
func (s Site) At(l int) Site {
	if !s.need().info.perLayer() {
		return s
	}
	return Site{info: s.info, layer: l, one: true}
}

// InEveryLayer is the same site without a layer, as the variables of this package are:
// AttnQ.At(5).InEveryLayer() is AttnQ.
func (s Site) InEveryLayer() Site { return Site{info: s.need().info} }

// Layer is the layer that s lies in, and whether it lies in one.
func (s Site) Layer() (int, bool) { return s.layer, s.one && s.info.perLayer() }

// Name is TransformerLens' name, "blocks.5.attn.hook_q" for AttnQ.At(5); for a site in every layer
// the number is a star, "blocks.*.attn.hook_q".
func (s Site) Name() string {
	switch s = s.need(); {
	case s.isTap():
		return Site{info: s.info.of, layer: s.layer, one: s.one}.Name() + "." + s.info.name
	case !s.info.perLayer():
		return s.info.path
	case !s.one:
		return strings.Replace(s.info.path, "%d", "*", 1)
	}
	return fmt.Sprintf(s.info.path, s.layer)
}

// String is the name, "no site" of the zero Site.
func (s Site) String() string {
	if s.info == nil {
		return "no site"
	}
	return s.Name()
}

// Axes are the names of the axes of the activation, outermost first: ["batch" "pos" "head"
// "d_head"] for AttnQ; none for a tap, whose tensors know them.
func (s Site) Axes() []string { return strings.Fields(s.need().info.axes) }

// Optional reports whether the site is built only in runs that name it, since it costs memory:
// TransformerLens has switches for these (use_attn_result and so on).
func (s Site) Optional() bool { return s.need().has(onRequest) }

// Sites lists every site of a model with this configuration in the order of the forward pass, the
// optional ones too.
func (c Config) Sites() []Site {
	var before, blocks, after []*siteInfo
	list := siteList
	if c.NEncoderLayers > 0 {
		return c.twoStacks()
	}
	switch {
	case c.PostNorm:
		list = encoderSiteList
	case c.NormAfterSum:
		list = afterSumSiteList
	}
	for _, info := range list {
		switch {
		case !info.presentIn(c):
		case info.perLayer():
			blocks = append(blocks, info)
		case len(blocks) == 0:
			before = append(before, info)
		default:
			after = append(after, info)
		}
	}
	sites := expand(nil, before, 0)
	for l := range c.NLayers {
		here := slices.DeleteFunc(slices.Clone(blocks), func(i *siteInfo) bool { return !i.presentAt(c, l) })
		sites = expand(sites, here, l)
	}
	return expand(sites, after, 0)
}

// presentAt reports whether layer l has the site, of those that some layers have.
func (i *siteInfo) presentAt(c Config, l int) bool {
	switch {
	case i.traits&ofDense != 0:
		return !c.sparse(l)
	case i.traits&ofExperts != 0:
		return c.sparse(l)
	}
	return true
}

func expand(sites []Site, infos []*siteInfo, layer int) []Site {
	for _, info := range infos {
		sites = append(sites, Site{info: info, layer: layer, one: true})
	}
	return sites
}
