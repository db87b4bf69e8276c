package topology

import (
	"encoding/binary"
	"strings"
)

// OffloadChecksums switches the checksum offload of all veths of a network on again, for comparison.
func OffloadChecksums(n *Network) error {
	for _, l := range n.Links() {
		for _, e := range l.Ends {
			for _, d := range []struct {
				node   *Node
				device string
			}{{e.Node, e.Device}, {l.Wire, e.WireDevice}} {
				err := d.node.Do(func() error {
					s, err := openRouteSocket()
					if err != nil {
						return err
					}
					defer s.close()
					names, err := featureNames(s.fd, d.device)
					if err != nil {
						return err
					}
					set := make([]byte, featuresHeader+(len(names)+31)/32*setBlock)
					binary.NativeEndian.PutUint32(set, ethtoolSFeatures)
					binary.NativeEndian.PutUint32(set[4:], uint32((len(names)+31)/32))
					for i, name := range names {
						if strings.HasPrefix(name, "tx-checksum-ip-generic") || name == "rx-checksum" || name == "tx-scatter-gather" {
							for _, at := range []int{0, 4} { // valid, requested
								word := set[featuresHeader+i/32*setBlock+at:]
								binary.NativeEndian.PutUint32(word, binary.NativeEndian.Uint32(word)|1<<(i%32))
							}
						}
					}
					return ethtool(s.fd, d.device, set)
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
