package topology

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Offloads are switched off on all four devices of a link and read back, so that what
// crosses a wire is what would cross a real one.
//
//   - Segmentation (TSO, GSO, their UDP and tunnel relatives) and its reverse (GRO, LRO):
//     else one "packet" is up to 64 kB of segments, lost or doubled as one. TCP still hands
//     super-packets to its device, but the device's entry cuts them up, before the wire.
//   - Checksums, both ways: a veth that offers them passes packets on with a checksum that
//     is not filled in. Loss and copies would not care, but captures would show every
//     packet as broken. With them off, sender and receiver compute as without a clever
//     card. BenchmarkTransfer says what that costs.
//   - Scatter-gather goes with the checksums: the kernel allows it only beside them.
//
// Names are the kernel's (netdev_features_strings in net/ethtool/common.c).
var offloads = []string{
	"tx-checksum-", "rx-checksum",
	"tx-scatter-gather",
	"tx-tcp", "tx-udp", "tx-sctp", "tx-gso", "tx-generic-segmentation",
	"tx-gre", "tx-ipxip", "tx-tunnel", "tx-esp-segmentation", "tx-fcoe-segmentation",
	"rx-gro", "rx-lro", "rx-udp-gro",
}

func isOffload(feature string) bool {
	for _, prefix := range offloads {
		if strings.HasPrefix(feature, prefix) {
			return true
		}
	}
	return false
}

// From include/uapi/linux/ethtool.h.
const (
	ethtoolGStrings   = 0x1b
	ethtoolGSSetInfo  = 0x37
	ethtoolGFeatures  = 0x3a
	ethtoolSFeatures  = 0x3b
	setFeatures       = 4  // ETH_SS_FEATURES
	stringLength      = 32 // ETH_GSTRING_LEN
	setBlock          = 8  // struct ethtool_set_features_block
	getBlock          = 16 // struct ethtool_get_features_block: available, requested, active, never_changed
	featuresHeader    = 8
	featureStringsMax = 1024
)

// ethtool carries out one SIOCETHTOOL for a device in the namespace of any socket. A netlink
// socket will do: what its own ioctl does not know goes to the device (sock_do_ioctl).
func ethtool(socket int, device string, data []byte) error {
	var request struct {
		name [unix.IFNAMSIZ]byte
		data uintptr
		_    [16]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], device)
	request.data = uintptr(unsafe.Pointer(&data[0]))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(data)
	if errno != 0 {
		return errno
	}
	return nil
}

// featureNames lists the kernel's features in the order of their bits.
func featureNames(socket int, device string) ([]string, error) {
	info := make([]byte, 20)
	binary.NativeEndian.PutUint32(info, ethtoolGSSetInfo)
	binary.NativeEndian.PutUint64(info[8:], 1<<setFeatures)
	if err := ethtool(socket, device, info); err != nil {
		return nil, os.NewSyscallError("count features", err)
	}
	n := binary.NativeEndian.Uint32(info[16:])
	if n == 0 || n > featureStringsMax {
		return nil, fmt.Errorf("count features: the kernel says %d", n)
	}
	list := make([]byte, 12+n*stringLength)
	binary.NativeEndian.PutUint32(list, ethtoolGStrings)
	binary.NativeEndian.PutUint32(list[4:], setFeatures)
	binary.NativeEndian.PutUint32(list[8:], n)
	if err := ethtool(socket, device, list); err != nil {
		return nil, os.NewSyscallError("list features", err)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = unix.ByteSliceToString(list[12+i*stringLength:][:stringLength])
	}
	return names, nil
}

// offloadMask is the set of bits that stand for offloads, a word for each 32 features.
func offloadMask(names []string) []uint32 {
	mask := make([]uint32, (len(names)+31)/32)
	for i, name := range names {
		if isOffload(name) {
			mask[i/32] |= 1 << (i % 32)
		}
	}
	return mask
}

// activeOffloads reads which of the masked features are on, and which of these could be switched off.
func activeOffloads(socket int, device string, mask []uint32) (active, mutable []uint32, err error) {
	get := make([]byte, featuresHeader+len(mask)*getBlock)
	binary.NativeEndian.PutUint32(get, ethtoolGFeatures)
	binary.NativeEndian.PutUint32(get[4:], uint32(len(mask)))
	if err := ethtool(socket, device, get); err != nil {
		return nil, nil, os.NewSyscallError("read features", err)
	}
	active, mutable = make([]uint32, len(mask)), make([]uint32, len(mask))
	for i := range mask {
		block := get[featuresHeader+i*getBlock:]
		available := binary.NativeEndian.Uint32(block)
		on := binary.NativeEndian.Uint32(block[8:])
		never := binary.NativeEndian.Uint32(block[12:])
		active[i] = on & mask[i]
		mutable[i] = mask[i] & available &^ never
	}
	return active, mutable, nil
}

// disableOffloads switches the masked features off and reads that they are.
func disableOffloads(socket int, device string, names []string, mask []uint32) error {
	_, mutable, err := activeOffloads(socket, device, mask)
	if err != nil {
		return err
	}
	set := make([]byte, featuresHeader+len(mask)*setBlock)
	binary.NativeEndian.PutUint32(set, ethtoolSFeatures)
	binary.NativeEndian.PutUint32(set[4:], uint32(len(mask)))
	for i := range mask {
		// valid; requested stays 0
		binary.NativeEndian.PutUint32(set[featuresHeader+i*setBlock:], mutable[i])
	}
	if err := ethtool(socket, device, set); err != nil {
		return os.NewSyscallError("set features", err)
	}
	active, _, err := activeOffloads(socket, device, mask)
	if err != nil {
		return err
	}
	if on := named(names, active); len(on) > 0 {
		return fmt.Errorf("still on: %s", strings.Join(on, ", "))
	}
	return nil
}

func named(names []string, bits []uint32) []string {
	var on []string
	for i, name := range names {
		if bits[i/32]&(1<<(i%32)) != 0 {
			on = append(on, name)
		}
	}
	return on
}

// switchOffloadsOff does so on every device of every link.
func (b *builder) switchOffloadsOff(ctx context.Context) error {
	var names []string
	var mask []uint32
	for _, l := range b.links {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for _, e := range l.Ends {
			for _, d := range []struct {
				node   *Node
				device string
			}{{e.Node, e.Device}, {l.Wire, e.WireDevice}} {
				var err error
				if names == nil {
					if names, err = featureNames(d.node.route.fd, d.device); err == nil {
						mask = offloadMask(names)
					}
				}
				if err == nil {
					err = disableOffloads(d.node.route.fd, d.device, names, mask)
				}
				if err != nil {
					err = fmt.Errorf("switch offloads off on %s/%s: %w", d.node.Name, d.device, err)
					if errors.Is(err, unix.EPERM) {
						return problem.Wrap(problem.Machine, err, "this needs the capability CAP_NET_ADMIN")
					}
					return err
				}
			}
		}
	}
	return nil
}
