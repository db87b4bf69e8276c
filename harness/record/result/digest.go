package result

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// ComputeDigest returns "sha256:…" over the deterministic part of the record.
//
// Left out are the digest itself, the run's id, the provenance and backend (they
// say where the record comes from, not what was measured), the spelling of
// --set, the scenario's text (its hash stands for it) and the wall time. So
// records of two machines, or of two kernels, have equal digests exactly when
// the same things were measured.
func (r *Record) ComputeDigest() (string, error) {
	c := r.deterministic()
	// encoding/json sorts map keys and prints the shortest float that reads back
	// the same, so equal values give equal bytes.
	b, err := json.Marshal(&c)
	if err != nil {
		return "", fmt.Errorf("encode record for its digest: %w", err)
	}
	return Sum(b), nil
}

// deterministic returns a shallow copy without what may differ between repetitions.
func (r *Record) deterministic() Record {
	c := *r
	c.Run, c.Digest, c.Backend = "", "", ""
	c.Provenance = Provenance{}
	c.Scenario.Set, c.Scenario.Canonical = nil, nil
	c.Time.Wall = 0
	return c
}

// RunID returns the id of a run: "sha256:…" of all that determines its outcome.
func RunID(key, scenarioHash string, seed uint64) string {
	return Sum([]byte(key + "\n" + scenarioHash + "\n" + strconv.FormatUint(seed, 10)))
}

// Sum returns the SHA-256 of b as "sha256:" and 64 hexadecimal digits.
func Sum(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

// Short returns the first twelve digits of a "sha256:…" string, enough to tell
// runs apart in a table or a file name.
func Short(sum string) string {
	const prefix = len("sha256:")
	if len(sum) < prefix+12 {
		return sum
	}
	return sum[prefix : prefix+12]
}
