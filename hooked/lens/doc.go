// Package lens reads what a model computes: the logit lens, direct logit attribution, the OV and QK
// circuits of heads, head detectors, singular vectors in the vocabulary. Everything is built on the
// exported interface of package hooked, most of it in a few lines, to be read and varied.
package lens
