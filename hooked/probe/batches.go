package probe

import (
	"slices"

	"gopherlens/hooked"
)

// A batch is some texts that one run reads, padded to one length.
type batch struct {
	texts []int
	width int // tokens
	fresh int // texts that no earlier batch has read
}

const (
	batchTokens = 2048 // of a run, unless told otherwise
	mostTexts   = 64
)

// batchesOf sorts texts by their lengths and cuts them into batches, of few distinct shapes, since
// each shape is a program of its own. The last is filled up with texts of the one before. Where
// pads change what a text gives, only texts of one length share a batch.
func batchesOf(lengths []int, size int, padsMatter bool) []batch {
	order := count(len(lengths))
	slices.SortStableFunc(order, func(a, b int) int { return lengths[a] - lengths[b] })
	longest := lengths[order[len(order)-1]]
	if size == 0 {
		size = min(max(batchTokens/longest, 1), mostTexts)
	}
	var out []batch
	for len(order) > 0 {
		group := order
		if padsMatter {
			n := slices.IndexFunc(order, func(i int) bool { return lengths[i] != lengths[order[0]] })
			if n > 0 {
				group = order[:n]
			}
		}
		order = order[len(group):]
		for from := 0; from < len(group); from += size {
			to := min(from+size, len(group))
			texts := group[max(to-size, 0):to]
			width := lengths[texts[len(texts)-1]]
			if !padsMatter {
				width = min(roundWidth(width), longest)
			}
			out = append(out, batch{texts: texts, width: width, fresh: to - from})
		}
	}
	return out
}

// roundWidth is the next length of two to each power of two: 8, 12, 16, 24, 32, ...
func roundWidth(n int) int {
	for step := 8; ; step *= 2 {
		if n <= step {
			return step
		}
		if n <= step*3/2 {
			return step * 3 / 2
		}
	}
}

// padsMatter reports whether pads behind a text change its activations: where attention looks
// ahead, or rotary angles depend on the length.
func padsMatter(c hooked.Config) bool {
	rope := c.RotaryScaling
	return c.AttentionDir == hooked.Bidirectional || rope != nil && (rope.Kind == hooked.DynamicRope || rope.Kind == hooked.LongRope)
}
