package metric

import (
	"slices"
	"strings"
)

// groups of kernel counters, by the file that they come from: snmp, netstat and snmp6
// under /proc/net. A group without names has none that are fixed.
//
// Sources: net/ipv4/proc.c, net/ipv6/proc.c and net/mptcp/mib.c, as Linux 6.1 and 6.18
// print them.
var groups = map[string][]string{
	"Ip": strings.Fields(`Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos
		InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs
		FragFails FragCreates OutTransmits`),
	"Icmp": strings.Fields(`InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs
		InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors
		OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos
		OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps`),
	"IcmpMsg": nil, // InType3, OutType8 and so on
	"Tcp": strings.Fields(`RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets
		CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors`),
	"Udp": strings.Fields(`InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors
		IgnoredMulti MemErrors`),
	"UdpLite": strings.Fields(`InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors
		IgnoredMulti MemErrors`),
	"TcpExt": strings.Fields(`SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned
		OfoPruned OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow
		TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops
		TCPHPHits TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder
		TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures
		TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans TCPTimeouts TCPLossProbes TCPLossProbeRecovery
		TCPRenoRecoveryFail TCPSackRecoveryFail TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent
		TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger
		TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld
		TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged
		TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter
		TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop
		TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive
		TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPFastOpenBlackhole
		TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking TCPFromZeroWindowAdv TCPToZeroWindowAdv
		TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect TCPHystartTrainCwnd
		TCPHystartDelayDetect TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq
		TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail
		TCPMTUPSuccess TCPDelivered TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig
		TCPFastOpenPassiveAltKey TcpTimeoutRehash TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious
		TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood
		TCPAODroppedIcmps`),
	"IpExt": strings.Fields(`InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets
		OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts
		InECT0Pkts InCEPkts ReasmOverlaps`),
	"MPTcpExt": nil, // many, and renamed from kernel to kernel
	"Ip6": strings.Fields(`InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos
		InTruncatedPkts InDiscards InDelivers OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout
		ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates InMcastPkts OutMcastPkts InOctets OutOctets
		InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts
		OutTransmits`),
	"Icmp6": nil, // one pair a message type
	"Udp6": strings.Fields(`InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors
		IgnoredMulti MemErrors`),
	"UdpLite6": nil,
}

// Groups returns the names of the groups of kernel counters, sorted.
func Groups() []string {
	var names []string
	for g := range groups {
		names = append(names, g)
	}
	slices.Sort(names)
	return names
}

// Counters returns the known counters as GROUP.NAME, sorted by group, then in the kernel's order.
func Counters() []string {
	var names []string
	for _, g := range Groups() {
		for _, c := range groups[g] {
			names = append(names, g+"."+c)
		}
	}
	return names
}

// SplitCounter takes GROUP.NAME apart; ok is false unless the group is one of [Groups]
// and the name could be a counter's.
func SplitCounter(name string) (group, counter string, ok bool) {
	group, counter, ok = strings.Cut(name, ".")
	if _, known := groups[group]; !ok || !known || counter == "" {
		return "", "", false
	}
	for _, c := range counter {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return "", "", false
		}
	}
	return group, counter, true
}

// IsCounter tells NODE.GROUP.NAME of a kernel counter from a metric. A fault may have a group's name.
func IsCounter(name string) bool {
	node, ofNode := NodeOf(name)
	_, _, ok := SplitCounter(strings.TrimPrefix(name, node+"."))
	return ok && ofNode
}

// KnownCounter reports whether GROUP.NAME is in the list; of a group without a fixed list every name is.
func KnownCounter(name string) bool {
	group, counter, ok := SplitCounter(name)
	return ok && (groups[group] == nil || slices.Contains(groups[group], counter))
}
