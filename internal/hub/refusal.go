//go:build !gopherlens_cell

package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statusError is an answer of the hub that is a refusal.
type statusError struct {
	code  int
	after time.Duration // what the hub asks us to wait
	text  string
	kind  error // what [errors.Is] finds, or nil
}

// Error gives the advice.
func (e *statusError) Error() string { return e.text }

// Unwrap gives the kind.
func (e *statusError) Unwrap() error { return e.kind }

// refusal says what a status means and what to do. In its text, %[1]s is the repository,
// %[2]s the revision, %[3]s the host.
type refusal struct {
	text string
	kind error
}

// advice is by status.
var advice = map[int]refusal{
	http.StatusUnauthorized:        {"%[1]s does not exist, or is private or gated: check the name, or set HF_TOKEN to a token that may read it", ErrUnknownModel},
	http.StatusForbidden:           {"access to %[1]s is refused: accept its licence at %[3]s/%[1]s, and set HF_TOKEN to a token that may read it", ErrNoAccess},
	http.StatusNotFound:            {"%[1]s has no revision %[2]q, or does not exist: check both at %[3]s/%[1]s", ErrUnknownModel},
	http.StatusTooManyRequests:     {"%[3]s gets too many requests from here: wait a while, or set HF_TOKEN for a higher limit", nil},
	http.StatusInternalServerError: {"%[3]s has trouble of its own: try again later", nil},
}

// adviceByCode is for answers whose X-Error-Code says more than the status.
var adviceByCode = map[string]refusal{
	"GatedRepo":        advice[http.StatusForbidden],
	"RevisionNotFound": {"%[1]s has no revision %[2]q: its branches and tags are listed at %[3]s/%[1]s/tree/main", ErrUnknownModel},
	"RepoNotFound":     advice[http.StatusUnauthorized],
}

// refused makes the error for an answer of 400 or more.
func (c *client) refused(resp *http.Response) error {
	why, ok := adviceByCode[resp.Header.Get(headerErrorCode)]
	if !ok {
		why, ok = advice[resp.StatusCode]
	}
	if !ok && resp.StatusCode > 500 {
		why = advice[http.StatusInternalServerError]
	} else if !ok {
		why = refusal{"%[3]s does not give %[1]s", nil}
	}
	e := &statusError{code: resp.StatusCode, kind: why.kind}
	e.text = fmt.Sprintf(why.text, c.repo, c.o.Revision, c.host()) + fmt.Sprintf(" (status %d)", resp.StatusCode)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.after = time.Duration(seconds) * time.Second
	}
	return e
}

// temporary tells whether another attempt may do better.
func temporary(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code == http.StatusTooManyRequests || status.code >= 500
	}
	return !unreachable(err) && !incomprehensible(err)
}

// incomprehensible tells whether the other side is not what the address says: it speaks
// another protocol, or has no certificate that this machine trusts.
func incomprehensible(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) ||
		strings.Contains(err.Error(), "malformed HTTP") // net/http has no type for it
}
