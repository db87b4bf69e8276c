package image

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestAnImageGoesToAnotherStore(t *testing.T) {
	from, to := newStore(t), newStore(t)
	i, err := from.Ensure(t.Context(), "web", files(t, "hello"), nil, nil)
	require.NoError(t, err)
	var parcel bytes.Buffer
	require.NoError(t, i.Pack(&parcel))
	for range 2 { // the second time it is there
		got, err := to.Unpack(t.Context(), i.Hash, bytes.NewReader(parcel.Bytes()))
		require.NoError(t, err)
		require.Equal(t, i.Hash, got.Hash)
		want, err := os.ReadFile(i.Path)
		require.NoError(t, err)
		have, err := os.ReadFile(got.Path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have))
	}
	list, err := to.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	garbage, err := to.Garbage(1 << 62)
	require.NoError(t, err)
	require.Empty(t, garbage)
	same, err := from.Unpack(t.Context(), i.Hash, strings.NewReader("is not read"))
	require.NoError(t, err, "it is there already")
	require.Equal(t, i.Path, same.Path)
}

func TestAnImageThatIsNotTheOneThatWasAskedForIsRefused(t *testing.T) {
	from, to := newStore(t), newStore(t)
	i, err := from.Ensure(t.Context(), "web", files(t, "hello"), nil, nil)
	require.NoError(t, err)
	var parcel bytes.Buffer
	require.NoError(t, i.Pack(&parcel))
	refused := func(hash, says string, parcel []byte) {
		t.Helper()
		_, err := to.Unpack(t.Context(), hash, bytes.NewReader(parcel))
		require.ErrorContains(t, err, "take in image ")
		require.ErrorContains(t, err, says)
		require.Equal(t, problem.Machine, problem.KindOf(err))
		requireEmpty(t, to)
	}
	refused("sha256:"+strings.Repeat("0", 64), "it has hash", parcel.Bytes())
	refused("sha256:../../evil", "is not a hash", parcel.Bytes())
	refused(i.Hash, "read the parcel", parcel.Bytes()[:parcel.Len()/2])

	f, err := os.OpenFile(i.Path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{1}, 512) // within the boot block, which no file system has anything in
	require.NoError(t, err)
	require.NoError(t, f.Close())
	parcel.Reset()
	require.NoError(t, i.Pack(&parcel))
	refused(i.Hash, "it has hash", parcel.Bytes())
}
