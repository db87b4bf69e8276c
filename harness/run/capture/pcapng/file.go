package pcapng

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// Epoch is the time in the files at which the measured window starts: midnight, so that the time of day is that within
// the window, on a day that no reader takes for the real one.
var Epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Origin is where the packets come from.
type Origin struct {
	Tool, Kernel, Machine string
	Backend               string
	Seed                  uint64
	Run, Digest           string
}

// wireFile is the pcapng file of one link.
type wireFile struct {
	scenario *scenario.Scenario
	link     int
	snap     int
	origin   Origin
	begin    int64
	wire     capture.Wire
	raw      io.ReaderAt
	points   []capture.Point
}

// touch is a packet that a fault chose.
type touch struct {
	side    int
	id      uint32
	point   int
	ordinal uint64
}

func (t touch) compare(o touch) int {
	if t.side != o.side {
		return t.side - o.side
	}
	return int(int64(t.id) - int64(o.id))
}

// events reads the ring from its beginning.
func (f *wireFile) events() *capture.Reader {
	return capture.NewReader(io.NewSectionReader(f.raw, 0, f.wire.Size))
}

// touches lists the packets that faults chose, by packet, and counts the events of each point. The
// events of one packet stay in their order.
func (f *wireFile) touches(ctx context.Context) (list []touch, kept []int64, err error) {
	kept = make([]int64, len(f.points))
	r := f.events()
	for n := 0; ; n++ {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && e.Point >= len(f.points) {
			err = fmt.Errorf("there is no point %d", e.Point)
		}
		if err == nil && n%4096 == 0 {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, nil, err
		}
		kept[e.Point]++
		if p := &f.points[e.Point]; p.Kind == capture.Touched && e.ID != 0 && !e.Forged {
			list = append(list, touch{p.Side, e.ID, e.Point, e.Ordinal})
		}
	}
	slices.SortStableFunc(list, touch.compare)
	return list, kept, nil
}

// sane makes sure that what the machine says of its ring can be true: there it is only said.
func (f *wireFile) sane() error {
	w := &f.wire
	if len(w.Seen) != len(f.points) || len(w.Lost) != len(f.points) {
		return fmt.Errorf("it has counts of %d and %d points, and the link has %d", len(w.Seen), len(w.Lost), len(f.points))
	}
	if w.Size < 0 || w.Room < 0 {
		return fmt.Errorf("it claims %d bytes in a room of %d", w.Size, w.Room)
	}
	for i := range f.points {
		if w.Lost[i] < 0 || w.Seen[i] < w.Lost[i] {
			return fmt.Errorf("%s: it claims %d packets, %d of them lost", f.points[i].Name(), w.Seen[i], w.Lost[i])
		}
	}
	return nil
}

// whole makes sure that no packet is missing that the ring had room for.
func (f *wireFile) whole(kept []int64) error {
	for i := range f.points {
		if n := f.wire.Seen[i] - f.wire.Lost[i]; kept[i] != n {
			return fmt.Errorf("%s: %d packets are in the capture and %d came by", f.points[i].Name(), kept[i], n)
		}
	}
	return nil
}

// write writes the file and returns how many packets are in it.
func (f *wireFile) write(ctx context.Context, to io.Writer) (int64, error) {
	if err := f.sane(); err != nil {
		return 0, err
	}
	touched, kept, err := f.touches(ctx)
	if err != nil {
		return 0, err
	}
	if err := f.whole(kept); err != nil {
		return 0, err
	}
	w, err := f.begins(to)
	if err != nil {
		return 0, err
	}
	comments := func(side int, id uint32) (list []string) {
		key := touch{side: side, id: id}
		at, _ := slices.BinarySearchFunc(touched, key, touch.compare)
		for ; at < len(touched) && touched[at].compare(key) == 0; at++ {
			list = append(list, f.points[touched[at].point].Comment(touched[at].ordinal, false))
		}
		return list
	}
	r := f.events()
	var n int64
	last := Epoch
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n%4096 == 0 {
			err = context.Cause(ctx)
		}
		if err != nil {
			return 0, err
		}
		n++
		var o pcapgo.NgPacketOptions
		p := &f.points[e.Point]
		switch p.Kind {
		case capture.Sent:
			o.Comments = comments(p.Side, e.ID)
		case capture.Touched:
			o.Comments = []string{p.Comment(e.Ordinal, e.Forged)}
		case capture.Received:
		}
		if e.ID != 0 {
			// One packet has one number at all points of its direction.
			id := uint64(p.Side)<<32 | uint64(e.ID)
			o.PacketID = &id
		}
		if last, err = f.time(e.Time); err != nil {
			return 0, err
		}
		ci := gopacket.CaptureInfo{Timestamp: last, CaptureLength: len(e.Data), Length: e.Length, InterfaceIndex: e.Point}
		if err := w.WritePacketWithOptions(ci, e.Data, o); err != nil {
			return 0, err
		}
	}
	for i := range f.points {
		err := w.WriteInterfaceStats(i, pcapgo.NgInterfaceStatistics{
			LastUpdate: last, PacketsReceived: uint64(f.wire.Seen[i]), PacketsDropped: uint64(f.wire.Lost[i]),
		})
		if err != nil {
			return 0, err
		}
	}
	return n, w.Flush()
}

