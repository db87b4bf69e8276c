package machine

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAGuestMaySayOnlySoMuch(t *testing.T) {
	var b bytes.Buffer
	l := &limited{to: &b, left: 5}
	n, err := l.Write([]byte("12345"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = l.Write([]byte("6"))
	require.ErrorContains(t, err, "too long")
	require.Equal(t, "12345", b.String())
}
