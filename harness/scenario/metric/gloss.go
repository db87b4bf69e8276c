package metric

import "strings"

// Topic is what some counters tell about, in the order in which a reader wants them.
type Topic string

// Topics of the kernel's counters.
const (
	Recovery    Topic = "Loss and recovery"
	Ordering    Topic = "Order and duplicates"
	Acks        Topic = "Acknowledgements"
	Connections Topic = "Connections and listening sockets"
	Windows     Topic = "Windows, buffers and congestion"
	Segments    Topic = "Segments and data"
	Network     Topic = "IP and ICMP"
	OtherTopic  Topic = "Others"
)

// Topics returns all topics in reading order.
func Topics() []Topic {
	return []Topic{Recovery, Ordering, Acks, Connections, Windows, Segments, Network, OtherTopic}
}

// Gloss says in plain words what a counter of the kernel counts, and what it belongs to.
// The text is empty for a counter that is not known here. After Documentation/networking/snmp_counter.rst
// and the places in net/ipv4 that count.
func Gloss(counter string) (text string, topic Topic) {
	for g, list := range glosses {
		if text, ok := list[counter]; ok {
			return text, g
		}
	}
	switch file, _, _ := strings.Cut(counter, "."); file {
	case "Ip", "Ip6", "IpExt", "Icmp", "Icmp6", "IcmpMsg":
		return "", Network
	}
	return "", OtherTopic
}

