package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/team"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
)

type workerCmd struct {
	URL    string        `arg:"" optional:"" name:"url" help:"nats://HOST:PORT or tls://HOST:PORT." placeholder:"URL"`
	Jobs   int           `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Name   string        `help:"Letters, digits, - and _ (default: the host's name and some digits)." placeholder:"NAME"`
	Wait   time.Duration `help:"Time to wait for a server that is not there yet." placeholder:"DURATION"`
	Idle   time.Duration `help:"End after this time without work (default: never)." placeholder:"DURATION"`
	Format string        `help:"Output: text or json." enum:"text,json" default:"text"`
	NewKey string        `help:"Only write a new NKey's seed, and print the public key." placeholder:"FILE" type:"path"`

	credentialFlags `embed:""`
}

func (*workerCmd) Help() string {
	return `Makes runs for ruleout sweep, diff, nightly run, soak, validate or bisect on another machine: those that were
given --listen or --nats. It serves one after the other, and waits for the next. Kernels and images that it lacks it
gets from there. Runs happen in virtual machines only.

--token-file has the secret on its first line, as at the coordinator. --nkey-file has the seed that --new-key wrote; the
public key, which --new-key prints, is a line of the file that the coordinator has as --nkeys. --ca is needed where this
machine does not trust the authority of the server's certificate.

Guest program and QEMU have to be the same as there, to the byte. The first run of each worker is made by another one,
too, and so is one run in 64; two results end the sweep with an error that names the worker.

Exit status: 0 no work for the time of --idle, 2 the server does not accept the credentials, 3 no server is there, this
machine cannot do it, or its programs are others; 130 interrupted. The runs that it has then are made by others.

Examples:

  ruleout worker nats://127.0.0.1:4222
  ruleout worker tls://coordinator.example:4222 --ca ca.pem --nkey-file worker.seed -j 8
  ruleout worker nats://10.0.0.1:4222 --token-file token --wait 10m --idle 5m
  ruleout worker --new-key worker.seed`
}

// Run carries the command out.
func (c *workerCmd) Run(ctx context.Context, u *ui) error {
	if c.NewKey != "" {
		return c.key(u)
	}
	if c.URL == "" {
		return problem.Wrap(problem.Usage, errors.New("where is the work?"),
			"ruleout worker URL; ruleout sweep --listen prints the URL")
	}
	if err := wire.CheckName(c.Name); c.Name != "" && err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("--name: %w", err), "")
	}
	if c.Jobs < 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("-j %d: at least one run at a time is needed", c.Jobs), "")
	}
	guest, qemu, err := worker.Programs(ctx)
	if err != nil {
		return err
	}
	note := func(text string) { u.note("%s", text) }
	nc, err := hub.Connect(ctx, c.URL, c.credentials(), c.Wait,
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				note("the connection is lost; tries again")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { note("connected again") }))
	if err != nil {
		return err
	}
	defer nc.Close()
	self := team.Self(c.Name, orElse(c.Jobs, runtime.NumCPU()), guest, qemu)
	note("worker " + self.Worker)
	w := worker.Worker{Conn: nc, Self: self, Maker: worker.NewMachines(), Idle: c.Idle, Note: note}
	err = w.Run(ctx)
	if c.Format == formatJSON {
		err = errors.Join(err, u.json(map[string]any{"worker": self.Worker, "runs": w.Made()}))
	}
	if err != nil {
		return err
	}
	return context.Cause(ctx)
}

// key makes a new one.
func (c *workerCmd) key(u *ui) error {
	public, err := hub.NewKey(c.NewKey)
	switch {
	case err != nil:
		return err
	case c.Format == formatJSON:
		return u.json(map[string]string{"file": shorten(c.NewKey), "public_key": public})
	}
	u.printf("%s\n", public)
	return nil
}
