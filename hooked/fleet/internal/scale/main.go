// Command scale tells how long a harvest takes on many machines, by simulation: tasks go through a
// queue, a worker each, the store and the caller, each of which takes its time. The rates are those
// of docs/scale.md, measured or assumed as that page says; flags give others.
//
//	go run ./hooked/fleet/internal/scale
//	go run ./hooked/fleet/internal/scale -gpu 40000 -values 4096 -callers 8
package main

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"text/tabwriter"
	"time"
)

// rates are what the simulation is about.
type rates struct {
	tokens  float64 // in all
	gpu     float64 // tokens a second of one worker
	values  float64 // kept for each token
	bytes   float64 // of a value
	shard   float64 // bytes of a task's result
	queue   float64 // tasks a second that the queue takes and gives
	store   float64 // bytes a second that the store takes and gives
	keep    float64 // bytes a second that a caller writes and sums up
	callers int     // harvests of a part of the corpus each, in folders of their own
	nodes   int     // of the queue, among which its streams are spread
	spread  float64 // of the workers' times, as a share
}

func main() {
	var r rates
	flag.Float64Var(&r.tokens, "tokens", 1e9, "tokens in all")
	flag.Float64Var(&r.gpu, "gpu", 100_000, "tokens a second of one worker (assumed: see docs/scale.md)")
	flag.Float64Var(&r.values, "values", 576, "values that are kept of a token")
	flag.Float64Var(&r.bytes, "bytes", 2, "bytes of a value")
	flag.Float64Var(&r.shard, "shard", 64<<20, "bytes of a shard")
	flag.Float64Var(&r.queue, "queue", 1600, "tasks a second of one node (BenchmarkTasks)")
	flag.Float64Var(&r.store, "store", 61e6, "bytes a second of one node's store, there and back (BenchmarkParcels)")
	flag.Float64Var(&r.keep, "keep", 16e6, "bytes a second that a caller checks, writes and sums up")
	flag.IntVar(&r.callers, "callers", 1, "callers, each with a part of the corpus")
	flag.IntVar(&r.nodes, "nodes", 1, "nodes of the queue, for streams and buckets that are spread over them")
	flag.Float64Var(&r.spread, "spread", 0.1, "how much a worker's times differ, as a share")
	flag.Parse()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "GPUs\thours\ttokens/s\tGPUs busy\tqueue busy\tstore busy\tcallers busy\tlimit\t")
	for _, gpus := range []int{1, 8, 64, 512} {
		o := r.simulate(gpus)
		fmt.Fprintf(w, "%d\t%.2f\t%.3g\t%.0f %%\t%.1f %%\t%.0f %%\t%.0f %%\t%s\t\n", gpus, o.time.Hours(), r.tokens/o.time.Seconds(),
			100*o.gpus, 100*o.queue, 100*o.store, 100*o.callers, o.limit())
	}
	w.Flush()
}

// outcome is how long it took, and which share of that each part was busy.
type outcome struct {
	time                        time.Duration
	gpus, queue, store, callers float64
}

// limit is what was busiest.
func (o outcome) limit() string {
	name, most := "", 0.0
	for _, part := range []struct {
		name string
		busy float64
	}{{"GPUs", o.gpus}, {"queue", o.queue}, {"store", o.store}, {"callers", o.callers}} {
		if part.busy > most {
			name, most = part.name, part.busy
		}
	}
	return name
}

// server does one thing after the other.
type server struct{ free, busy float64 }

// serve does what takes so long, at a time or when it is free, and tells when it is done.
func (s *server) serve(at, takes float64) float64 {
	s.free = max(s.free, at) + takes
	s.busy += takes
	return s.free
}

// workers are the times at which each is free, the earliest first.
type workers []float64

func (w workers) Len() int           { return len(w) }
func (w workers) Less(i, j int) bool { return w[i] < w[j] }
func (w workers) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *workers) Push(x any)        { *w = append(*w, x.(float64)) }
func (w *workers) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// simulate sends every task through queue, worker, store and caller. A task is given out when one
// of those before it, as many as are ahead of the workers, has been taken over.
func (r rates) simulate(gpus int) outcome {
	perTask := r.shard / (r.values * r.bytes) // tokens
	tasks := int(r.tokens/perTask + 0.5)
	ahead := 6 * gpus // fleet: three for each of two slots
	random := rand.New(rand.NewPCG(1, 2))
	free := make(workers, gpus)
	var queue, store server
	callers := make([]server, r.callers)
	done := make([]float64, tasks)
	busy, end := 0.0, 0.0
	for i := range tasks {
		at := 0.0
		if i >= ahead {
			at = done[i-ahead]
		}
		at = queue.serve(at, 1/(r.queue*float64(r.nodes)))
		took := perTask / r.gpu * (1 + r.spread*(2*random.Float64()-1))
		start := max(at, heap.Pop(&free).(float64))
		heap.Push(&free, start+took) // what came is sent while the next is computed
		busy += took
		at = store.serve(start+took, r.shard/(r.store*float64(r.nodes)))
		done[i] = callers[i%r.callers].serve(at, r.shard/r.keep)
		end = max(end, done[i])
	}
	o := outcome{time: time.Duration(end * float64(time.Second)), gpus: busy / end / float64(gpus), queue: queue.busy / end, store: store.busy / end}
	for _, c := range callers {
		o.callers = max(o.callers, c.busy/end)
	}
	return o
}
