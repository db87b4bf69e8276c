// Package layout works out, from a scenario alone, what its network will be: names of devices, addresses and routes.
//
// A network is built from it (package topology), captures name their addresses by it, and pages draw it. It touches no
// machine.
package layout
