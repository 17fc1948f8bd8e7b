package jinja

import "strings"

// globals is the scope of the functions that every template has.
func (r *run) globals() *scope {
	s := newScope(nil)
	for _, f := range []function{
		{"range", rangeOf}, {"dict", dictOf}, {"namespace", namespaceOf}, {"joiner", joinerOf}, {"cycler", cyclerOf},
		{"raise_exception", raise}, {"strftime_now", now},
	} {
		s.set(f.name, &f)
	}
	return s
}

func rangeOf(r *run, a arguments) any {
	if len(a.values) < 1 || len(a.values) > 3 || a.named.Len() > 0 {
		fail("range() takes 1 to 3 whole numbers")
	}
	var n [3]int64
	for i, v := range a.values {
		whole, ok := integer(v)
		if !ok {
			fail("range() takes whole numbers, not %s", kindOf(v))
		}
		n[i] = whole
	}
	s := span{0, n[0], 1}
	if len(a.values) > 1 {
		s.start, s.stop = n[0], n[1]
	}
	if len(a.values) > 2 {
		s.step = n[2]
	}
	const far = 1 << 60
	switch {
	case s.step == 0:
		fail("the step of a range() is 0")
	case max(s.start, s.stop) > far || min(s.start, s.stop) < -far || s.step < -far || s.step > far || s.len() > largestRange:
		fail("a range() is longer than %d: it is refused", largestRange)
	}
	return s
}

func dictOf(r *run, a arguments) any {
	d := NewDict()
	switch {
	case len(a.values) > 1:
		fail("dict() takes one value and names, not %d values", len(a.values))
	case len(a.values) == 1:
		addPairs(r, d, a.values[0])
	}
	if a.named != nil {
		addPairs(r, d, a.named)
	}
	return d
}

func addPairs(r *run, d *Dict, from any) {
	if other, ok := from.(*Dict); ok {
		from = list(r.itemsOf(other))
	}
	for _, pair := range r.each(from) {
		r.times(1, entryBytes)
		kv := r.each(pair)
		if len(kv) != 2 {
			fail("dict() takes pairs, not %d values", len(kv))
		}
		d.set(r.key(kv[0]), kv[1])
	}
}

func namespaceOf(r *run, a arguments) any { return &namespace{dictOf(r, a).(*Dict)} }

// joinerOf makes a function that gives nothing at first, and then what stands between.
func joinerOf(_ *run, a arguments) any {
	between, used := or(a.bind("sep")[0], ", "), false
	return &function{"joiner", func(_ *run, a arguments) any {
		a.none()
		if !used {
			used = true
			return ""
		}
		return between
	}}
}

// cyclerOf makes an object that goes through values again and again.
func cyclerOf(_ *run, a arguments) any {
	if len(a.values) == 0 {
		fail("cycler() needs what to go through")
	}
	at, o := 0, &object{map[string]any{}}
	o.attributes["current"] = a.values[0]
	move := func(to int) { at = to; o.attributes["current"] = a.values[at] }
	o.attributes["next"] = &function{"next", func(_ *run, none arguments) any {
		none.none()
		v := a.values[at]
		move((at + 1) % len(a.values))
		return v
	}}
	o.attributes["reset"] = &function{"reset", func(_ *run, none arguments) any { none.none(); move(0); return nil }}
	return o
}

// raise is how a template refuses its messages.
func raise(r *run, a arguments) any {
	fail("the template refuses: %s", strings.TrimSpace(r.str(a.one("message"))))
	return nil
}

func now(r *run, a arguments) any {
	format := textOr("strftime_now", a.one("format"), "")
	r.ticks(len(format))
	return strftime(r.now, format)
}
