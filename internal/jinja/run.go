package jinja

import (
	"strings"
	"sync/atomic"
	"time"
)

// A run is one rendering of a template.
type run struct {
	limits       Limits
	now          time.Time
	expired      *atomic.Bool // whether the time is over
	steps, bytes int
	depth        int

	out       strings.Builder
	generated [][2]int
}

func newRun(opts Options) *run {
	r := &run{limits: opts.Limits.settled(), now: opts.Now}
	if r.now.IsZero() {
		r.now = time.Now()
	}
	return r
}

// A scope holds the names that are set in a part of a template. What is set in a loop, a macro or a
// with block is gone after it; an if block has no scope of its own.
type scope struct {
	few   []binding // the first ones: most scopes, such as an item's of a loop, have no others
	many  map[string]any
	outer *scope
	to    *strings.Builder // where text goes; the outer scope's if nil
}

type binding struct {
	name  string
	value any
}

const fewNames = 8

func newScope(outer *scope) *scope { return &scope{outer: outer} }

func (s *scope) set(name string, v any) {
	for i := range s.few {
		if s.few[i].name == name {
			s.few[i].value = v
			return
		}
	}
	if len(s.few) < fewNames {
		s.few = append(s.few, binding{name, v})
		return
	}
	if s.many == nil {
		s.many = map[string]any{}
	}
	s.many[name] = v
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		for i := range s.few {
			if s.few[i].name == name {
				return s.few[i].value, true
			}
		}
		if v, ok := s.many[name]; ok {
			return v, true
		}
	}
	return nil, false
}

// print writes to where the scope's text goes.
func (r *run) print(s *scope, text string) {
	r.room(len(text))
	for ; s != nil; s = s.outer {
		if s.to != nil {
			s.to.WriteString(text)
			return
		}
	}
	r.out.WriteString(text)
	if r.out.Len() > r.limits.Value {
		r.room(r.out.Len())
	}
}

// captured runs nodes in a scope of their own and returns what they write.
func (r *run) captured(body []node, s *scope) string {
	s.to = &strings.Builder{}
	r.block(body, s)
	return s.to.String()
}

// A signal says how nodes ended.
type signal int

const (
	goesOn signal = iota
	leaves        // a break
	skips         // a continue
)

// block runs nodes, until one of them leaves its loop.
func (r *run) block(body []node, s *scope) signal {
	for _, n := range body {
		r.tick()
		if signal := n.run(r, s); signal != goesOn {
			return signal
		}
	}
	return goesOn
}
