package hub

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// explain says whose fault it is that a client cannot connect, and what to do.
func explain(at string, err error) error {
	if u, bad := url.Parse(at); bad == nil && u.User != nil {
		at = u.Redacted()
	}
	if text := err.Error(); strings.Contains(at, "@") && !strings.Contains(at, "xxxxx") {
		return usage(errors.New(strings.ReplaceAll(text, at, "the URL")), "write nats://HOST:PORT or tls://HOST:PORT")
	}
	wrap := func(kind problem.Kind, hint string) error {
		return problem.Wrap(kind, fmt.Errorf("connect to %s: %w", at, err), hint)
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &unknown):
		return wrap(problem.Usage, "give the authority that signed the server's certificate: --ca FILE")
	case errors.As(err, &host):
		return wrap(problem.Usage, "use a name that is in the server's certificate")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return wrap(problem.Usage, fmt.Sprintf(
			"the server needs a new certificate (this one was valid until %s), or the clock of this machine is wrong: it is %s",
			invalid.Cert.NotAfter.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)))
	case errors.As(err, &invalid):
		return wrap(problem.Usage, "the server's certificate is not one for a server")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		strings.Contains(err.Error(), "authorization violation"), strings.Contains(err.Error(), "nkeys not supported"):
		return wrap(problem.Usage, "the server knows who may connect: give --nkey-file or --token-file, with what it expects")
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrSecureConnRequired):
		return wrap(problem.Usage, "one end wants TLS, the other does not: write tls://HOST:PORT for a server with a "+
			"certificate, and nats:// for one without")
	case errors.As(err, &dns):
		return wrap(problem.Machine, "the name is not known here: check it, or write an address")
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.As(err, new(*net.OpError)):
		return wrap(problem.Machine, "no server answers there: start ruleout sweep … --listen HOST:PORT first, or wait for "+
			"it with --wait 10m")
	}
	return wrap(problem.Machine, "")
}
