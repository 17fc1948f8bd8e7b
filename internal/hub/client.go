package hub

import (
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
)

// client speaks the few requests that a download needs.
type client struct {
	o    Options
	repo string
	http *http.Client
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
func newClient(repo string, o Options) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	transport.ResponseHeaderTimeout = headerTimeout
	transport.DisableCompression = true // sizes and ranges are those of the file itself
	return &client{o: o, repo: repo, http: &http.Client{Transport: transport}}
}

// repoInfo is what the hub says about a revision.
type repoInfo struct {
	Commit   string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

// info asks for the commit and the list of files of the revision.
func (c *client) info(ctx context.Context) (repoInfo, error) {
	var info repoInfo
	err := c.retry(ctx, func() error {
		resp, err := c.do(ctx, c.http, http.MethodGet, "api/models/"+c.repo+"/revision/"+url.PathEscape(c.o.Revision), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		// 64 MiB are far more than any repository's list, and bound what a wrong server can send.
		err = json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&info)
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return permanent{fmt.Errorf("%s does not answer like a hub (%w): is HF_ENDPOINT right?", c.host(), err)}
		}
		return withoutURL(err)
	})
	if err == nil && !safeName(info.Commit) {
		err = fmt.Errorf("hub: %s does not answer like a hub (no commit): is HF_ENDPOINT right?", c.host())
	}
	return info, err
}

// fileInfo is what the hub says about a file before it is fetched.
type fileInfo struct {
	etag string // the blob's name: SHA-256 of a large file, git's hash of a small one
	size int64  // -1 if unknown
}

// head asks for a file's checksum and size. It follows redirections within the hub
// (a renamed repository) but not to the storage, whose answer says less.
func (c *client) head(ctx context.Context, commit, file string) (fileInfo, error) {
	stay := *c.http
	stay.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if next.URL.Host != via[0].URL.Host || len(via) > 5 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	var info fileInfo
	err := c.retry(ctx, func() error {
		resp, err := c.do(ctx, &stay, http.MethodHead, c.filePath(commit, file), nil)
		if err != nil {
			return err
		}
		resp.Body.Close()
		info, err = readFileInfo(resp)
		return err
	})
	return info, err
}

// readFileInfo prefers the headers about the file itself to those about the answer,
// which for a large file is a redirection.
func readFileInfo(resp *http.Response) (fileInfo, error) {
	etag := resp.Header.Get(headerLinkedETag)
	if etag == "" {
		etag = resp.Header.Get("Etag")
	}
	etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if !safeName(etag) {
		return fileInfo{}, errors.New("the hub gives no checksum (ETag) for the file")
	}
	size := resp.ContentLength
	if linked := resp.Header.Get(headerLinkedSize); linked != "" {
		n, err := strconv.ParseInt(linked, 10, 64)
		if err != nil || n < 0 {
			return fileInfo{}, errors.New("the hub gives a size that is not a number")
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
	return path.Join(c.repo, "resolve", commit, url.PathEscape(file))
}

// host is the endpoint for messages, without a password that it may carry.
func (c *client) host() string {
	if u, err := url.Parse(c.o.Endpoint); err == nil {
		return u.Redacted()
	}
	return "the endpoint"
}

// do sends a request and turns a refusal into an error. The token goes into the
// header; net/http does not pass it on to another host.
func (c *client) do(ctx context.Context, h *http.Client, method, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.o.Endpoint+"/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("HF_ENDPOINT is not a URL: %w", withoutURL(err))
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", "gopherlens")
	if c.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	if resp.StatusCode >= 400 {
		resp.Body.Close()
		return nil, c.refused(resp)
	}
	return resp, nil
}

// withoutURL drops the address from an error of net/http: that of a redirection to
// the storage carries a signature, which is as good as a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
