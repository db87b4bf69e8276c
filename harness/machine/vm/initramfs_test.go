package vm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// entries reads an archive back.
func entries(t *testing.T, b []byte) (list []string) {
	t.Helper()
	for {
		require.Equal(t, "070701", string(b[:6]))
		field := func(i int) int {
			n, err := strconv.ParseInt(string(b[6+8*i:14+8*i]), 16, 64)
			require.NoError(t, err)
			return int(n)
		}
		require.Zero(t, field(5), "the time is fixed")
		align := func(n int) int { return (n + 3) &^ 3 }
		name := string(b[110 : 110+field(11)-1])
		data := align(110 + field(11))
		if name == "TRAILER!!!" {
			return list
		}
		list = append(list, fmt.Sprintf("%s %o %s", name, field(1), b[data:data+field(6)]))
		b = b[align(data+field(6)):]
	}
}

func TestArchive(t *testing.T) {
	write := func() []byte {
		var b bytes.Buffer
		a := newArchive(&b)
		a.dir("proc")
		a.device("dev/console", 5, 1)
		require.NoError(t, a.bytes("init", []byte("program")))
		require.NoError(t, a.bytes("lib/modules/000-a.ko", []byte("a")))
		require.NoError(t, a.bytes("lib/modules/001-b.ko", nil))
		require.NoError(t, a.close())
		return b.Bytes()
	}
	require.Equal(t, []string{
		"proc 40755 ", "dev 40755 ", "dev/console 20600 ", "init 100755 program",
		"lib 40755 ", "lib/modules 40755 ", "lib/modules/000-a.ko 100755 a", "lib/modules/001-b.ko 100755 ",
	}, entries(t, write()))
	require.Equal(t, hex.EncodeToString(write()), hex.EncodeToString(write()))
}

func TestArchiveNoticesAFileThatChanges(t *testing.T) {
	a := newArchive(io.Discard)
	require.ErrorContains(t, a.file("init", 3, strings.NewReader("four")),
		"add init to the initramfs: it has 4 bytes instead of 3")
}
