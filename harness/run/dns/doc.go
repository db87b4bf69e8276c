// Package dns answers names, and looks them up as glibc does.
//
// # Concept
//
// The server is an agent that knows the names of a scenario. A [Resolver] is what a load has of glibc's: its options,
// what it has learned, and how often it was asked. A [Lookup] is one call of getaddrinfo(3): two questions, A and AAAA,
// from one socket to one server after the other, with glibc's waits. It never sleeps: its owner, who has an epoll set
// and an alarm, calls [Lookup.Step] when a socket or [Lookup.Deadline] asks for it.
//
// # Life cycle
//
// A Lookup opens a socket for each server that it asks, and goes on with it in the next attempt, from the same source
// port and with the same query, as glibc does. It closes all of them when one failed, before each lone question in the
// mode single-request-reopen, and at its end. Its owner closes it, and does not touch it any more: the resolver makes
// the next lookup of it. No role collects garbage, so neither a lookup nor an answer may take new memory.
//
// # Source
//
// glibc, resolv/res_send.c: __res_context_send for the order of servers, send_dg for the waits, what is sent again, and
// what an error means. An error in the mode single-request does not wait for an answer to what was not asked (glibc bug
// 30081, mended in 2.38). EDNS, search lists and TCP after a truncated answer are left out.
package dns