// time is that of an event in the file. No run is longer than some days, and a file has no time before 1970.
func (f *wireFile) time(monotonic uint64) (time.Time, error) {
	const most = 1000 * 24 * time.Hour
	since := time.Duration(int64(monotonic) - f.begin)
	if int64(monotonic) < 0 || f.begin < 0 || since > most || since < -most {
		return Epoch, fmt.Errorf("an event at %d ns, with the start of the window at %d ns", monotonic, f.begin)
	}
	return Epoch.Add(since), nil
}

// begins writes the section header, the names of nodes and the interfaces.
func (f *wireFile) begins(to io.Writer) (*pcapgo.NgWriter, error) {
	var w *pcapgo.NgWriter
	for i := range f.points {
		p := &f.points[i]
		face := pcapgo.NgInterface{
			Name: p.Name(), Description: p.Description(), OS: f.origin.Kernel, LinkType: layers.LinkTypeEthernet,
			SnapLength: uint32(f.snap),
		}
		if i > 0 {
			if _, err := w.AddInterface(face); err != nil {
				return nil, err
			}
			continue
		}
		var err error
		w, err = pcapgo.NewNgWriterInterface(to, face, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
			Hardware: f.origin.Machine, OS: "Linux " + f.origin.Kernel, Application: "ruleout " + f.origin.Tool,
			Comment: f.comment(),
		}})
		if err != nil {
			return nil, err
		}
	}
	// The writer does not know blocks of names; one may stand anywhere between two others.
	if err := w.Flush(); err != nil {
		return nil, err
	}
	names, err := nameBlock(f.scenario)
	if err != nil {
		return nil, err
	}
	_, err = to.Write(names)
	return w, err
}

// comment is that of the section: what this is a capture of.
func (f *wireFile) comment() string {
	between := f.scenario.Links[f.link].Between
	lines := []string{
		fmt.Sprintf("link %s--%s of scenario %s, seed %d, backend %s, kernel %s", between[0], between[1], f.scenario.Name,
			f.origin.Seed, f.origin.Backend, f.origin.Kernel),
		"scenario " + f.scenario.Hash(),
		"run " + f.origin.Run,
		"digest " + f.origin.Digest,
		"times are the run's own: the measured window starts at " + Epoch.Format("2006-01-02 15:04:05") + " UTC",
	}
	if f.snap < capture.Whole {
		lines = append(lines, fmt.Sprintf("of each packet the first %d bytes at most", f.snap))
	}
	if lost := f.wire.AllLost(); lost > 0 {
		lines = append(lines, fmt.Sprintf("CUT SHORT: there was no room for the last %d packets", lost))
	}
	return strings.Join(lines, "\n")
}

// nameBlock is a Name Resolution Block with the nodes' addresses (pcapng, section 4.5).
func nameBlock(s *scenario.Scenario) ([]byte, error) {
	layout, err := layout.Plan(s)
	if err != nil {
		return nil, err
	}
	const block, recordIPv4, recordIPv6 = 4, 1, 2
	var body []byte
	add := func(kind uint16, address netip.Addr, name string) {
		value := append(append(address.AsSlice(), name...), 0)
		body = binary.LittleEndian.AppendUint16(body, kind)
		body = binary.LittleEndian.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
		body = append(body, make([]byte, -len(value)&3)...)
	}
	for _, n := range layout.Nodes {
		for _, e := range n.Ends {
			end := layout.Links[e.Link].Ends[e.Side]
			add(recordIPv4, end.Addr4.Addr(), n.Name)
			if end.Addr6.IsValid() {
				add(recordIPv6, end.Addr6.Addr(), n.Name)
			}
		}
	}
	body = append(body, 0, 0, 0, 0) // the end of the records
	b := binary.LittleEndian.AppendUint32(nil, block)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+12))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, uint32(len(body)+12)), nil
}
