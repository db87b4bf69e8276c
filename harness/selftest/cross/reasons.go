package cross

import "strings"

// Reason says why a capture cannot tell some metrics.
type Reason struct {
	Why string
	// Metrics are names with blanks between. Those of counters follow their group, such as TcpExt:, and end with
	// the line.
	Metrics string
}

// names are the metrics' names, each whole.
func (r *Reason) names() []string {
	var list []string
	for line := range strings.Lines(r.Metrics) {
		prefix, names, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			prefix, names = "", prefix
		} else {
			prefix = "NODE." + prefix + "."
		}
		for _, name := range strings.Fields(names) {
			list = append(list, prefix+name)
		}
	}
	return list
}

// Reasons are all of them.
var Reasons = []Reason{
	{"CPU time, tasks and memory send no packet. The tests of package probe compare them with the kernel's own accounts.",
		`
		NODE.cpu.user NODE.cpu.system NODE.cpu.softirq NODE.cpu.total NODE.runqueue.mean NODE.runqueue.max NODE.load1
		NODE.pressure.cpu NODE.pressure.memory NODE.pressure.io NODE.memory.peak
		machine.cpu.user machine.cpu.system machine.cpu.softirq machine.cpu.idle machine.cpu.total machine.cpu.unattributed
		machine.load1 machine.runqueue.mean machine.runqueue.max machine.recorder.late machine.recorder.cpu`},
	{"accept(2) sends no packet.", `NODE.accept_queue.max`},
	{"How a program ends is the kernel's word to its parent (wait4).",
		`NODE.exec.NAME.exit NODE.exec.NAME.seconds NODE.exec.NAME.restarts`},
	{"No service of the harness sends such an answer. The tests of package load have it from servers of their own.",
		`http.errors.other`},
	{"A FIN or a RST does not say why an end closed the connection, how its program handled that, " +
		"and whether it repeated a query.", `
		http.idle.expired http.aborted NODE.php.timeouts NODE.php.broken NODE.php.idle.closed NODE.php.accept_errors
		NODE.sql.reconnects NODE.sql.errors NODE.sql.broken NODE.sql.idle.closed`},
	{"What a program counts within itself. TestStatusIsWhatTheLoadAsked of package machine compares what it can " +
		"with the load's requests and with the kernel's counters.", `
		NODE.fpm.accepted NODE.fpm.exhausted NODE.fpm.slow NODE.nginx.accepted NODE.nginx.handled NODE.nginx.requests
		NODE.mariadb.connections NODE.mariadb.questions NODE.mariadb.queries NODE.mariadb.slow NODE.mariadb.aborted_clients
		NODE.mariadb.aborted_connects NODE.mariadb.connection_errors NODE.mariadb.lock_waits
		NODE.redis.commands NODE.redis.rejected NODE.redis.evicted NODE.redis.hits NODE.redis.misses
		NODE.haproxy.connections NODE.haproxy.requests NODE.haproxy.request_errors NODE.haproxy.connect_errors
		NODE.haproxy.response_errors NODE.haproxy.retries NODE.haproxy.redispatches`},
	{"What a middlebox keeps within itself, and what it drops of a node's own. " +
		"TestMiddleboxesCountWhatTheWireCarried of package run compares what it can with the packets before and behind it.", `
		NODE.conntrack.entries.mean NODE.conntrack.entries.max NODE.conntrack.drops NODE.conntrack.early_drops
		NODE.conntrack.invalid NODE.conntrack.insert_failed NODE.conntrack.clashes NODE.conntrack.forgotten
		NODE.nat.NAME.connections NODE.firewall.NAME.packets NODE.firewall.NAME.bytes`},
	{"Why a datagram was not taken is in no packet: their sum, InErrors, is checked. " +
		"The published case udp-receive-buffer is about it.", `
		Udp: RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
		Udp6: RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors`},
	{"Fragments are put together above where packets are captured. The published case udp-fragments is about them.", `
		Ip: ReasmTimeout ReasmOKs ReasmFails FragOKs FragFails FragCreates
		Ip6: ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates
		IpExt: ReasmOverlaps`},
	{"A packet leaves a queue in the middle of the wire, where nothing is captured.", `
		link.A-B.from.A.queue.mean link.A-B.from.A.queue.max link.A-B.from.A.queue.bytes.mean link.A-B.from.A.queue.bytes.max
		fault.NAME.queue.mean fault.NAME.queue.max fault.NAME.queue.bytes.mean fault.NAME.queue.bytes.max`},
	{"A setting of the kernel.", `
		Ip: Forwarding DefaultTTL
		Tcp: RtoAlgorithm RtoMin RtoMax MaxConn`},
	{"Counts what goes through IP before it is cut into segments, which happens below (GSO). " +
		"It goes into the check of IpExt.OutOctets.", `
		Ip: OutRequests OutTransmits
		Ip6: OutRequests OutTransmits OutOctets`},
	{"Giving up is no packet: AttemptFails counts connections that the kernel gave up, or that were refused, " +
		"before they were established.", `
		Tcp: AttemptFails`},
	{"The packet is discarded, or never sent: what was sent and what reached the node looks the same.", `
		Ip: InAddrErrors InUnknownProtos InDiscards OutDiscards OutNoRoutes
		IpExt: InNoRoutes InTruncatedPkts
		Ip6: InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts InDiscards OutDiscards OutNoRoutes
		Icmp: InErrors InCsumErrors OutErrors OutRateLimitGlobal OutRateLimitHost
		TcpExt: ArpFilter IPReversePathFilter PFMemallocDrop TCPMinTTLDrop LockDroppedIcmps OutOfWindowIcmps TCPAODroppedIcmps`},
	{"The harness makes no such packets: no broadcasts, no UDP-Lite, no multipath TCP, no signatures, no Fast Open, " +
		"no BPF that moves sockets.", `
		Ip6: InBcastOctets OutBcastOctets
		IpExt: InBcastPkts OutBcastPkts InBcastOctets OutBcastOctets
		UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
		UdpLite6: *
		MPTcpExt: *
		TcpExt: TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood
		TcpExt: TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail TCPFastOpenListenOverflow
		TcpExt: TCPFastOpenCookieReqd TCPFastOpenBlackhole TCPFastOpenPassiveAltKey TCPMigrateReqSuccess TCPMigrateReqFailure BusyPollRxPackets`},
	{"Why TCP sent a segment again, or what it took a loss for, and then thought of it, is not in the segment. " +
		"The sum of all is Tcp.RetransSegs, which is checked; the published cases have what each of them is for.", `
		TcpExt: TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo
		TcpExt: TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans
		TcpExt: TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail TCPSpuriousRTOs TCPRetransFail
		TcpExt: TCPSpuriousRtxHostQueues TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPDSACKIgnoredDubious TCPDSACKRecvSegs TCPSACKDiscard
		TcpExt: TCPSackShifted TCPSackMerged TCPSackShiftFallback TcpTimeoutRehash TcpDuplicateDataRehash TCPPLBRehash
		TcpExt: TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect TCPHystartDelayCwnd TCPDelivered TCPDeliveredCE`},
	{"What became of a segment within TCP: the way that it took through the code, " +
		"how it was queued, joined or thrown away.", `
		TcpExt: TCPHPHits TCPPureAcks TCPHPAcks TCPBacklogCoalesce TCPRcvCoalesce TCPOFODrop TCPOFOMerge TCPAutoCorking TCPBacklogDrop
		TcpExt: TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig TCPRcvCollapsed PruneCalled RcvPruned OfoPruned TCPWantZeroWindowAdv
		TcpExt: TCPMemoryPressures TCPMemoryPressuresChrono TCPMTUPFail TCPMTUPSuccess`},
	{"Whether an ACK was delayed, saved or held back is not in the ACKs that were sent, " +
		"and a challenge ACK looks like any other.", `
		TcpExt: DelayedACKs DelayedACKLocked DelayedACKLost TCPAckCompressed TCPChallengeACK TCPACKSkippedSynRecv TCPACKSkippedPAWS
		TcpExt: TCPACKSkippedSeq TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge`},
	{"Why a segment was refused, against what the receiver had in mind at that moment.", `
		TcpExt: PAWSActive PAWSEstab PAWSOldAck PAWSTimewait BeyondWindow TSEcrRejected`},
	{"What a listening socket did with a SYN or with the last ACK of a handshake: " +
		"a cookie looks like any sequence number, and a drop is no packet.", `
		TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop
		TcpExt: TCPDeferAcceptDrop`},
	{"Why a connection was reset or forgotten. That it was is checked: Tcp.OutRsts, Tcp.EstabResets, TcpExt.TW.", `
		TcpExt: TWRecycled TWKilled TCPTimeWaitOverflow TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger
		TcpExt: TCPAbortFailed`},
}
