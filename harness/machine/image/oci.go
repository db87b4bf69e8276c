package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// ociImage is an image of the right platform: its configuration, and where its layers are.
type ociImage struct {
	config *v1.ConfigFile
	layers []blob
}

// blob is a layer: a file of the archive, and the hash that it must have as it stands there. The hash is empty in
// archives of docker save, which have only that of the unpacked layer, in the configuration.
type blob struct{ name, sum string }

// addOCI lays an OCI image's layers onto the tree.
func (b *build) addOCI(ctx context.Context, name string) error {
	err := b.openOCI(ctx, name)
	if err == nil || ctx.Err() != nil {
		return err
	}
	err = fmt.Errorf("OCI image %s: %w", name, err)
	if wrapped := b.store.error("make it", err); problem.KindOf(wrapped) != problem.Other {
		return wrapped
	}
	return problem.Wrap(problem.Usage, err, "save the image again, with docker save or skopeo copy, and build anew")
}

func (b *build) openOCI(ctx context.Context, name string) error {
	a, err := openArchive(ctx, name, filepath.Dir(b.spool.f.Name()), b.limits)
	if err != nil {
		return err
	}
	defer a.close() //nolint:errcheck // it was only read
	img, err := a.image()
	if err != nil {
		return err
	}
	if len(img.layers) != len(img.config.RootFS.DiffIDs) {
		return fmt.Errorf("it has %d layers, and its configuration knows of %d", len(img.layers),
			len(img.config.RootFS.DiffIDs))
	}
	for i, l := range img.layers {
		b.tree.layer++
		b.progress(fmt.Sprintf("unpacking layer %d of %d", i+1, len(img.layers)))
		if err := b.addLayer(ctx, a, l, img.config.RootFS.DiffIDs[i]); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	c := img.config.Config
	b.config = Config{Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, WorkDir: c.WorkingDir,
		StopSignal: c.StopSignal,
		Ports:      slices.Sorted(maps.Keys(c.ExposedPorts))}
	return nil
}

// image finds the image for linux/amd64.
func (a *archive) image() (*ociImage, error) {
	index, err := a.json("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return a.dockerImage()
	}
	if err != nil {
		return nil, err
	}
	x, err := v1.ParseIndexManifest(bytes.NewReader(index))
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	var found []v1.Descriptor
	platforms := map[string]bool{}
	if err := a.choose(x, 0, &found, platforms); err != nil {
		return nil, err
	}
	switch {
	case len(found) > 1:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("it holds %d images for linux/amd64", len(found)),
			"save one image in one archive")
	case len(found) == 0 && len(platforms) == 0:
		return nil, errors.New("it holds no image")
	case len(found) == 0:
		return nil, wrongPlatform(slices.Sorted(maps.Keys(platforms)))
	}
	return a.manifest(found[0])
}

func wrongPlatform(have []string) error {
	return problem.Wrap(problem.Usage, fmt.Errorf("it is for %s, and the guest is linux/amd64", strings.Join(have, ", ")),
		"save the image for that platform: docker pull --platform linux/amd64, skopeo copy --override-arch amd64")
}

// choose looks for images of the right platform in an index, and those that it leads to.
func (a *archive) choose(x *v1.IndexManifest, depth int, found *[]v1.Descriptor, platforms map[string]bool) error {
	for _, d := range x.Manifests {
		switch {
		case d.MediaType.IsIndex():
			if depth > 3 {
				return errors.New("its indexes lead to each other")
			}
			text, err := a.verified(d.Digest)
			if err != nil {
				return err
			}
			next, err := v1.ParseIndexManifest(bytes.NewReader(text))
			if err != nil {
				return fmt.Errorf("%s: %w", d.Digest, err)
			}
			if err := a.choose(next, depth+1, found, platforms); err != nil {
				return err
			}
		case d.Platform != nil && d.Platform.OS == "unknown", d.Annotations["vnd.docker.reference.type"] != "":
			// a signature or the like
		case d.Platform == nil, d.Platform.OS == "linux" && d.Platform.Architecture == "amd64":
			if !slices.ContainsFunc(*found, func(o v1.Descriptor) bool { return o.Digest == d.Digest }) {
				*found = append(*found, d)
			}
		default:
			platforms[d.Platform.String()] = true
		}
	}
	return nil
}

// blobName is where a layout has what has a digest.
func blobName(d v1.Hash) (string, error) {
	if d.Algorithm != "sha256" || !sumText.MatchString(d.String()) {
		return "", fmt.Errorf("%q is no SHA-256", d.String())
	}
	return "blobs/sha256/" + d.Hex, nil
}

// verified returns a manifest or a configuration, which has the digest.
func (a *archive) verified(d v1.Hash) ([]byte, error) {
	name, err := blobName(d)
	if err != nil {
		return nil, err
	}
	text, err := a.json(name)
	if err != nil {
		return nil, err
	}
	return text, same(d.Hex, fmt.Sprintf("%x", sha256.Sum256(text)), name)
}

