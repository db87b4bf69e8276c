package pcapng

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Frame is a packet at a point, as a file of [Spool.Write] has it.
type Frame struct {
	// Number in the file, from 1: what tshark calls frame.number.
	Number int
	// Point is its name, as [capture.Point.Name] has it.
	Point string
	// At is the time since the start of the measured window, negative before it.
	At time.Duration
	// Comment says what faults did to the packet; empty for most.
	Comment string
	// Data is the first bytes of the frame. It is valid until the next one is read.
	Data []byte
}

// Read goes through a capture in the order of the file. dropped is how many packets its ring had no room for: all of
// them come after the last one in the file. An error of kind [problem.Usage] says that the file is no whole capture of
// a run; one of each comes back as it was.
func Read(path string, each func(*Frame) error) (dropped int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, problem.Wrap(problem.Usage, fmt.Errorf("read capture: %w", err), "")
	}
	defer f.Close()
	wrong := func(err error) error {
		return problem.Wrap(problem.Usage, fmt.Errorf("read capture %s: %w", path, err),
			"captures are made with --pcap DIR, and end in .pcapng")
	}
	r, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	if err != nil {
		return 0, wrong(err)
	}
	for n := 1; ; n++ {
		data, info, options, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, wrong(err)
		}
		face, err := r.Interface(info.InterfaceIndex)
		if err != nil {
			return 0, wrong(err)
		}
		err = each(&Frame{Number: n, Point: face.Name, At: info.Timestamp.Sub(Epoch),
			Comment: strings.Join(options.Comments, "; "), Data: data})
		if err != nil {
			return 0, err
		}
	}
	for i := range r.NInterfaces() {
		face, err := r.Interface(i)
		if err != nil {
			return 0, wrong(err)
		}
		if n := face.Statistics.PacketsDropped; n != pcapgo.NgNoValue64 {
			dropped += int64(n)
		}
	}
	return dropped, nil
}
