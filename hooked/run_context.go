package hooked

import (
	"cmp"
	"context"
	"fmt"

	"gopherlens/internal/fault"
)

// WithContext ends a run when ctx ends: before the next program is compiled or called, or the next
// weights are read. A generation ends before its next token. The error is the context's, and says
// what was reached; a key-value cache that the run was to make grow is left as it was. What a cache
// computes later, when it is read, is not under the run's context.
func WithContext(ctx context.Context) Option {
	return option("WithContext", func(r *request) error {
		if ctx == nil {
			return fmt.Errorf("WithContext(nil): give a context, such as context.Background()")
		}
		r.ctx = ctx
		return nil
	})
}

// context is what the run was told to end with.
func (r *request) context() context.Context {
	if r.ctx == nil {
		return context.Background()
	}
	return r.ctx
}

// ended is the error of a run whose context has ended, after so many of all its programs; nil while
// it has not.
func (r *run) ended(done, all int) error {
	return fault.Ended(r.req.context(), "%s was ended by its context (WithContext) after %d of %d programs", r.req.verb, done, all)
}

// context is what the loading was told to end with.
func (o LoadOptions) context() context.Context { return cmp.Or(o.Context, context.Background()) }
