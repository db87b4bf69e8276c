package cross

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// fields that tshark is asked for, in the order in which [parsePacket] takes them.
var fields = []string{
	"frame.interface_name", "frame.time_epoch", "frame.packet_id", "frame.md5_hash", "frame.protocols", "frame.comment",
	"ip.src_host", "ip.dst_host", "ip.len", "ip.dsfield.ecn", "ip.checksum.status", "ip.flags.mf", "ip.frag_offset",
	"ipv6.src_host", "ipv6.dst_host", "ipv6.plen", "ipv6.tclass.ecn", "icmp.type", "icmpv6.type",
	"tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.flags",
	"tcp.window_size_value",
	"tcp.checksum.status", "tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.keep_alive",
	"tcp.analysis.zero_window_probe", "tcp.analysis.duplicate_ack", "tcp.options.sack.dsack_le", "http.request",
	"http.response.code", "http.content_length", "data.len", "frame.len", "eth.type", "tcp.options.timestamp.tsval",
	"icmp.code", "icmpv6.code", "udp.srcport", "udp.dstport", "udp.checksum.status", "udp.payload",
	"dns.id", "dns.qry.type", "dns.flags.response", "dns.flags.rcode", "dns.count.answers",
	"tcp.checksum", "tcp.checksum_calculated",
}

// preferences of tshark: checksums are looked at, HTTP is read segment by segment, and what is
// wrong with a damaged packet is left in the packet.
var preferences = []string{
	"ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE",
	"frame.generate_md5_hash:TRUE", "tcp.desegment_tcp_streams:FALSE",
	"tcp.analyze_sequence_numbers:TRUE", "tcp.relative_sequence_numbers:TRUE",
}

// ErrNoShark says that tshark is missing, and how to get it.
var ErrNoShark = errors.New("no tshark on this machine, with which records are checked: " +
	"bin/ruleout setup --tests installs it, or says how")

// Shark returns the first line of tshark's version, or [ErrNoShark].
func Shark(ctx context.Context) (string, error) {
	out, err := tshark(ctx, "--version")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSuffix(first, "."), nil
}

// Reader has tshark read captures. What it has read once it does not read again.
type Reader struct {
	// Scratch is a directory for files in between.
	Scratch string

	known map[[sha256.Size]byte][]Packet
}

// packets reads those at some points of a capture, in the order of the file. They are written to a file of their own
// first: what is filtered out of what tshark shows, also by a read filter in two passes (-2 -R), has been through its
// analysis of TCP all the same.
func (r *Reader) packets(ctx context.Context, capture []byte, keep func(point string) bool) ([]Packet, error) {
	part, err := split(capture, keep)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(part)
	if packets, ok := r.known[key]; ok {
		return packets, nil
	}
	file, err := os.CreateTemp(r.Scratch, "*.pcapng")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is in a scratch directory
	_, err = file.Write(part)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	args := []string{"-r", file.Name(), "-N", "n", "-T", "fields", "-E", "occurrence=f"}
	for _, p := range preferences {
		args = append(args, "-o", p)
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := tshark(ctx, args...)
	if err != nil {
		return nil, err
	}
	var packets []Packet
	for line := range strings.Lines(string(out)) {
		p, err := parsePacket(strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		if err != nil {
			return nil, fmt.Errorf("read what tshark says of packet %d: %w", len(packets)+1, err)
		}
		packets = append(packets, p)
	}
	if r.known == nil {
		r.known = map[[sha256.Size]byte][]Packet{}
	}
	r.known[key] = packets
	return packets, nil
}

// tshark runs it and returns what it prints.
func tshark(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "tshark", args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, ErrNoShark
	case err != nil:
		return nil, fmt.Errorf("run tshark %s: %w: %s", strings.Join(args[:min(len(args), 4)], " "), err,
			lastLine(complaint.String()))
	}
	return out, nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
