package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
)

// setMask finds out which tokens are real. As in TransformerLens a mask is used if one is given or
// the padding is on the left; with padding on the right, what is before the pads does not see them
// anyway.
func (r *run) setMask() error {
	mask := r.req.mask
	if mask == nil && r.tokens != nil && r.req.padding == Left {
		mask = r.m.leftMask(r.tokens, r.m.wantsBOS(r.req))
	}
	if err := checkMask(mask, r.plan.batch, r.plan.pos); err != nil {
		return err
	}
	kv := r.req.kv
	if kv == nil {
		if mask == nil || allOnes(mask) {
			return nil
		}
		return r.useMask(mask, r.plan.pos)
	}
	whole := joinMasks(kv.mask, mask, r.plan.batch, kv.length, r.plan.pos)
	if whole == nil {
		return nil
	}
	if err := kv.reserve(kv.length + r.plan.pos); err != nil {
		return err
	}
	return r.useMask(whole, kv.room)
}

// checkMask refuses a mask that does not fit prompts of so many positions.
func checkMask(mask [][]int, batch, pos int) error {
	if mask == nil {
		return nil
	}
	if len(mask) != batch {
		return fmt.Errorf("the attention mask has %d rows, the input %d prompts", len(mask), batch)
	}
	for i, row := range mask {
		if len(row) != pos {
			return fmt.Errorf("the attention mask's row %d has %d entries, the input %d positions", i, len(row), pos)
		}
		if k := slices.IndexFunc(row, func(v int) bool { return v != 0 && v != 1 }); k >= 0 {
			return fmt.Errorf("the attention mask's row %d, position %d is %d: want 1 for a token, 0 for a pad", i, k, row[k])
		}
	}
	return nil
}

// useMask makes mask an input, filled up with zeros to the number of keys.
func (r *run) useMask(mask [][]int, keys int) error {
	padded := make([][]int, len(mask))
	for i, row := range mask {
		padded[i] = make([]int, keys)
		copy(padded[i], row)
	}
	r.mask = mask
	r.plan.masked = true
	return r.in.set(inputMask, flatten32(padded), dtypes.Int32, r.plan.batch, keys)
}

// joinMasks is the mask of a cache's positions followed by a run's; nil if nothing is padded.
func joinMasks(past, now [][]int, batch, length, pos int) [][]int {
	if past == nil && (now == nil || allOnes(now)) {
		return nil
	}
	out := make([][]int, batch)
	for i := range out {
		out[i] = append(out[i], rowOr(past, i, length)...)
		out[i] = append(out[i], rowOr(now, i, pos)...)
	}
	return out
}

// rowOr is a mask's row, or n ones where there is no mask.
func rowOr(mask [][]int, i, n int) []int {
	if mask != nil {
		return mask[i]
	}
	row := make([]int, n)
	for k := range row {
		row[k] = 1
	}
	return row
}

func allOnes(mask [][]int) bool {
	for _, row := range mask {
		for _, v := range row {
			if v != 1 {
				return false
			}
		}
	}
	return true
}

// leftMask marks the leading pads of each row. Where the pad token is also the BOS, and texts get
// one, the last leading pad is the BOS: TransformerLens' get_attention_mask.
func (m *Model) leftMask(tokens Tokens, bos bool) [][]int {
	pad, ok := m.padToken()
	if !ok {
		return nil
	}
	mask := make([][]int, len(tokens))
	for i, row := range tokens {
		n := 0
		for n < len(row) && row[n] == pad {
			n++
		}
		if begin, ok := m.bosToken(); ok && begin == pad && bos && n > 0 {
			n--
		}
		mask[i] = make([]int, len(row))
		for k := n; k < len(row); k++ {
			mask[i][k] = 1
		}
	}
	return mask
}