// same makes sure that a part is what it should be.
func same(want, have, name string) error {
	if want != have {
		return fmt.Errorf("%s is damaged or was changed: its digest is sha256:%s instead of sha256:%s", name, have, want)
	}
	return nil
}

func (a *archive) manifest(d v1.Descriptor) (*ociImage, error) {
	text, err := a.verified(d.Digest)
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	text, err = a.verified(m.Config.Digest)
	if err != nil {
		return nil, err
	}
	img := &ociImage{}
	if img.config, err = parseConfig(text); err != nil {
		return nil, err
	}
	for _, l := range m.Layers {
		name, err := blobName(l.Digest)
		if err != nil {
			return nil, err
		}
		img.layers = append(img.layers, blob{name, l.Digest.Hex})
	}
	return img, nil
}

func parseConfig(text []byte) (*v1.ConfigFile, error) {
	c, err := v1.ParseConfigFile(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if c.OS != "linux" || c.Architecture != "amd64" {
		return nil, wrongPlatform([]string{c.OS + "/" + c.Architecture})
	}
	return c, nil
}

// dockerImage reads what docker save wrote before version 25.
func (a *archive) dockerImage() (*ociImage, error) {
	text, err := a.json("manifest.json")
	if err != nil {
		return nil, errors.New("it has neither index.json nor manifest.json: it is no OCI image")
	}
	var list []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(list) != 1 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("it holds %d images", len(list)), "save one image in one archive")
	}
	text, err = a.json(list[0].Config)
	if err != nil {
		return nil, err
	}
	// The file is named after its hash.
	if sum := strings.TrimSuffix(path.Base(list[0].Config), ".json"); sumText.MatchString("sha256:" + sum) {
		if err := same(sum, fmt.Sprintf("%x", sha256.Sum256(text)), list[0].Config); err != nil {
			return nil, err
		}
	}
	img := &ociImage{}
	if img.config, err = parseConfig(text); err != nil {
		return nil, err
	}
	for _, l := range list[0].Layers {
		img.layers = append(img.layers, blob{name: l})
	}
	return img, nil
}

// addLayer lays one layer onto the tree.
func (b *build) addLayer(ctx context.Context, a *archive, l blob, diff v1.Hash) error {
	f, err := a.open(l.name)
	if err != nil {
		return err
	}
	defer f.Close()
	packed := &hashed{in: deb.Until(ctx, f), h: sha256.New()}
	x, _, err := deb.Expand(packed, deb.MaxWindow)
	if err != nil {
		return err
	}
	defer x.Close()
	plain := &hashed{in: deb.Bound(x, b.limits.total), h: sha256.New()}
	err = b.readLayer(plain)
	// The checksum of a compressed stream stands after the last entry.
	for _, rest := range []io.Reader{plain, packed} {
		if _, rerr := io.Copy(io.Discard, rest); err == nil {
			err = rerr
		}
	}
	if l.sum != "" {
		if err := same(l.sum, packed.sum(), l.name); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return same(diff.Hex, plain.sum(), "what it unpacks to")
}

// hashed is a reader that hashes what is read.
type hashed struct {
	in io.Reader
	h  hash.Hash
}

func (r *hashed) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.h.Write(p[:n])
	return n, err
}

func (r *hashed) sum() string { return fmt.Sprintf("%x", r.h.Sum(nil)) }

// Whiteouts take away what a lower layer has, see the OCI image specification, "Whiteouts".
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	aufs     = ".wh..wh."
)

// readLayer reads a layer's entries.
func (b *build) readLayer(r io.Reader) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the tar archive is damaged: %w", err)
		}
		if h.Size > b.limits.size {
			return fmt.Errorf("entry %q claims %d MiB, and an image may have %d: %w", h.Name, h.Size>>20, b.limits.size>>20,
				deb.ErrTooLarge)
		}
		name, err := deb.CleanName(strings.TrimLeft(h.Name, "/"))
		if err != nil && strings.Trim(h.Name, "/") != "" {
			return err
		}
		dir, base := path.Split(name)
		switch {
		case base == opaque:
			if n := b.tree.get(dir); n != nil && n.kind == 'd' {
				b.tree.clear(n)
			}
		case strings.HasPrefix(base, aufs):
		case strings.HasPrefix(base, whiteout):
			b.tree.remove(dir + strings.TrimPrefix(base, whiteout))
		case special(h.Typeflag) && strings.HasPrefix(name, "dev/"): // each node has its own /dev
		case h.Typeflag == tar.TypeXGlobalHeader:
		default:
			if err := b.addEntry(name, h, t, "OCI", false); err != nil {
				return err
			}
		}
	}
}

// special tells whether an entry is a device or a pipe.
func special(t byte) bool { return t == tar.TypeChar || t == tar.TypeBlock || t == tar.TypeFifo }
