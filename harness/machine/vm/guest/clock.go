package guest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// checkClocks refuses a guest whose timers are coarse: with a periodic tick a delay of 50 µs
// becomes 4 ms, and nothing else would tell.
func checkClocks() (*frame.Checked, error) {
	c := &frame.Checked{}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	c.Release = string(bytes.TrimSpace(release))
	// The TSC takes over from its early form by a work item some time after boot.
	for range 100 {
		source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
		if err != nil {
			return nil, err
		}
		if c.ClockSource = string(bytes.TrimSpace(source)); c.ClockSource == "tsc" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if c.ClockSource != "tsc" {
		return nil, fmt.Errorf("check the clocks: the clock source is %s, not tsc", c.ClockSource)
	}
	if c.HighRes, err = highResolution("/proc/timer_list"); err != nil {
		return nil, err
	}
	if !c.HighRes {
		return nil, errors.New("check the clocks: high-resolution timers are off (hres_active is 0)")
	}
	return c, nil
}

// highResolution reads hres_active of every CPU from a timer_list (kernel/time/timer_list.c).
func highResolution(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	seen := false
	s := bufio.NewScanner(f)
	for s.Scan() {
		name, value, ok := strings.Cut(s.Text(), ":")
		if !ok || strings.TrimSpace(name) != ".hres_active" {
			continue
		}
		if strings.TrimSpace(value) != "1" {
			return false, nil
		}
		seen = true
	}
	return seen, s.Err()
}
