package fleet_test

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// cluster is some nats-servers in this process, which talk to each other over the loopback.
type cluster struct {
	t       testing.TB
	options []*server.Options
	servers []*server.Server
}

// freePorts are ports that nobody listened at a moment ago.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// startCluster begins n servers that are one JetStream.
func startCluster(t testing.TB, n int) *cluster {
	t.Helper()
	c := &cluster{t: t, servers: make([]*server.Server, n)}
	ports, folder := freePorts(t, 2*n), t.TempDir()
	var routes []*url.URL
	for i := range n {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[n+i])})
	}
	for i := range n {
		o := &server.Options{ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: ports[i], JetStream: true,
			StoreDir: filepath.Join(folder, fmt.Sprint(i)), NoSigs: true, NoLog: true}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[n+i]}
			o.Routes = routes
		}
		c.options = append(c.options, o)
	}
	for i := range n {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range n {
			c.stop(i)
		}
	})
	c.wait()
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	s, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		c.t.Fatal("the server does not start")
	}
	c.servers[i] = s
}

func (c *cluster) stop(i int) {
	if c.servers[i] != nil {
		c.servers[i].Shutdown()
		c.servers[i].WaitForShutdown()
		c.servers[i] = nil
	}
}

// wait waits until the servers have found each other and elected one of them.
func (c *cluster) wait() {
	c.t.Helper()
	for start := time.Now(); len(c.servers) > 1; time.Sleep(20 * time.Millisecond) {
		leaders, peers := 0, 0
		for _, s := range c.servers {
			if s != nil && s.JetStreamIsLeader() {
				leaders++
				peers = len(s.JetStreamClusterPeers())
			}
		}
		if leaders == 1 && peers == len(c.servers) {
			return
		}
		if time.Since(start) > 30*time.Second {
			c.t.Fatalf("%d leaders and %d peers after 30 s", leaders, peers)
		}
	}
}

func (c *cluster) url() string {
	var urls []string
	for _, o := range c.options {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(urls, ",")
}
