package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestAKernelGoesToAnotherStore(t *testing.T) {
	from, to := stocked(t, [2]string{"6.1.0-99", "1"}, [2]string{"6.12.0-100", "1"}), newStore(t)
	list, err := from.List()
	require.NoError(t, err)
	for _, k := range list {
		var parcel bytes.Buffer
		require.NoError(t, k.Pack(&parcel))
		var first *Kernel
		for range 2 { // the second time it is there
			got, err := to.Unpack(t.Context(), k.Hash, bytes.NewReader(parcel.Bytes()))
			require.NoError(t, err)
			require.Equal(t, k.Hash, got.Hash)
			require.Equal(t, k.Release, got.Release)
			require.NoError(t, got.Verify())
			if first != nil {
				require.Equal(t, first.Dir, got.Dir)
			}
			first = got
		}
		same, err := from.Unpack(t.Context(), k.Hash, strings.NewReader("is not read"))
		require.NoError(t, err, "it is there already")
		require.Equal(t, k.Dir, same.Dir)
	}
	there, err := to.List()
	require.NoError(t, err)
	require.Len(t, there, len(list))
}

// The directory of a build has a name of its own.
func TestABuildGoesToAnotherStore(t *testing.T) {
	from, to := stocked(t, [2]string{"6.1.0-99", "1"}), newStore(t)
	k, err := from.Get("6.1.0-99")
	require.NoError(t, err)
	build := filepath.Join(from.Dir(), buildDir("mine", 1))
	require.NoError(t, os.Rename(k.Dir, build))
	k, err = load(build)
	require.NoError(t, err)
	var parcel bytes.Buffer
	require.NoError(t, k.Pack(&parcel))
	got, err := to.Unpack(t.Context(), k.Hash, &parcel)
	require.NoError(t, err)
	require.NoError(t, got.Verify())
}

func TestAKernelThatIsNotTheOneThatWasAskedForIsRefused(t *testing.T) {
	from, to := stocked(t, [2]string{"6.1.0-99", "1"}), newStore(t)
	k, err := from.Get("6.1.0-99")
	require.NoError(t, err)
	var parcel bytes.Buffer
	require.NoError(t, k.Pack(&parcel))
	refused := func(hash, says string, parcel []byte) {
		t.Helper()
		_, err := to.Unpack(t.Context(), hash, bytes.NewReader(parcel))
		require.ErrorContains(t, err, "take in kernel ")
		require.ErrorContains(t, err, says)
		require.Equal(t, problem.Machine, problem.KindOf(err))
		requireEmpty(t, to)
	}
	refused("sha256:"+strings.Repeat("0", 64), "it has hash", parcel.Bytes())
	refused("sha256:../../evil", "is not a hash", parcel.Bytes())
	refused("", "is not a hash", parcel.Bytes())
	refused(k.Hash, "read the parcel", parcel.Bytes()[:parcel.Len()/2])
	refused(k.Hash, "read the parcel", nil)
	to.limits.Total = 10
	refused(k.Hash, "the parcel is too large", parcel.Bytes())
	to.limits = defaultLimits

	config := filepath.Join(k.Dir, configFile) // a bit that nobody looks at
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	text[2] ^= 1
	require.NoError(t, os.WriteFile(config, text, 0o644))
	parcel.Reset()
	require.NoError(t, k.Pack(&parcel))
	refused(k.Hash, "not those that were imported", parcel.Bytes())
}
