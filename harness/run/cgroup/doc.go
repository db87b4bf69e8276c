// Package cgroup puts a node's processes into a control group (version 2) of their own,
// reads what they used, and ends them together.
//
// # Life cycle
//
// [Root] finds the hierarchy, [Create] makes a group in it, a process is started in it by
// [Group.FD] (SysProcAttr.UseCgroupFD and CgroupFD, Linux 5.7), so that not even its first
// instruction is counted elsewhere. [Group.Close] kills what is inside and removes the group.
//
// A group outlives a process that was killed before it could close it. Its name begins with
// ruleout- and the process's id, and the process holds a lock on it; so [Leftovers] can
// tell a group that is left over from one of a run that is under way. [Remove] removes it.
//
// # The trap
//
// A machine may have version 2 mounted and its controllers bound to version 1 (systemd's
// "hybrid"). CPU time is accounted there all the same, memory is not. [Supported] says so.
package cgroup
