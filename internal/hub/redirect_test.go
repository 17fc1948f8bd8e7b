package hub_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// tokens returns which requests to the storage carried one.
func (f *fakeHub) tokens() (sent, asked int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if strings.HasPrefix(r.URL.Path, "/storage/") {
			asked++
			if r.Header.Get("Authorization") != "" {
				sent++
			}
		}
	}
	return sent, asked
}

// The token goes to the endpoint's scheme, host and port, and nowhere else.
func TestTokenStaysAtHome(t *testing.T) {
	sameHost := func(storage string) string { return storage }
	upper := func(storage string) string { return strings.Replace(storage, "http:", "HTTP:", 1) }
	for name, redirect := range map[string]func(string) string{"another port": sameHost, "scheme in capitals": upper} {
		f := newFakeHub(t)
		f.token, f.redirect = secret, redirect
		o := f.options(t)
		o.Token = secret
		resolve(t, repo, o)
		if sent, asked := f.tokens(); sent != 0 || asked == 0 {
			t.Errorf("%s: the token was sent with %d of %d requests", name, sent, asked)
		}
	}
}

// From https to http the token would travel in the clear, even to the same host and
// port: a proxy there listens to both.
func TestTokenIsNotSentInTheClear(t *testing.T) {
	f := newFakeHub(t)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(f.serveHub))
	secure.StartTLS()
	t.Cleanup(secure.Close)
	trust(t, secure)
	f.token = secret
	f.redirect = func(storage string) string { return storage }
	o := f.options(t)
	o.Endpoint, o.Token = secure.URL, secret
	resolve(t, repo, o)
	if sent, asked := f.tokens(); sent != 0 || asked == 0 {
		t.Errorf("the token was sent with %d of %d requests", sent, asked)
	}
}

// trust makes clients trust a test's server.
func trust(t *testing.T, server *httptest.Server) {
	transport := http.DefaultTransport.(*http.Transport)
	before := transport.TLSClientConfig
	transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	t.Cleanup(func() { transport.TLSClientConfig = before })
}

// A redirection within the endpoint, as of a renamed repository, keeps the token.
func TestRenamed(t *testing.T) {
	f := newFakeHub(t)
	f.token = secret
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		rest, old := strings.CutPrefix(r.URL.Path, "/api/models/owner/old")
		if !old {
			rest, old = strings.CutPrefix(r.URL.Path, "/owner/old")
			rest = "/" + repo + rest
		} else {
			rest = "/api/models/" + repo + rest
		}
		if old {
			http.Redirect(w, r, rest, http.StatusTemporaryRedirect)
		}
		return old
	}
	o := f.options(t)
	o.Token = secret
	if v := firstValue(t, resolve(t, "owner/old", o)); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
}

// What no other attempt can mend fails at the first.
func TestFailsAtOnce(t *testing.T) {
	answer := func(set func(h http.Header)) func(*fakeHub) {
		return func(f *fakeHub) {
			f.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead {
					set(w.Header())
					return true
				}
				return false
			}
		}
	}
	for _, c := range []struct {
		name  string
		fault func(*fakeHub)
		want  string
	}{
		{"no etag", answer(func(h http.Header) {}), "no checksum"},
		{"etag that leaves the folder", answer(func(h http.Header) { h.Set("ETag", `"../../x"`) }), "no checksum"},
		{"endless etag", answer(func(h http.Header) { h.Set("ETag", strings.Repeat("a", 300)) }), "no checksum"},
		{"size in words", answer(func(h http.Header) { h.Set("ETag", "a"); h.Set("X-Linked-Size", "many") }), `the size "many"`},
		{"negative size", answer(func(h http.Header) { h.Set("ETag", "a"); h.Set("X-Linked-Size", "-5") }), `the size "-5"`},
		{"another size", answer(func(h http.Header) { h.Set("ETag", "a"); h.Set("X-Linked-Size", "123456") }), "says that the file has 123456 bytes"},
		{"number for a commit", func(f *fakeHub) {
			f.fault = func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, `{"sha": 5}`); return true }
		}, "does not answer like a hub"},
		{"redirection to nowhere", func(f *fakeHub) {
			f.fault = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", "http://[::1/?X-Amz-Signature="+secret)
				w.WriteHeader(http.StatusFound)
				return true
			}
		}, "no address"},
		{"redirections in a circle", func(f *fakeHub) {
			f.fault = func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, r.URL.Path, http.StatusFound)
				return true
			}
		}, "more than 10 redirections"},
	} {
		f := newFakeHub(t)
		c.fault(f)
		o := f.options(t)
		o.Token = secret
		if err := resolveError(t, repo, o, nil); !strings.Contains(err, c.want) {
			t.Errorf("%s: %s", c.name, err)
		}
		seen := map[string]int{}
		for _, r := range f.requests {
			if seen[r.Method+r.URL.Path]++; seen[r.Method+r.URL.Path] == 2 && !strings.Contains(c.name, "circle") {
				t.Errorf("%s: asked again for %s", c.name, r.URL.Path)
			}
		}
		if len(f.requests) > 11 {
			t.Errorf("%s: asked %d times", c.name, len(f.requests))
		}
	}
}

// An endpoint or a token that cannot be right is refused before any request, and
// neither is shown.
func TestRefusedSettings(t *testing.T) {
	f := newFakeHub(t)
	for _, endpoint := range []string{"ftp://host", "huggingface.co", "host:80", "user:" + secret + "@host", "http://user:" + secret + "/x@host", "http://", "/x"} {
		o := f.options(t)
		o.Endpoint = endpoint
		if err := resolveError(t, repo, o, nil); !strings.Contains(err, "HF_ENDPOINT is not a URL") {
			t.Errorf("%s: %s", endpoint, err)
		}
	}
	for _, token := range []string{secret + "\n" + secret, secret + " x", secret + "\x00", secret + "ü"} {
		o := f.options(t)
		o.Token = token
		if err := resolveError(t, repo, o, nil); !strings.Contains(err, "the token holds") {
			t.Errorf("%s", err)
		}
	}
	if len(f.requests) != 0 {
		t.Errorf("the hub was asked %d times", len(f.requests))
	}
}

// A server without a certificate that is trusted, or of another protocol, will not be
// another one a second later.
func TestNotTheWeb(t *testing.T) {
	var connections atomic.Int32
	count := func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ConnState = count
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ConnState = count
	plain.Start()
	t.Cleanup(plain.Close)
	ssh, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ssh.Close() })
	go func() {
		for {
			c, err := ssh.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
			c.Close()
		}
	}()
	f := newFakeHub(t)
	for _, endpoint := range []string{untrusted.URL, strings.Replace(plain.URL, "http:", "https:", 1), "http://" + ssh.Addr().String()} {
		connections.Store(0)
		o := f.options(t)
		o.Endpoint = endpoint
		if err := resolveError(t, repo, o, nil); err == "" || connections.Load() != 1 {
			t.Errorf("%s: %d connections, want one: %s", endpoint, connections.Load(), err)
		}
	}
}
