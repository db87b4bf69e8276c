package hub

import (
	"context"
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

// explain says whose fault it is that a client cannot connect to where [shown] says, and what to do.
func explain(at string, err error) error {
	wrap := func(kind problem.Kind, hint string) error {
		return problem.Wrap(kind, fmt.Errorf("connect to %s: %w", at, err), hint)
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
		dial    *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return wrap(problem.Usage, "give the authority that signed the server's certificate: --ca FILE")
	case errors.As(err, &host):
		return wrap(problem.Usage, "use a name that is in the server's certificate")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return wrap(problem.Usage, fmt.Sprintf(
			"the server needs another certificate (this one is valid from %s to %s), or the clock of this machine is wrong: "+
				"it is %s",
			date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter), date(time.Now())))
	case errors.As(err, &invalid):
		return wrap(problem.Usage, "the server's certificate is not one for a server")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrNkeysNotSupported):
		return wrap(problem.Usage, "the server knows who may connect: give --nkey-file or --token-file, with what it expects")
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrSecureConnRequired):
		return wrap(problem.Usage, "this end wants TLS, and the server has no certificate: write nats://HOST:PORT, "+
			"without --ca")
	case errors.As(err, &dns), errors.Is(err, nats.ErrNoServers) && nameless(at):
		return wrap(problem.Machine, "the name is not known here: check it, or write an address")
	case errors.Is(err, nats.ErrNoServers), errors.As(err, &dial) && dial.Op == "dial":
		return wrap(problem.Machine, "no server answers there: start ruleout sweep … --listen HOST:PORT first, or wait for "+
			"it with --wait 10m")
	}
	return wrap(problem.Machine, "what listens there does not talk as a NATS server does: check the port; one that "+
		"begins with TLS, before a word, is another kind")
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// shown is a URL, or several with commas, without what is secret in them: that may stand before the @.
func shown(at string) (string, error) {
	var list []string
	for part := range strings.SplitSeq(at, ",") {
		part = strings.TrimSpace(part)
		full := part
		if !strings.Contains(part, "://") {
			full = "nats://" + part
		}
		u, err := url.Parse(full)
		if err != nil && strings.Contains(at, "@") { // the error has parts of the URL, and who knows which
			return "", errors.New("the URL of the server cannot be read")
		} else if err != nil {
			return "", err
		}
		switch {
		case u.Scheme != "nats" && u.Scheme != "tls":
			return "", fmt.Errorf("the URL of the server begins with %q", u.Scheme)
		case u.Hostname() == "":
			return "", errors.New("the URL of the server has no host")
		}
		u.User = nil
		list = append(list, u.String())
	}
	return strings.Join(list, ","), nil
}

// nameless reports whether the name of a host is not known. The client takes a resolver that refuses for a server that
// does.
func nameless(at string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for part := range strings.SplitSeq(at, ",") {
		u, err := url.Parse(part)
		if err != nil || net.ParseIP(u.Hostname()) != nil {
			continue
		}
		if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
			return true
		}
	}
	return false
}
