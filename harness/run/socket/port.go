package socket

// Source ports: the kernel's own range (net.ipv4.ip_local_port_range), in which services have none.
const (
	firstPort = 32768
	ports     = 28232
	// apart is between the first ports of two loads, and another is how far to go for the next try; both are primes, so
	// that those that follow one another do not meet.
	apart, another = 4001, 911
)

// SourcePort is the port for the socket of a request, by the index of its load, its own number in that, and the number
// of the try: what it should be bound to so that the kernel does not draw one. The kernel would draw from a stream that
// everything in the machine draws from.
func SourcePort(load, request, try int) uint16 {
	return uint16(firstPort + (request+load*apart+try*another)%ports)
}
