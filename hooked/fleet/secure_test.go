package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"gopherlens/hooked/fleet"
)

// authority signs certificates for a test.
type authority struct {
	t      *testing.T
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, folder: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes a certificate and its key, and writes NAME.pem and NAME-key.pem; without a key of the
// authority's own it signs itself.
func (a *authority) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if a.key != nil {
		parent, signer = a.cert, a.key
	}
	der, err2 := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	secret, err3 := x509.MarshalPKCS8PrivateKey(key)
	made, err4 := x509.ParseCertificate(der)
	err5 := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	err6 := os.WriteFile(a.file(name+"-key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
	for _, err := range []error{err, err2, err3, err4, err5, err6} {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	return made, key
}

func (a *authority) file(name string) string { return filepath.Join(a.folder, name+".pem") }

// TestTLS computes through a server that shows a certificate and asks for one.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.sign("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.sign("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pair, err := tls.LoadX509KeyPair(a.file("server"), a.file("server-key"))
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AddCert(a.cert)
	c := alter(t, func(o *server.Options) {
		o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 10
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known, MinVersion: tls.VersionTLS12}
	})
	root, own := fleet.RootCA(a.file("ca")), fleet.Certificate(a.file("client"), a.file("client-key"))
	m := tiny(t)
	wants(t, failing(t, m, fleet.NATS(c.url())), "name the authority's file (fleet.RootCA")
	wants(t, failing(t, m, fleet.NATS(c.url()), root), "a certificate if the servers ask for one")
	wants(t, failing(t, m, fleet.NATS(c.url()), fleet.RootCA(a.file("server-key")), own), "server-key.pem")
	secureHarvest(t, c, root, own)
}

// TestCredentials computes as a user of an account, as NATS' operators hand them out.
func TestCredentials(t *testing.T) {
	operator, system, account, user := identity(t, nkeys.CreateOperator), identity(t, nkeys.CreateAccount), identity(t, nkeys.CreateAccount), identity(t, nkeys.CreateUser)
	resolver := &server.MemAccResolver{}
	for _, id := range []nkeys.KeyPair{system, account} {
		claims := jwt.NewAccountClaims(public(t, id))
		if id == account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		resolver.Store(claims.Subject, signed(t, claims.Encode, operator))
	}
	claims := jwt.NewOperatorClaims(public(t, operator))
	signed(t, claims.Encode, operator)
	c := alter(t, func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{claims}, resolver, public(t, system)
	})
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(signed(t, jwt.NewUserClaims(public(t, user)).Encode, account), seed)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "lab.creds")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, failing(t, tiny(t), fleet.NATS(c.url())), "the credentials are not those of a user there")
	secureHarvest(t, c, fleet.Credentials(file))
}

// secureHarvest harvests through a server with options that both sides need.
func secureHarvest(t *testing.T, c *cluster, options ...fleet.Option) {
	t.Helper()
	m, folder := tiny(t), t.TempDir()
	rows := rowsOf(t, 20, 9)
	harvest(t, m, rows, config(filepath.Join(folder, "want")))
	hereWorker(t, c.url(), options...)
	f := fleet.New(append(options, fleet.NATS(c.url()))...)
	defer f.Close()
	got := config(filepath.Join(folder, "got"))
	got.On = f
	harvest(t, m, rows, got)
	sameFiles(t, got.Folder, filepath.Join(folder, "want"))
}

func identity(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	id, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func public(t *testing.T, id nkeys.KeyPair) string {
	t.Helper()
	key, err := id.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t *testing.T, encode func(nkeys.KeyPair) (string, error), by nkeys.KeyPair) string {
	t.Helper()
	text, err := encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
