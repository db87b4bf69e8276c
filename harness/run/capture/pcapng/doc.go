// Package pcapng writes what the rings of a run hold as files that Wireshark and tshark read.
package pcapng
