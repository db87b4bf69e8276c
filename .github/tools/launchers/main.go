// Command launchers checks the launchers that a guide shows: the manifest of Kubernetes, strictly, against the types of
// its API; the unit of systemd by systemd's grammar, and its names; the script of Slurm by bash.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
	batch "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

// fence is a block of code in Markdown, with its language.
var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(files []string) error {
	checks := map[string]func(string) error{"yaml": job, "ini": service, "bash": script}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			if f := checks[m[1]]; f != nil {
				seen[m[1]] = true
				if err := f(m[2]); err != nil {
					line := strings.Count(string(text[:strings.Index(string(text), m[2])]), "\n") + 1
					return fmt.Errorf("%s:%d: %s: %w", file, line, m[1], err)
				}
			}
		}
	}
	if len(seen) < len(checks) {
		return fmt.Errorf("%s: not all of yaml, ini and bash are there: has the guide lost a launcher?",
			strings.Join(files, ", "))
	}
	return nil
}

// job checks an Indexed Job.
func job(text string) error {
	var j batch.Job
	if err := yaml.UnmarshalStrict([]byte(text), &j); err != nil {
		return err
	}
	switch {
	case j.APIVersion != "batch/v1" || j.Kind != "Job":
		return errors.New("it is not a Job of batch/v1")
	case j.Spec.CompletionMode == nil || *j.Spec.CompletionMode != batch.IndexedCompletion:
		return errors.New("backoffLimitPerIndex needs completionMode Indexed")
	case j.Spec.BackoffLimitPerIndex == nil || j.Spec.Template.Spec.RestartPolicy != "Never":
		return errors.New("backoffLimitPerIndex needs restartPolicy Never")
	}
	mounts := map[string]bool{}
	for _, v := range j.Spec.Template.Spec.Volumes {
		mounts[v.Name] = true
	}
	for _, c := range j.Spec.Template.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if !mounts[m.Name] {
				return fmt.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
	}
	return nil
}

// known are the names that the unit may have, see systemd.unit(5), systemd.service(5) and systemd.exec(5).
var known = map[string][]string{
	"Unit": {"Description", "Documentation", "After", "Wants"},
	"Service": {"ExecStart", "LoadCredential", "DynamicUser", "CacheDirectory", "Environment", "Restart", "RestartSec",
		"Nice", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "NoNewPrivileges", "RestrictAddressFamilies"},
	"Install": {"WantedBy"},
}

func service(text string) error {
	options, err := unit.DeserializeOptions(strings.NewReader(text))
	if err != nil {
		return err
	}
	for _, o := range options {
		if !slices.Contains(known[o.Section], o.Name) {
			return fmt.Errorf("[%s] has %s, which this check does not know", o.Section, o.Name)
		}
	}
	return nil
}

func script(text string) error {
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
