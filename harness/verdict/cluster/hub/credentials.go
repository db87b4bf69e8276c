package hub

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Credentials are what a client shows to a server, and how it knows the server. All are paths of files, and may be
// empty.
type Credentials struct {
	CA    string // certificates of authorities, PEM; empty for those of the machine
	Token string // a shared secret, alone on the first line
	NKey  string // the seed of an NKey, as nk -gen user prints it
}

// options for the client.
func (c Credentials) options() (list []nats.Option, err error) {
	if c.CA != "" {
		const hint = "give a file of PEM certificates: --ca FILE"
		b, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, usage(err, hint)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(b) {
			return nil, usage(fmt.Errorf("%s has no certificate", c.CA), hint)
		}
		list = append(list, nats.RootCAs(c.CA))
	}
	if c.Token != "" {
		token, err := secret(c.Token)
		if err != nil {
			return nil, err
		}
		list = append(list, nats.Token(token))
	}
	if c.NKey != "" {
		if err := private(c.NKey, "NKey"); err != nil {
			return nil, err
		}
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, usage(fmt.Errorf("read the NKey in %s: %w", c.NKey, err),
				"it has to have the seed of a user's key, which begins with SU; ruleout worker --new-key FILE makes one")
		}
		list = append(list, o)
	}
	return list, nil
}

func usage(err error, hint string) error { return problem.Wrap(problem.Usage, err, hint) }

// private refuses a file that others may read, as ssh does.
func private(file, what string) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return usage(fmt.Errorf("read the %s: %w", what, err), "")
	case info.Mode().Perm()&0o077 != 0:
		return usage(fmt.Errorf("the %s in %s can be read by others (mode %04o)", what, file, info.Mode().Perm()),
			"chmod 600 "+file)
	}
	return nil
}

// secret reads the first line of a file.
func secret(file string) (string, error) {
	if err := private(file, "token"); err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", usage(err, "give a file with a token on its first line")
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan()
	token := strings.TrimSpace(lines.Text())
	if err := lines.Err(); err != nil {
		return "", usage(fmt.Errorf("read %s: %w", file, err), "")
	}
	if len(token) < mostGuessable {
		return "", usage(fmt.Errorf("the token in %s has %d characters, at least %d are needed", file, len(token),
			mostGuessable), "openssl rand -hex 32 > "+file)
	}
	return token, nil
}

// mostGuessable is the least length of a token, in characters: 128 bits in hexadecimal have 32.
const mostGuessable = 16

// keys reads the public keys that a server lets in, one a line.
func keys(file string) (list []string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(err, "give a file with a public key a line: --nkeys FILE")
	}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		column := 1 + len(line) - len(strings.TrimLeft(line, " \t"))
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !nkeys.IsValidPublicUserKey(line) {
			return nil, usage(fmt.Errorf("%s:%d:%d: this is not the public key of a user", file, number, column),
				"it has 56 characters and begins with U; ruleout worker --new-key FILE prints it. A seed (S…) stays secret")
		}
		list = append(list, line)
	}
	if len(list) == 0 {
		return nil, usage(fmt.Errorf("%s has no key: nobody could connect", file), "write a public key on each line")
	}
	return list, nil
}

// NewKey writes the seed of a new NKey into a file that must not be there, and returns its public key.
func NewKey(file string) (public string, err error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	seed, err := key.Seed()
	if err != nil {
		return "", err
	}
	if public, err = key.PublicKey(); err != nil {
		return "", err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", usage(fmt.Errorf("write a key: %w", err), "a key that is there is never overwritten")
	}
	_, err = f.Write(append(seed, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", problem.Wrap(problem.Machine, errors.Join(fmt.Errorf("write a key: %w", err), os.Remove(file)), "")
	}
	return public, nil
}

// certificate reads that of a server.
func certificate(cert, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, usage(fmt.Errorf("read the certificate: %w", err), "give both, as PEM: --tls-cert FILE --tls-key FILE")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
