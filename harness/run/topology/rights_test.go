package topology_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/topology"
)

// buildAndClose runs in a child and answers in one line: ok, or kind, hint and error.
func buildAndClose() error {
	if limit := os.Getenv(namespaceLimit); limit != "" {
		if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte(limit), 0); err != nil {
			return err
		}
	}
	n, err := topology.Build(context.Background(), sixByFive())
	if err == nil {
		err = n.Close()
	}
	if err != nil {
		fmt.Printf("%d|%s|%v\n", problem.KindOf(err), problem.HintOf(err), err)
		return nil
	}
	// Here threads cannot go home, and must have ended.
	namespaces, err := threadNamespaces()
	if err != nil {
		return err
	}
	if len(namespaces) != 1 {
		return fmt.Errorf("threads are in %v", namespaces)
	}
	fmt.Println("ok")
	return nil
}

// inUserNamespace makes a child root of a user namespace of its own, which gives it no
// rights outside of it.
func inUserNamespace(t *testing.T, limit string) string {
	t.Helper()
	c := self("build")
	if limit != "" {
		c.Env = append(c.Env, namespaceLimit+"="+limit)
	}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.Output()
	if err != nil && (strings.Contains(err.Error(), "operation not permitted") ||
		strings.Contains(err.Error(), "no space left")) {
		t.Skipf("this machine allows no user namespaces: %v", err)
	}
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// namespaceLimit is a variable for the child: how many network namespaces it may have.
const namespaceLimit = "RULEOUT_TOPOLOGY_TEST_LIMIT"

func TestUnprivilegedInAUserNamespace(t *testing.T) {
	require.Equal(t, "ok", inUserNamespace(t, ""))
}

func TestTooManyNamespaces(t *testing.T) {
	require.Equal(t, "3|there are too many: raise the sysctl user.max_net_namespaces|"+
		"create web: create network namespace: no space left on device", inUserNamespace(t, "5"))
}

func TestWithoutRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a process as somebody else")
	}
	c := self("build")
	c.Path = copyOfSelf(t)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	kind, rest, _ := strings.Cut(strings.TrimSpace(string(out)), "|")
	require.Equal(t, fmt.Sprint(int(problem.Machine)), kind)
	hint, text, _ := strings.Cut(rest, "|")
	require.Contains(t, hint, "CAP_SYS_ADMIN")
	require.Equal(t, "create client: create network namespace: operation not permitted", text)
}

// copyOfSelf is this test binary where every user can read it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "ruleout")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	path := dir + "/test"
	require.NoError(t, os.WriteFile(path, data, 0o755))
	return path
}
