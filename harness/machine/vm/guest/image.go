package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// mountImages mounts the images that the host put into memory, each on a directory of its name.
func mountImages() error {
	data, err := os.ReadFile(frame.ImageFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var places []frame.Place
	if err := json.Unmarshal(data, &places); err != nil {
		return fmt.Errorf("read %s: %w", frame.ImageFile, err)
	}
	devices, err := memoryDevices("/sys/bus/nd/devices")
	if err != nil {
		return err
	}
	for _, p := range places {
		device, ok := devices[p.Start]
		if !ok {
			return fmt.Errorf("image %s: the kernel has no persistent memory at %#x (it has %v)", p.Name, p.Start, devices)
		}
		dir := filepath.Join(frame.ImageDir, p.Name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// The journal is absent and nothing is replayed; with dax, code is executed where it is.
		if err := unix.Mount(device, dir, "ext4", unix.MS_RDONLY, "dax"); err != nil {
			return fmt.Errorf("mount image %s from %s: %w", p.Name, device, err)
		}
	}
	return nil
}

// memoryDevices are the block devices of persistent memory by their physical address. That of region 3 is /dev/pmem3
// (nd_pmem's pmem_attach_disk names it by nvdimm_namespace_disk_name).
func memoryDevices(dir string) (map[uint64]string, error) {
	regions, err := filepath.Glob(filepath.Join(dir, "region*"))
	if err != nil {
		return nil, err
	}
	found := make(map[uint64]string, len(regions))
	for _, region := range regions {
		text, err := os.ReadFile(filepath.Join(region, "resource"))
		if err != nil {
			return nil, fmt.Errorf("look for images: %w", err)
		}
		start, err := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 64)
		if err != nil {
			return nil, fmt.Errorf("look for images: %s: %w", region, err)
		}
		found[start] = "/dev/pmem" + strings.TrimPrefix(filepath.Base(region), "region")
	}
	return found, nil
}
