//go:build !gopherlens_cell

package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"gopherlens/internal/brief"
)

// client speaks the few requests that a download needs. It follows redirections by
// itself, since net/http would pass the token on to any port of the endpoint's host,
// and from https to http.
type client struct {
	o        Options
	repo     string
	endpoint *url.URL
	net      *http.Transport
}

// The hub's headers on the answer for a file. Large files are redirected to another
// host; these stand on the first answer.
const (
	headerLinkedETag = "X-Linked-Etag" // SHA-256 of a large file
	headerLinkedSize = "X-Linked-Size"
	headerErrorCode  = "X-Error-Code"
)

// How long the network may be silent before we give up on a connection.
const (
	connectTimeout = 20 * time.Second
	headerTimeout  = 30 * time.Second
)

// newClient begins a download: one client, so that its requests share connections.
// What no attempt could mend in the endpoint and the token is refused here.
func newClient(repo string, o Options) (*client, error) {
	endpoint, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("hub: the token holds a blank, a line break or a letter that no token has: " +
			"set HF_TOKEN to the token alone (it is not shown here)")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	transport.ResponseHeaderTimeout = headerTimeout
	transport.DisableCompression = true // sizes and ranges are those of the file itself
	return &client{o: o, repo: repo, endpoint: endpoint, net: transport}, nil
}

// parseEndpoint takes a URL of the web with a host. It does not show one that it
// cannot read: a password may stand anywhere in it.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || !isAddress(u) {
		return nil, fmt.Errorf("hub: HF_ENDPOINT is not a URL such as %s", DefaultEndpoint)
	}
	return u, nil
}

func isAddress(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

// repoInfo is what the hub says about a revision.
type repoInfo struct {
	Commit   string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

// names are those of the revision's files.
func (i repoInfo) names() []string {
	var names []string
	for _, s := range i.Siblings {
		names = append(names, s.Name)
	}
	return names
}

// info asks for the commit and the list of files of the revision.
func (c *client) info(ctx context.Context) (repoInfo, error) {
	var info repoInfo
	err := c.retry(ctx, func() error {
		resp, err := c.do(ctx, anywhere, http.MethodGet, "api/models/"+c.repo+"/revision/"+url.PathEscape(c.o.Revision), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxList))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &info); err != nil {
			return c.notAHub("%w", err)
		}
		if !safeName(info.Commit) {
			return c.notAHub("no commit")
		}
		return nil
	})
	return info, err
}

// maxList is far more than any repository's list, and bounds what a wrong server can send.
const maxList = 64 << 20

// notAHub is for an answer that was given in full and that another attempt would get again.
func (c *client) notAHub(format string, args ...any) error {
	return permanent{fmt.Errorf("%s does not answer like a hub (%w): is HF_ENDPOINT right?", c.host(), brief.Errorf(format, args...))}
}

// fileInfo is what the hub says about a file before it is fetched.
type fileInfo struct {
	etag string // the blob's name: SHA-256 of a large file, git's hash of a small one
	size int64  // -1 if unknown
}

// head asks for a file's checksum and size. It follows redirections within the hub
// (a renamed repository) but not to the storage, whose answer says less.
func (c *client) head(ctx context.Context, commit, file string) (fileInfo, error) {
	var info fileInfo
	err := c.retry(ctx, func() error {
		resp, err := c.do(ctx, c.atHome, http.MethodHead, c.filePath(commit, file), nil)
		if err != nil {
			return err
		}
		resp.Body.Close()
		info, err = c.readFileInfo(resp)
		return err
	})
	return info, err
}

// readFileInfo prefers the headers about the file itself to those about the answer,
// which for a large file is a redirection.
func (c *client) readFileInfo(resp *http.Response) (fileInfo, error) {
	etag := resp.Header.Get(headerLinkedETag)
	if etag == "" {
		etag = resp.Header.Get("Etag")
	}
	etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if !safeName(etag) {
		return fileInfo{}, c.notAHub("no checksum (ETag) that could name a file: %q", etag)
	}
	size := resp.ContentLength
	if linked := resp.Header.Get(headerLinkedSize); linked != "" {
		n, err := strconv.ParseInt(linked, 10, 64)
		if err != nil || n < 0 {
			return fileInfo{}, c.notAHub("the size %q of a file", linked)
		}
		size = n
	} else if resp.StatusCode >= 300 {
		size = -1 // the length is that of the redirection
	}
	return fileInfo{etag, size}, nil
}

// filePath names the commit, not the branch: a push in the middle of a download must
// not mix two versions.
func (c *client) filePath(commit, file string) string {
	parts := []string{c.repo, "resolve", commit}
	for part := range strings.SplitSeq(file, "/") { // of a file in a folder
		parts = append(parts, url.PathEscape(part))
	}
	return path.Join(parts...)
}

// host is the endpoint for messages, without a password that it may carry.
func (c *client) host() string { return brief.Text(c.endpoint.Redacted()) }

// anywhere and atHome say which redirections a request follows.
func anywhere(*url.URL) bool { return true }

// atHome tells whether an address is the endpoint's own: of its scheme, host and port.
// Only such get the token.
func (c *client) atHome(u *url.URL) bool {
	return u.Scheme == c.endpoint.Scheme && strings.EqualFold(u.Hostname(), c.endpoint.Hostname()) && port(u) == port(c.endpoint)
}

// port is that of an address, given or implied.
func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
}

// do sends a request, follows redirections where follow says so, and turns a refusal
// into an error.
func (c *client) do(ctx context.Context, follow func(*url.URL) bool, method, path string, header http.Header) (*http.Response, error) {
	at, err := url.Parse(c.o.Endpoint + "/" + path)
	if err != nil {
		return nil, permanent{fmt.Errorf("%s cannot be asked for %s", c.host(), c.repo)}
	}
	for range maxRedirects {
		resp, err := c.send(ctx, method, at, header)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 400 {
			resp.Body.Close()
			return nil, c.refused(resp)
		}
		next, err := c.redirection(at, resp)
		if err != nil || next == nil || !follow(next) {
			return resp, err
		}
		resp.Body.Close()
		at = next
	}
	return nil, c.notAHub("more than %d redirections", maxRedirects)
}

// maxRedirects is as many as net/http follows.
const maxRedirects = 10

// redirection returns where an answer points to, or nil. The address is not told in
// messages: one into the storage carries a signature, which is as good as a password.
func (c *client) redirection(at *url.URL, resp *http.Response) (*url.URL, error) {
	to := resp.Header.Get("Location")
	if resp.StatusCode < 300 || to == "" {
		return nil, nil
	}
	next, err := at.Parse(to)
	if err != nil || !isAddress(next) {
		resp.Body.Close()
		return nil, c.notAHub("a redirection to what is no address")
	}
	return next, nil
}

// send asks one address. The token, and the password of an endpoint that has one, go
// to the endpoint alone.
func (c *client) send(ctx context.Context, method string, at *url.URL, header http.Header) (*http.Response, error) {
	req := (&http.Request{Method: method, URL: at, Host: at.Host, Header: header.Clone()}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "gopherlens")
	switch password, _ := at.User.Password(); {
	case !c.atHome(at):
	case c.o.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	case at.User != nil:
		req.SetBasicAuth(at.User.Username(), password)
	}
	resp, err := c.net.RoundTrip(req)
	if err != nil {
		return nil, brief.Errorf("%w", err)
	}
	return resp, nil
}