var glosses = map[Topic]map[string]string{
	Recovery: {
		"Tcp.RetransSegs":            "segments sent again, for any reason",
		"TcpExt.TCPFastRetrans":      "segments sent again at once, since duplicate ACKs or SACK said they were lost",
		"TcpExt.TCPSlowStartRetrans": "segments sent again after a timeout",
		"TcpExt.TCPLostRetransmit":   "segments sent again and lost again",
		"TcpExt.TCPRetransFail":      "segments that could not be sent again, because something below TCP refused them",
		"TcpExt.TCPSynRetrans":       "SYNs and SYN-ACKs sent again: no answer came in time",
		"TcpExt.TCPTimeouts": "times that no answer came within the retransmission timeout, " +
			"and the sender started over slowly",
		"TcpExt.TCPLossProbes": "probes sent shortly before a timeout, " +
			"to find out whether the end of a transfer was lost",
		"TcpExt.TCPLossProbeRecovery": "losses that such a probe made good",
		"TcpExt.TCPRenoRecovery": "times that three duplicate ACKs made a sender without SACK believe " +
			"in a loss and slow down",
		"TcpExt.TCPSackRecovery":          "times that SACK made a sender believe in a loss and slow down",
		"TcpExt.TCPRenoFailures":          "timeouts in the middle of a recovery, without SACK",
		"TcpExt.TCPSackFailures":          "timeouts in the middle of a recovery, with SACK",
		"TcpExt.TCPLossFailures":          "timeouts while already recovering from a timeout",
		"TcpExt.TCPRenoRecoveryFail":      "recoveries without SACK that a timeout cut short",
		"TcpExt.TCPSackRecoveryFail":      "recoveries with SACK that a timeout cut short",
		"TcpExt.TCPSpuriousRTOs":          "timeouts that turned out to be mistakes (F-RTO, RFC 5682)",
		"TcpExt.TCPSpuriousRtxHostQueues": "segments not sent again because the first copy was still in a local queue",
		"TcpExt.TCPFullUndo":              "recoveries taken back in full: timestamps showed that nothing had been lost",
		"TcpExt.TCPPartialUndo": "recoveries taken back half-way: " +
			"an ACK showed that the segment had arrived all along",
		"TcpExt.TCPDSACKUndo": "recoveries taken back because the receiver reported everything " +
			"sent again as duplicate",
		"TcpExt.TCPLossUndo":            "timeouts taken back: an ACK showed that the segments had arrived all along",
		"TcpExt.TcpDuplicateDataRehash": "times that repeated data made a receiver look for another path",
		"TcpExt.TcpTimeoutRehash":       "times that a timeout made a sender look for another path",
	},
	Ordering: {
		"TcpExt.TCPOFOQueue":          "segments that arrived before an earlier one and had to wait for it",
		"TcpExt.TCPOFOMerge":          "segments out of order that partly repeated others",
		"TcpExt.TCPOFODrop":           "segments out of order dropped for want of memory",
		"TcpExt.TCPRenoReorder":       "times that a sender without SACK noticed that segments overtake one another",
		"TcpExt.TCPTSReorder":         "times that timestamps showed a sender that a segment was late and not lost",
		"TcpExt.TCPSACKReorder":       "times that SACK showed a sender that segments overtake one another",
		"TcpExt.TCPSACKReneging":      "times that a receiver threw away what it had acknowledged by SACK",
		"TcpExt.TCPSACKDiscard":       "SACK blocks that made no sense",
		"TcpExt.TCPSackShifted":       "bookkeeping of SACK: parts of segments moved together",
		"TcpExt.TCPSackMerged":        "bookkeeping of SACK: segments merged",
		"TcpExt.TCPSackShiftFallback": "bookkeeping of SACK: segments that could not be merged",
		"TcpExt.TCPDSACKOldSent": "reports to the sender that a segment came which had been " +
			"acknowledged already (DSACK)",
		"TcpExt.TCPDSACKOfoSent":        "reports to the sender that a segment out of order came twice (DSACK)",
		"TcpExt.TCPDSACKRecv":           "reports from the receiver that a segment came twice (DSACK)",
		"TcpExt.TCPDSACKOfoRecv":        "reports from the receiver that a segment out of order came twice (DSACK)",
		"TcpExt.TCPDSACKRecvSegs":       "segments that receivers reported as duplicate",
		"TcpExt.TCPDSACKIgnoredOld":     "reports of duplicates that came too late to be of use",
		"TcpExt.TCPDSACKIgnoredNoUndo":  "reports of duplicates with no recovery to take back",
		"TcpExt.TCPDSACKIgnoredDubious": "reports of duplicates that were not believed",
		"TcpExt.PAWSActive":             "segments refused in connecting because their timestamp was old",
		"TcpExt.PAWSEstab":              "segments refused because their timestamp was older than the last (PAWS, RFC 7323)",
		"TcpExt.PAWSOldAck":             "old ACKs recognised by their timestamp",
		"TcpExt.BeyondWindow":           "segments outside of the receive window",
	},
	Acks: {
		"TcpExt.DelayedACKs":      "ACKs sent late, in the hope that data would carry them along",
		"TcpExt.DelayedACKLocked": "delayed ACKs delayed further, since the application was busy with the socket",
		"TcpExt.DelayedACKLost": "segments that came although they had been acknowledged: " +
			"the sender had not seen the ACK, or sent again for nothing",
		"TcpExt.TCPPureAcks": "ACKs without data that took the long way through the receiver's code",
		"TcpExt.TCPHPAcks":   "ACKs without data that took the short way through the receiver's code",
		"TcpExt.TCPHPHits": "data segments that took the short way through the receiver's code: " +
			"in order, nothing unusual",
		"TcpExt.TCPAckCompressed": "ACKs saved by answering several segments at once",
		"TcpExt.TCPACKSkippedSeq": "ACKs to segments out of the window not sent, since one had just been sent: " +
			"the brake on ACK loops (tcp_invalid_ratelimit)",
		"TcpExt.TCPACKSkippedPAWS":      "ACKs to segments with an old timestamp not sent, since one had just been sent",
		"TcpExt.TCPACKSkippedSynRecv":   "ACKs to repeated SYNs not sent, since one had just been sent",
		"TcpExt.TCPACKSkippedFinWait2":  "ACKs in FIN_WAIT_2 not sent, since one had just been sent",
		"TcpExt.TCPACKSkippedTimeWait":  "ACKs in TIME_WAIT not sent, since one had just been sent",
		"TcpExt.TCPACKSkippedChallenge": "challenge ACKs not sent, since one had just been sent",
		"TcpExt.TCPChallengeACK":        "ACKs sent to ask whether a suspicious segment was meant (RFC 5961)",
		"TcpExt.TCPSYNChallenge":        "SYNs in an open connection, answered with such an ACK",
		"TcpExt.TSEcrRejected":          "segments refused because they echoed a timestamp that was never sent",
	},
	Connections: {
		"Tcp.ActiveOpens":  "connections opened",
		"Tcp.PassiveOpens": "connections accepted",
		"Tcp.AttemptFails": "connections that were never established",
		"Tcp.EstabResets":  "established connections that ended by a reset",
		"Tcp.CurrEstab":    "connections open at the end minus those at the beginning",
		"Tcp.OutRsts":      "resets sent",
		"TcpExt.TW": "connections that wait out their time after closing (TIME_WAIT), " +
			"counted when it begins; on 5.10 when it is over",
		"TcpExt.TWRecycled":          "such connections used again early",
		"TcpExt.TWKilled":            "such connections ended early",
		"TcpExt.TCPTimeWaitOverflow": "connections that could not wait out their time because there were too many",
		"TcpExt.ListenOverflows": "connections refused admission because the accept queue was full: " +
			"the application was too slow to take them",
		"TcpExt.ListenDrops": "SYNs and last ACKs of handshakes dropped by a listening " +
			"socket, overflows included",
		"TcpExt.SyncookiesSent":            "SYNs answered with a cookie because the queue of half-open connections was full",
		"TcpExt.SyncookiesRecv":            "valid cookies that came back",
		"TcpExt.SyncookiesFailed":          "invalid cookies that came back",
		"TcpExt.TCPReqQFullDoCookies":      "times that the queue of half-open connections was full, and cookies were sent",
		"TcpExt.TCPReqQFullDrop":           "times that the queue of half-open connections was full, and the SYN was dropped",
		"TcpExt.EmbryonicRsts":             "resets of half-open connections",
		"TcpExt.TCPDeferAcceptDrop":        "ACKs dropped because a listener waits for data first",
		"TcpExt.TCPAbortOnData":            "connections reset because data came that no program would read",
		"TcpExt.TCPAbortOnClose":           "connections reset because they were closed with unread data",
		"TcpExt.TCPAbortOnTimeout":         "connections given up after too many timeouts",
		"TcpExt.TCPAbortOnMemory":          "connections reset for want of memory",
		"TcpExt.TCPAbortOnLinger":          "connections reset because their time to linger was over",
		"TcpExt.TCPAbortFailed":            "resets that could not be sent",
		"TcpExt.TCPKeepAlive":              "keepalive probes sent",
		"TcpExt.LockDroppedIcmps":          "ICMP messages dropped because the socket was busy",
		"TcpExt.OutOfWindowIcmps":          "ICMP messages about segments that are not in flight",
		"TcpExt.TCPFastOpenActive":         "connections opened with data in the SYN",
		"TcpExt.TCPFastOpenPassive":        "connections accepted with data in the SYN",
		"TcpExt.TCPFastOpenListenOverflow": "SYNs with data dropped because too many were pending",
	},
	Windows: {
		"TcpExt.TCPFromZeroWindowAdv": "times that a receiver allowed the sender to go on",
		"TcpExt.TCPToZeroWindowAdv":   "times that a receiver stopped the sender: its buffer was full",
		"TcpExt.TCPWantZeroWindowAdv": "times that a receiver would have stopped the sender, " +
			"but must not take back what it allowed",
		"TcpExt.TCPZeroWindowDrop":  "segments dropped because the receiver's buffer was full",
		"TcpExt.TCPRcvQDrop":        "segments dropped because the receive queue was full",
		"TcpExt.TCPWinProbe":        "probes of a closed window",
		"TcpExt.TCPBacklogDrop":     "segments dropped because the socket was busy and its backlog full",
		"TcpExt.PruneCalled":        "times that a receive buffer had to be cleared for want of room",
		"TcpExt.RcvPruned":          "segments dropped because clearing did not help",
		"TcpExt.OfoPruned":          "times that segments out of order were thrown away for want of room",
		"TcpExt.TCPRcvCollapsed":    "segments squeezed together in a full receive buffer",
		"TcpExt.TCPMemoryPressures": "times that TCP as a whole ran short of memory",
		"TcpExt.TCPWqueueTooBig":    "writes refused because the send queue was too big",
		"TcpExt.TCPHystartTrainDetect": "times that the start of a transfer was slowed because ACKs came " +
			"closely packed (HyStart)",
		"TcpExt.TCPHystartTrainCwnd":   "sum of the windows at which that happened",
		"TcpExt.TCPHystartDelayDetect": "times that the start of a transfer was slowed because the round trip grew (HyStart)",
		"TcpExt.TCPHystartDelayCwnd":   "sum of the windows at which that happened",
		"TcpExt.TCPMTUPFail":           "probes for a larger packet size that failed",
		"TcpExt.TCPMTUPSuccess":        "probes for a larger packet size that succeeded",
	},
	Segments: {
		"Tcp.InSegs":                "segments received, with errors or not",
		"Tcp.OutSegs":               "segments sent, those sent again apart",
		"Tcp.InErrs":                "segments received that were damaged, and SYNs in an open connection",
		"Tcp.InCsumErrors":          "segments received whose checksum was wrong",
		"TcpExt.TCPOrigDataSent":    "data segments sent for the first time",
		"TcpExt.TCPDelivered":       "data segments that were acknowledged",
		"TcpExt.TCPDeliveredCE":     "of these, the ones marked as having met congestion (ECN)",
		"TcpExt.TCPRcvCoalesce":     "segments put together in the receive queue",
		"TcpExt.TCPBacklogCoalesce": "segments put together while the socket was busy",
		"TcpExt.TCPAutoCorking":     "small writes held back to go out together",
	},
	Network: {
		"Ip.InReceives":    "IPv4 packets received",
		"Ip.InDelivers":    "IPv4 packets handed to TCP, UDP or ICMP",
		"Ip.OutRequests":   "IPv4 packets that TCP, UDP or ICMP sent",
		"Ip.ForwDatagrams": "IPv4 packets forwarded",
		"Ip.InDiscards":    "good IPv4 packets dropped on receipt, for want of room",
		"Ip.OutDiscards":   "good IPv4 packets dropped on sending, for want of room",
		"Ip.InHdrErrors":   "IPv4 packets with a bad header",
		"Ip.InAddrErrors":  "IPv4 packets for another host",
		"Ip.OutNoRoutes":   "IPv4 packets with no route to their destination",
		"Ip.ReasmReqds":    "IPv4 fragments received",
		"Ip.ReasmOKs":      "IPv4 packets put together from fragments",
		"Ip.ReasmFails":    "IPv4 fragments that could not be put together",
		"Ip.ReasmTimeout":  "IPv4 packets whose last fragment did not come in time",
		"Ip.FragOKs":       "IPv4 packets cut into fragments",
		"Ip.FragFails": "IPv4 packets too large for the next link and must not be fragmented: " +
			"ICMP reports it to the sender",
		"Ip.FragCreates":       "IPv4 fragments made",
		"Ip.OutTransmits":      "IPv4 packets sent, forwarded ones included",
		"Ip6.InTooBigErrors":   "IPv6 packets too large for the next link: ICMPv6 reports it to the sender",
		"IpExt.InOctets":       "bytes of IPv4 packets received",
		"IpExt.OutOctets":      "bytes of IPv4 packets sent",
		"IpExt.InNoECTPkts":    "packets received whose sender does not do ECN",
		"IpExt.InECT0Pkts":     "packets received whose sender does ECN",
		"IpExt.InCEPkts":       "packets received that were marked as having met congestion",
		"IpExt.InCsumErrors":   "IPv4 packets with a wrong checksum",
		"Icmp.InDestUnreachs":  "ICMP messages that a destination cannot be reached, or a packet is too large",
		"Icmp.OutDestUnreachs": "such messages sent",
	},
}
