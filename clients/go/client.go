// Package reverie is a client for Reverie, feature visualization as a service: it renders the picture that excites a unit
// of a neural network most.
//
// The messages are those of the protocol, in package reveriev1. Client adds how to connect, typed errors, retries,
// deadlines and iterators; its field Stub has every call of the service, with the same errors.
package reverie

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

const (
	defaultPort    = "50051"
	defaultTimeout = time.Minute
	// A picture of 2048 pixels a side is 50 MB as raw numbers; gRPC's own limit is 4.
	maxMessageBytes = 256 << 20
)

//go:embed service_config.json
var serviceConfig string

// Options say how to reach a server. The zero value suits a server on this machine.
type Options struct {
	// TLS is used for every address but this machine's, and if one of these files, in PEM form, is given: the authorities
	// to trust in place of the system's, and the client's own certificate with its key.
	CA, Cert, Key string
	// TLS forces it for this machine; Plaintext does without it for another one.
	TLS, Plaintext bool
	// Token is an API key. It is refused where it would travel in plaintext to another machine.
	Token string
	// Timeout is the deadline of calls whose context has none, a minute if it is 0. The watch of a job has none.
	Timeout time.Duration
	// NoRetries makes every call once; otherwise one that finds no server or a full one is made up to four times.
	NoRetries bool
	// Dial has further options of gRPC, such as interceptors.
	Dial []grpc.DialOption
}

// Client is a connection to a server, for any number of goroutines.
type Client struct {
	// Stub has every call of the service.
	Stub pb.VisualizationServiceClient
	conn *grpc.ClientConn
}

// Connect returns a client of the server at HOST:PORT or unix:/PATH. The first call opens the connection.
func Connect(address string, o Options) (*Client, error) {
	target, near, err := resolve(address)
	if err != nil {
		return nil, err
	}
	secure := o.TLS || o.CA != "" || o.Cert != "" || o.Key != ""
	if secure && o.Plaintext {
		return nil, fmt.Errorf("reverie: Plaintext and options of TLS contradict each other: leave one out")
	}
	secure = secure || !near && !o.Plaintext
	if o.Token != "" && !secure && !near {
		return nil, fmt.Errorf("reverie: the key would travel to %s in plaintext: use TLS, or a tunnel to this machine", address)
	}
	transport := insecure.NewCredentials()
	if secure {
		if transport, err = o.credentials(); err != nil {
			return nil, err
		}
	}
	config := serviceConfig
	if o.NoRetries {
		config = "{}"
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(config),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes)),
		grpc.WithChainUnaryInterceptor(o.unary),
		grpc.WithChainStreamInterceptor(o.stream),
	}, o.Dial...)...)
	if err != nil {
		return nil, fmt.Errorf("reverie: %q cannot be reached: %w", address, err)
	}
	return &Client{pb.NewVisualizationServiceClient(conn), conn}, nil
}

// Close ends the connection, and with it the calls in progress.
func (c *Client) Close() error { return c.conn.Close() }

func resolve(address string) (target string, near bool, err error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok && path != "" {
		return address, true, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), defaultPort
	}
	ip := net.ParseIP(host)
	if host == "" || strings.ContainsAny(host, " /@") || strings.Contains(host, ":") && ip == nil {
		return "", false, fmt.Errorf("reverie: %q is not an address: write HOST:PORT or unix:/PATH", address)
	}
	return net.JoinHostPort(host, port), host == "localhost" || ip != nil && ip.IsLoopback(), nil
}

func (o *Options) credentials() (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		config.RootCAs = x509.NewCertPool()
		if err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reverie: %s cannot be read as certificates in PEM form: %v", o.CA, err)
		}
	}
	if o.Cert != "" || o.Key != "" {
		own, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("reverie: certificate %q with key %q cannot be used: %w", o.Cert, o.Key, err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}
