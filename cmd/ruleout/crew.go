package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/team"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// crewFlags are who makes the runs besides this machine.
type crewFlags struct {
	Listen string `help:"Let workers (ruleout worker) connect to this address, and make runs too." placeholder:"HOST:PORT"`
	NATS   string `name:"nats" help:"Let workers make runs too, by way of a NATS server with JetStream." placeholder:"URL"`

	TLSCert  string `name:"tls-cert" help:"Of --listen: certificate, PEM." placeholder:"FILE" type:"path" complete:"file"`
	TLSKey   string `name:"tls-key" help:"Of --listen: its key, PEM." placeholder:"FILE" type:"path" complete:"file"`
	NKeys    string `name:"nkeys" help:"Of --listen: the workers' NKeys." placeholder:"FILE" type:"path" complete:"file"`
	Insecure bool   `help:"Of --listen: listen on any address without a certificate, and let everybody in."`
	NoLocal  bool   `help:"Make no run on this machine."`

	credentialFlags `embed:""`

	Silence time.Duration `hidden:"" default:"30s" help:"Silence of a worker after which its runs go to another one."`
}

// credentialFlags are what a client shows to a server.
type credentialFlags struct {
	CA        string `name:"ca" help:"Trusted authorities, PEM." placeholder:"FILE" type:"path" complete:"file"`
	TokenFile string `help:"File of the secret that all share." placeholder:"FILE" type:"path" complete:"file"`
	NKeyFile  string `name:"nkey-file" help:"File of an NKey's seed." placeholder:"FILE" type:"path" complete:"file"`
}

func (c *credentialFlags) credentials() hub.Credentials {
	return hub.Credentials{CA: c.CA, Token: c.TokenFile, NKey: c.NKeyFile}
}

// others reports whether workers elsewhere may make runs.
func (c *crewFlags) others() bool { return c.Listen != "" || c.NATS != "" }

// crew is a team with the context of its runs.
type crew struct {
	*team.Team
	//nolint:containedctx // it ends when the team finds that its results cannot be trusted
	ctx  context.Context
	stop context.CancelCauseFunc
}

// open puts those together who make runs. repeats says that runs are made again on purpose.
func (c *crewFlags) open(ctx context.Context, u *ui, fleet *sweep.Fleet, name string, jobs int,
	repeats bool) (*crew, error) {
	jobs = orElse(jobs, runtime.NumCPU())
	if c.NoLocal {
		jobs = 0
	}
	switch {
	case c.Listen != "" && c.NATS != "":
		return nil, problem.Wrap(problem.Usage, errors.New("--listen and --nats: a sweep has one queue"),
			"leave out --listen: workers connect to the server of --nats, too")
	case c.NoLocal && !c.others():
		return nil, problem.Wrap(problem.Usage, errors.New("--no-local leaves no worker for the runs"),
			"add --listen HOST:PORT or --nats URL")
	case c.Silence < time.Second:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("--silence %s: less than a second", c.Silence), "")
	}
	ctx, stop := context.WithCancelCause(ctx)
	o := team.Options{
		Fleet: fleet, Name: name, Jobs: jobs, URL: c.NATS, Credentials: c.credentials(), Silence: c.Silence, Repeats: repeats,
		Hub:  hub.Options{Listen: c.Listen, Cert: c.TLSCert, Key: c.TLSKey, NKeys: c.NKeys, Insecure: c.Insecure},
		Fail: stop, Note: func(text string) { u.note("%s", text) },
	}
	if c.NATS == "" {
		o.Hub.Token = c.TokenFile
	}
	t, err := team.Open(ctx, o)
	if err != nil {
		stop(nil)
		return nil, err
	}
	if url := t.URL(); url != "" {
		u.note("workers connect with: ruleout worker %s", url)
	}
	return &crew{t, ctx, stop}, nil
}

// settled waits until the last results are compared, unless there is an error already.
func (c *crew) settled(err error) error {
	if err != nil {
		return err
	}
	return c.Settle(c.ctx)
}

// Close ends it.
func (c *crew) Close() {
	c.Team.Close()
	c.stop(nil)
}

// workers says who takes part, and how fast, if there are others than this machine.
func (c *crew) workers() (text string) {
	list := c.Workers()
	if len(list) < 2 {
		return ""
	}
	for i, w := range list {
		if i == 8 {
			return text + fmt.Sprintf(" and %d more", len(list)-i)
		}
		sep := ", "
		if i == 0 {
			sep = "; " + quantity.Plural(int64(len(list)), "worker") + ": "
		}
		text += fmt.Sprintf("%s%s %.2f/s", sep, w.ID, w.Rate)
	}
	return text
}
