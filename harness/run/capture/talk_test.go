package capture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/ruleout/ruleout/harness/run/topology"
)

// Amounts of real traffic, of each version of IP.
const (
	transferred = 2 << 20 // bytes, each way
	connections = 100     // short ones
	datagrams   = 200
)

// talk lets a and b do all that their kernels send by themselves: transfers that lose segments, short connections with
// all of their ends, resets of both kinds, datagrams that are too long for a packet, and ICMP.
func talk(ctx context.Context, n *topology.Network) error {
	a, b := n.Node("a"), n.Node("b")
	for _, address := range []netip.Addr{b.Addr4(), b.Addr6()} {
		at := func(port uint16) string { return netip.AddrPortFrom(address, port).String() }
		var listener net.Listener
		var echo net.PacketConn
		err := b.Do(func() (err error) {
			if listener, err = net.Listen("tcp", at(80)); err != nil {
				return err
			}
			echo, err = net.ListenPacket("udp", at(53))
			return err
		})
		if err != nil {
			return err
		}
		go serve(listener)
		err = a.Do(func() error {
			return errors.Join(exchange(at(80), transferred), brief(at(80)), refused(at(81)), pieces(at(53)),
				unreachable(at(54)))
		})
		if err := errors.Join(err, listener.Close(), echo.Close()); err != nil {
			return err
		}
	}
	return nil
}

// serve sends back what it gets.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

// exchange sends so much and reads it back.
func exchange(to string, size int) error {
	c, err := net.DialTimeout("tcp", to, time.Minute)
	if err != nil {
		return err
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, size))
		sent <- errors.Join(err, c.(*net.TCPConn).CloseWrite())
	}()
	n, err := io.Copy(io.Discard, c)
	if err == nil && n != int64(size) {
		err = fmt.Errorf("%d bytes came back of %d", n, size)
	}
	return errors.Join(err, <-sent)
}

// brief opens short connections; every fourth ends with a reset instead of a FIN.
func brief(to string) error {
	for i := range connections {
		if i%4 != 0 {
			if err := exchange(to, 100*i); err != nil {
				return err
			}
			continue
		}
		c, err := net.DialTimeout("tcp", to, time.Minute)
		if err != nil {
			return err
		}
		if err := errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close()); err != nil {
			return err
		}
	}
	return nil
}

// refused connects to a port without a listener, and is answered with RST.
func refused(to string) error {
	for range connections {
		if c, err := net.DialTimeout("tcp", to, time.Minute); err == nil {
			return errors.Join(errors.New("somebody listens where nobody should"), c.Close())
		}
	}
	return nil
}

// pieces sends datagrams of which some take several packets.
func pieces(to string) error {
	c, err := net.Dial("udp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range datagrams {
		if _, err := c.Write(make([]byte, 20*i)); err != nil {
			return err
		}
	}
	return nil
}

// unreachable sends to a port that is closed, which ICMP answers as often as its rate limit lets it.
func unreachable(to string) error {
	for i := range datagrams {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		_, err = c.Write(make([]byte, i))
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}
