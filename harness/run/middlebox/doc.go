// Package middlebox makes nodes do more to packets than forward them: translate addresses (NAT), keep a table of
// connections, filter.
//
// All of it is the kernel's own: nf_conntrack and nf_tables in the namespace of the node. [Install] writes the rules as
// nft would, in one table of the family inet, and sets the sysctls that the scenario asks for. Each rule of the
// scenario is a chain of its own that a base chain jumps to, once for each combination of addresses that the rule is
// about, so that a limit and a counter see all of its packets.
//
// The life of a middlebox: [Install] before anything is sent, [Boxes.Arm] with the start of the measured window,
// [Boxes.Read] at both of its ends, [Boxes.Finish] when nothing moves any more, [Boxes.Close].
//
// The trap: the hash table of connections and their limit belong to the whole machine and not to a namespace. They are
// set only in a virtual machine, where nobody else uses them.
package middlebox
