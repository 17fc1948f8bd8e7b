package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
)

// setLogits uploads the places [batch][n] whose logits the run or its metric wants.
func (r *run) setLogits() error {
	at := r.logitsAt
	if at == nil && len(r.req.logitsAt) > 0 {
		var err error
		if at, err = r.logitPlaces(); err != nil {
			return err
		}
	}
	if at == nil {
		return nil
	}
	places := make([]int32, 0, len(at)*len(at[0]))
	for i, row := range at {
		for _, p := range row {
			places = append(places, int32(i*r.plan.pos+p))
		}
	}
	r.plan.logitsAt = len(at[0])
	return r.in.set(inputLogitsAt, places, dtypes.Int32, len(places), 1)
}

// logitPlaces are the positions of each prompt that LogitsAt means. Negative ones count from its
// last token, where it is known; where some rows of tokens end in pad tokens and others do not, it
// is not.
func (r *run) logitPlaces() ([][]int, error) {
	if _, err := resolved("LogitsAt", r.req.logitsAt, r.plan.pos); err != nil {
		return nil, err
	}
	fromEnd := slices.ContainsFunc(r.req.logitsAt, func(p int) bool { return p < 0 })
	if i := r.doubtful(); i >= 0 && fromEnd {
		return nil, fmt.Errorf("LogitsAt counts from the end, where prompt %d has %d pad tokens and others have none: give the texts, pad on the left, "+
			"or tell the pads by AttentionMask; a mask of ones says that they are tokens", i, r.tail(i))
	}
	at := make([][]int, r.plan.batch)
	for i := range at {
		for _, p := range r.req.logitsAt {
			if p < 0 {
				if p += r.end(i); p < 0 {
					return nil, fmt.Errorf("LogitsAt(%d): prompt %d has only %d positions", p-r.end(i), i, r.end(i))
				}
			}
			at[i] = append(at[i], p)
		}
	}
	return at, nil
}

// end is the position after the last token of prompt i: the row's, unless pads after it are known.
func (r *run) end(i int) int {
	mask := r.rowMask(i)
	switch {
	case mask != nil && lastOne(mask) >= 0:
		return lastOne(mask) + 1
	case mask == nil && r.ends != nil:
		return r.ends[i]
	}
	return r.plan.pos
}

// doubtful is a prompt whose tokens end in what may be pads, where others do not; -1 if there is
// none.
func (r *run) doubtful() int {
	if r.ends != nil || r.req.kv != nil {
		return -1
	}
	some := -1
	whole := false
	for i := range r.plan.batch {
		if r.tail(i) > 0 {
			some = i
		} else {
			whole = true
		}
	}
	if !whole {
		return -1
	}
	return some
}

// resolved are positions counted from the beginning, where negative ones count from the end of n.
func resolved(option string, positions []int, n int) ([]int, error) {
	out := make([]int, len(positions))
	for i, p := range positions {
		if p < -n || p >= n {
			return nil, fmt.Errorf("%s(%d): the input has %d positions", option, p, n)
		}
		out[i] = (p + n) % n
	}
	return out, nil
}
