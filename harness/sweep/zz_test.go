package sweep
import ("testing";"golang.org/x/sys/unix";"context";"errors";"time";"fmt";"runtime"
"github.com/ruleout/ruleout/harness/campaign"
"github.com/ruleout/ruleout/harness/result"
"github.com/ruleout/ruleout/harness/judge/judgetest")
func TestZZCost(t *testing.T) {
	for _, h := range []int{50, 300, 3000} {
		p := judgetest.Plan(t, judgetest.Many(h))
		a := open(t, t.TempDir())
		ctx, cancel := context.WithCancelCause(context.Background())
		n := 0
		limit := 1500
		var first time.Time; var c0 float64
		runner := runnerOf(func(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
			if first.IsZero() { first = time.Now(); c0 = cpu(t, unix.RUSAGE_SELF) }
			if n++; n > limit { cancel(errors.New("enough")); return nil, errors.New("enough") }
			return judgetest.Record(arm, seed), nil
		})
		began := time.Now()
		_, _ = Run(ctx, Options{Plan: p, Archive: a, Runner: runner, Kernels: kernels, Workers: 1, Tell: func(State) {}})
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("%d hypotheses, %d cases, %d arms: %v a run, cpu %.3f ms a run, start %v (heap %d MB)\n", h, len(p.Cases), len(p.Arms), (time.Since(first) / time.Duration(limit)).Round(time.Microsecond), (cpu(t, unix.RUSAGE_SELF)-c0)*1000/float64(limit), first.Sub(began), m.HeapAlloc>>20)
		a.Close()
	}
}
