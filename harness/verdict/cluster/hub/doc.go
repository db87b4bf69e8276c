// Package hub is the NATS server between a coordinator and its workers: one of our own, in the process, or one that is
// there.
//
// # Life cycle
//
// [Open] starts a server in this process; [Hub.Connect] connects to it without a socket. [Connect] connects to a server
// by its URL. [Hub.Close] ends the server, and takes its files away.
//
// # Security
//
// A server that listens on anything but loopback needs TLS and a way to tell who connects, a token or NKeys; [Open]
// refuses it otherwise, unless it is told that the network is one of friends. [Credentials] are read from files, so
// that no secret stands in a process list.
//
// # Traps
//
//   - A server keeps its files below the user's cache, in a directory that is locked while it lives. What a killed
//     process left there, the next one removes.
//   - Clients connect again by themselves when a server comes back. It may have lost all that it had: whoever relies
//     on it has to look.
package hub
