package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

func newCodec(t testing.TB) *wire.Codec {
	c, err := wire.NewCodec()
	require.NoError(t, err)
	return c
}

// record is one whose digest and id are its own.
func record(seed uint64, metrics map[string]result.Metric) *result.Record {
	r := &result.Record{Schema: result.Schema, Seed: seed, Backend: "vm", Valid: true, Metrics: metrics,
		Scenario:   result.Scenario{Name: "test", Hash: "sha256:scenario", Canonical: json.RawMessage(`{}`)},
		Provenance: result.Provenance{Guest: "sha256:guest", Key: "sha256:key"}}
	r.Run = result.RunID(r.Provenance.Key, r.Scenario.Hash, seed)
	r.Digest, _ = r.ComputeDigest() // a number that JSON does not have is for the test to find
	return r
}

// packed is any text, compressed as a record is.
func packed(t testing.TB, text []byte) []byte {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer z.Close()
	return z.EncodeAll(text, nil)
}

func TestOutcomesComeAsTheyWent(t *testing.T) {
	c := newCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
		o := &wire.Outcome{Worker: name.Draw(t, "worker"), Lease: rapid.Uint64().Draw(t, "lease"),
			Index: rapid.Int().Draw(t, "index"), Seed: rapid.Uint64().Draw(t, "seed"), Check: rapid.Bool().Draw(t, "check")}
		var r *result.Record
		if rapid.Bool().Draw(t, "broke") {
			o.Trouble = &wire.Trouble{Kind: problem.Kind(rapid.IntRange(1, 4).Draw(t, "kind")),
				Text: rapid.String().Draw(t, "text"), Hint: rapid.String().Draw(t, "hint"), Place: rapid.String().Draw(t, "place")}
		} else {
			r = record(o.Seed, rapid.MapOf(name, rapid.Map(rapid.Float64(), func(v float64) result.Metric {
				return result.Metric{Value: v}
			})).Draw(t, "metrics"))
		}
		message, beside, err := c.Outcome(o, r)
		require.NoError(t, err)
		require.Zero(t, len(beside))
		got, rest, err := c.Open(message)
		require.NoError(t, err)
		require.Equal(t, o, got)
		if r == nil {
			require.Empty(t, rest)
			return
		}
		back, err := c.Record(rest)
		require.NoError(t, err)
		want, err := json.Marshal(r)
		require.NoError(t, err)
		text, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text))
	})
}

// large is a record with so many bytes that hardly become fewer than half.
func large(seed uint64, size int) *result.Record {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, size)
	for i := range text {
		text[i] = "0123456789abcdef"[random.IntN(16)]
	}
	r := record(seed, nil)
	r.Scenario.Canonical = json.RawMessage(fmt.Sprintf("%q", text))
	return r
}

func TestARecordThatIsTooLargeForAMessageGoesBesideIt(t *testing.T) {
	c := newCodec(t)
	r := large(7, 2<<20)
	o := &wire.Outcome{Worker: "a", Seed: 7}
	message, beside, err := c.Outcome(o, r)
	require.NoError(t, err)
	require.Zero(t, len(message))
	require.Greater(t, len(beside), wire.MostMessage)
	back, err := c.Record(beside)
	require.NoError(t, err)
	require.Equal(t, r.Digest, back.Digest)
	o.Object = "beside"
	message, beside, err = c.Outcome(o, r)
	require.NoError(t, err)
	require.Zero(t, len(beside))
	got, rest, err := c.Open(message)
	require.NoError(t, err)
	require.Equal(t, "beside", got.Object)
	require.Empty(t, rest)
}

func TestARecordThatNobodyWouldReadIsNotSent(t *testing.T) {
	c := newCodec(t)
	_, _, err := c.Outcome(&wire.Outcome{}, large(1, result.MostBytes))
	require.ErrorContains(t, err, "at most")
	_, _, err = c.Outcome(&wire.Outcome{}, record(1, map[string]result.Metric{"m": {Value: math.NaN()}}))
	require.ErrorContains(t, err, "encode record")
}

