package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func rdtsc() uint64

// entropy writes what differs from one run to the next on a computer, after the run has begun.
func entropy(args []string) {
	var b [16]byte
	_, err := rand.Read(b[:])
	try("getrandom "+hex.EncodeToString(b[:]), err)
	f, err := os.Open("/dev/urandom")
	if err == nil {
		_, err = f.Read(b[:])
	}
	try("urandom "+hex.EncodeToString(b[:]), err)
	for clock := range uintptr(12) {
		var ts syscall.Timespec
		err := call(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)))
		fmt.Println("clock", clock, ts.Nano(), err)
	}
	fmt.Println("vdso", time.Now().UnixNano())
	fmt.Println("tsc", rdtsc())
	_, _, c, _ := cpuid(1, 0)
	_, b7, _, _ := cpuid(7, 0)
	fmt.Println("rdrand", c>>30&1, "rdseed", b7>>18&1)
	fmt.Println("pid", os.Getpid())
	local := 0
	maps, err := os.ReadFile("/proc/self/maps")
	fmt.Printf("address %p %x\n", &local, len(maps))
	try("maps "+hex.EncodeToString(maps[:min(64, len(maps))]), err)
	if auxv, err := os.ReadFile("/proc/self/auxv"); err == nil {
		fmt.Println("auxv", hex.EncodeToString(auxv))
	}
	m := map[int]int{}
	for i := range 50 {
		m[i] = i
	}
	var order []int
	for k := range m {
		order = append(order, k)
	}
	fmt.Println("map", order)
	fmt.Println("math", mathrand.Uint64())
	race()
	if l, err := net.Listen("tcp", ":0"); err == nil {
		fmt.Println("port", l.Addr())
	}
	if len(args) > 0 {
		pause(args[0])
		fmt.Println("later", time.Now().UnixNano(), rdtsc())
	}
}

// race has goroutines run for a lock and a channel.
func race() {
	var mu sync.Mutex
	var all sync.WaitGroup
	var order []int
	for n := range 8 {
		all.Go(func() {
			for range 20 {
				x := 0
				for i := range 5000 + n {
					x += i
				}
				mu.Lock()
				order = append(order, n+x*0)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	fmt.Println("race", order)
}
