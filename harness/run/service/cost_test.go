package service

import (
	"bufio"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// What is drawn has the distribution function 1 - exp(-x), by the distance of Kolmogorov and Smirnov, which is exceeded
// by chance once in a million; and no two neighbours have to do with one another.
func TestCostsAreExponential(t *testing.T) {
	const n = 20_000
	c := costs{drawn: true}
	c.seed.Store(7)
	list, last, product := make([]float64, n), 0., 0.
	for i := range list {
		x := c.next()
		product += (x - 1) * (last - 1)
		list[i], last = x, x
	}
	require.InDelta(t, 0, product/n, 5/math.Sqrt(n), "the covariance, of which the variance is 1/n")
	slices.Sort(list)
	distance := 0.
	for i, x := range list {
		f := 1 - math.Exp(-x)
		distance = max(distance, f-float64(i)/n, float64(i+1)/n-f)
	}
	require.Less(t, distance, math.Sqrt(-math.Log(5e-7)/2/n))
	var plain costs
	require.Equal(t, 1., plain.next())
}

// A change of these numbers changes digests.
func TestGoldenCosts(t *testing.T) {
	c := costs{drawn: true}
	c.seed.Store(1)
	var got []float64
	for range 3 {
		got = append(got, math.Round(c.next()*1e6)/1e6)
	}
	require.Equal(t, []float64{1.385288, 0.465842, 0.576759}, got)
}

// Requests that cost nothing but time before the first byte: as long as what is drawn.
func TestFirstByteIsDrawn(t *testing.T) {
	to, _ := startPHP(t, PHPConfig{Workers: 1, Backlog: 16, FirstByte: 20 * time.Millisecond,
		Spread: scenario.SpreadExponential})
	want := costs{drawn: true} // no beginning was told, and so no seed
	c := dial(t, to)
	in := bufio.NewReader(c)
	for range 5 {
		start := time.Now()
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		r, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.GreaterOrEqual(t, time.Since(start), time.Duration(20e6*want.next()))
	}
}

// In however many pieces, an answer is the same, and the last of a connection says so.
func TestAnswerInPieces(t *testing.T) {
	for _, writes := range []int{0, 2, 16} {
		to, _ := startPHP(t, PHPConfig{Response: 1000, Writes: writes, Nagle: writes == 2, KeepaliveRequests: 2})
		c := dial(t, to)
		in := bufio.NewReader(c)
		for n := range 2 {
			_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			require.NoError(t, err)
			r, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			require.Equal(t, filler(1000), body)
			require.Equal(t, n == 1, r.Close, "the second is the last of its connection")
		}
		_, err := in.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, c.(*net.TCPConn).Close())
	}
}
