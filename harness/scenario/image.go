package scenario

import (
	"path/filepath"
	"slices"
)

// Image is a file system for nodes. Its layers come in this order, and a later one covers an earlier one: from, oci,
// packages, files. Packages of images that lie upon one another are resolved together, and are all in the lowest of
// these images that has any: files of that one cover the packages of those above it.
type Image struct {
	// From is the name of another image of the scenario, which lies below this one.
	From string `yaml:"from,omitempty" json:"from,omitempty"`
	// OCI is the path of a container image: an archive that docker save, podman save or skopeo copy has written, or the
	// directory of an OCI layout. Relative to the scenario's file, as all paths on the host are.
	OCI string `yaml:"oci,omitempty" json:"oci,omitempty"`
	// Packages are names of packages of the machine's own distribution, Debian or Ubuntu. What they depend on comes with
	// them; their scripts do not run. A file NAME.lock in the directory images beside the scenario, which ruleout image
	// lock writes, says which versions.
	Packages []string `yaml:"packages,omitempty" json:"packages,omitempty" most:"200"`
	// Files are copied from the host: absolute paths in the image, each with the path of a file or a directory.
	Files map[string]string `yaml:"files,omitempty" json:"files,omitempty" most:"1000"`
}

// Root returns what paths on the host are relative to: the directory of the scenario's file. It is empty for a scenario
// that is from a record.
func (s *Scenario) Root() string { return s.root }

// HostPath returns where a file of an image is on the host.
func (s *Scenario) HostPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.root, path)
}

// PinImages says by which hashes the images of the scenario go, by name: those of a run that is made again.
func (s *Scenario) PinImages(hashes map[string]string) { s.pins = hashes }

// PinnedImage is the hash that an image goes by; empty if what it is made of says which it is.
func (s *Scenario) PinnedImage(name string) string { return s.pins[name] }

// UsedImages returns the names of the images that nodes have, in alphabetical order.
func (s *Scenario) UsedImages() (names []string) {
	for _, n := range s.Nodes {
		if n.Image != "" && !slices.Contains(names, n.Image) {
			names = append(names, n.Image)
		}
	}
	slices.Sort(names)
	return names
}
