package plots

// clipLine cuts off what of a line lies above top or below bottom. It gives the
// pieces that are left: the line itself where nothing is cut.
func clipLine(line []point, top, bottom float64) [][]point {
	const hair = 0.01 // of a pixel, for what rounding puts beside the edge
	top, bottom = top-hair, bottom+hair
	var pieces [][]point
	whole := true
	for i, p := range line {
		whole = whole && p.y >= top && p.y <= bottom
		if i == 0 {
			continue
		}
		from, to, ok := clipSegment(line[i-1], p, top, bottom)
		if !ok {
			continue
		}
		if n := len(pieces) - 1; n >= 0 && pieces[n][len(pieces[n])-1] == from {
			pieces[n] = append(pieces[n], to)
		} else {
			pieces = append(pieces, []point{from, to})
		}
	}
	if whole {
		return [][]point{line}
	}
	return pieces
}

// clipSegment is the part of a segment between top and bottom, if there is any
// (Liang and Barsky 1984, in one direction).
func clipSegment(a, b point, top, bottom float64) (from, to point, ok bool) {
	if a.y >= top && a.y <= bottom && b.y >= top && b.y <= bottom {
		return a, b, true
	}
	if a.y == b.y {
		return a, b, false
	}
	enter, leave := (top-a.y)/(b.y-a.y), (bottom-a.y)/(b.y-a.y)
	if enter > leave {
		enter, leave = leave, enter
	}
	if enter >= 1 || leave <= 0 {
		return a, b, false
	}
	at := func(t float64) point { return point{a.x + t*(b.x-a.x), a.y + t*(b.y-a.y)} }
	from, to = a, b
	if enter > 0 {
		from = at(enter)
	}
	if leave < 1 {
		to = at(leave)
	}
	return from, to, true
}