func TestARecordThatIsNotWhatItSaysIsRefused(t *testing.T) {
	c := newCodec(t)
	for name, of := range map[string]struct {
		change func(*result.Record)
		says   string
	}{
		"value":      {func(r *result.Record) { r.Metrics["m"] = result.Metric{Value: 2} }, "says that its digest is"},
		"digest":     {func(r *result.Record) { r.Digest = "sha256:" + strings.Repeat("0", 64) }, "says that its digest is"},
		"no digest":  {func(r *result.Record) { r.Digest = "" }, "says that its digest is"},
		"run":        {func(r *result.Record) { r.Run = "sha256:" + strings.Repeat("0", 64) }, "says that it is of run"},
		"provenance": {func(r *result.Record) { r.Provenance.Key = "sha256:other" }, "says that it is of run"},
		"schema":     {func(r *result.Record) { r.Schema = 99 }, "schema 99"},
		"name":       {func(r *result.Record) { r.Scenario.Name = "../../etc" }, "is not a scenario's name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(3, map[string]result.Metric{"m": {Value: 1}})
			of.change(r)
			b, err := json.Marshal(r)
			require.NoError(t, err)
			_, err = c.Record(packed(t, b))
			require.ErrorContains(t, err, of.says)
		})
	}
}

func TestOutcomesThatAreNone(t *testing.T) {
	c := newCodec(t)
	whole, _, err := c.Outcome(&wire.Outcome{Worker: "a"}, record(1, nil))
	require.NoError(t, err)
	for name, message := range map[string][]byte{
		"nothing":      {},
		"three bytes":  {1, 2, 3},
		"long head":    {255, 255, 255, 255, '{', '}'},
		"no JSON":      {2, 0, 0, 0, '{', '{'},
		"other types":  append([]byte{13, 0, 0, 0}, `{"worker": 1}`...),
		"cut off head": whole[:20],
		"too long":     append(bytes.Clone(whole), make([]byte, wire.MostMessage)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := c.Open(message)
			require.Error(t, err)
		})
	}
	for cut := range len(whole) {
		if _, rest, err := c.Open(whole[:cut]); err == nil {
			_, err = c.Record(rest)
			require.Error(t, err, "%d bytes of %d", cut, len(whole))
		}
	}
}

// A bomb of 100 bytes in one frame, and one of many that are small enough each.
func TestABombIsRefusedInBoundedMemory(t *testing.T) {
	c := newCodec(t)
	frame := packed(t, make([]byte, 16<<20))
	var stream bytes.Buffer // whose frame does not say how large it is
	z, err := zstd.NewWriter(&stream)
	require.NoError(t, err)
	for range 256 {
		_, err := z.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	for name, bomb := range map[string][]byte{
		"one":    packed(t, make([]byte, 256<<20)),
		"many":   bytes.Repeat(frame, 16),
		"stream": stream.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(bomb), wire.MostMessage)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := c.Record(bomb)
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, "unpack record")
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*result.MostBytes))
		})
	}
}

// Objects and names cost more memory than they have bytes.
func TestARecordOfManyObjectsIsRefused(t *testing.T) {
	c := newCodec(t)
	text := `{"schema":1,"metrics":{` + strings.Repeat(`"a":{},`, 1_000_000) + `"b":{}}}`
	_, err := c.Record(packed(t, []byte(text)))
	require.ErrorContains(t, err, "at most")
}

func FuzzOutcome(f *testing.F) {
	c := newCodec(f)
	whole, _, err := c.Outcome(&wire.Outcome{Worker: "a", Seed: 1}, record(1, map[string]result.Metric{"m": {Value: 1}}))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{2, 0, 0, 0, '{', '}'})
	f.Add(append([]byte{2, 0, 0, 0, '{', '}'}, packed(f, []byte(`{"schema":1}`))...))
	f.Fuzz(func(t *testing.T, message []byte) {
		o, rest, err := c.Open(message)
		if err != nil {
			return
		}
		r, err := c.Record(rest)
		if err != nil {
			return
		}
		digest, err := r.ComputeDigest()
		require.NoError(t, err)
		require.Equal(t, digest, r.Digest)
		_, _, err = c.Outcome(o, r)
		require.NoError(t, err)
	})
}
