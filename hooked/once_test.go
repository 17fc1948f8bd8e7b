package hooked_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/internal/cachedir"
	"gopherlens/resident"
)

// alone has the test compute in its own process, with an empty cache folder.
func alone(t *testing.T) (cache string) {
	dir := t.TempDir()
	t.Setenv(cachedir.Variable, dir)
	t.Setenv("GONB_PIPE", "")
	t.Setenv("GONB_TMP_DIR", "")
	return dir
}

// forget forgets a name that a test has used, for when the tests run again in this process.
func forget(t *testing.T, names ...string) {
	t.Cleanup(func() {
		for _, name := range names {
			hooked.Forget(name)
		}
	})
}

// TestOnce calls a function twice in a process without a worker.
func TestOnce(t *testing.T) {
	cache := alone(t)
	forget(t, "numbers")
	calls := 0
	numbers := func() []float64 { calls++; return []float64{1, math.NaN(), math.Inf(1)} }
	first := hooked.Once("numbers", numbers)
	if again := hooked.Once("numbers", numbers); calls != 1 || len(again) != 3 || &first[0] != &again[0] {
		t.Errorf("called %d times, got %v and then %v", calls, first, again)
	}
	list := hooked.Must(hooked.OnceValues())
	if len(list) != 1 || list[0].Name != "numbers" || list[0].Type != "[]float64" || list[0].Where != "process" {
		t.Errorf("OnceValues = %+v, want numbers in this process", list)
	}
	if files, _ := filepath.Glob(filepath.Join(cache, "*")); len(files) > 0 {
		t.Errorf("%v was written, which nobody asked for", files)
	}
	if err := hooked.Forget("numbers"); err != nil {
		t.Fatal(err)
	}
	if hooked.Once("numbers", numbers); calls != 2 {
		t.Errorf("called %d times, want once more after Forget", calls)
	}
	if err := hooked.Forget("nubers"); err == nil || !strings.Contains(err.Error(), `nearest: "numbers"`) {
		t.Errorf("Forget of another name: %v", err)
	}
}

type lossy struct {
	Shown  int
	hidden int
}

type zero struct{ P *int }

type loop struct{ Next *loop }

type half struct {
	T      *hooked.Tensor
	secret int
}

// inlined is small enough for the compiler to put it, and the literal in it, into each caller.
func inlined() int { return hooked.Once("inlined", func() int { return 7 }) }

// TestOnceInlined holds that a literal stays the same function where what it is in was inlined.
func TestOnceInlined(t *testing.T) {
	alone(t)
	forget(t, "inlined")
	first := inlined()
	second := func() int { return inlined() + 1 }()
	if first != 7 || second != 8 {
		t.Errorf("got %d and %d", first, second)
	}
}

// TestOnceRefuses holds that what cannot be kept, or stands for two things, is an error, before the
// function is called where that can be.
func TestOnceRefuses(t *testing.T) {
	alone(t)
	forget(t, "taken", "after all")
	hooked.Once("taken", func() int { return 1 })
	never := func() { t.Error("the function was called") }
	for want, f := range map[string]func(){
		"stands for a int elsewhere in this program, and here for a string": func() { hooked.Once("taken", func() string { never(); return "" }) },
		"what another function makes elsewhere":                             func() { hooked.Once("taken", func() int { never(); return 2 }) },
		"give the value a name":                                             func() { hooked.Once("", func() int { never(); return 2 }) },
		"the function is nil":                                               func() { hooked.Once[int]("nil", nil) },
		"an option is nil":                                                  func() { hooked.Once("x", func() int { never(); return 2 }, nil) },
		"a func() cannot be kept":                                           func() { hooked.Once("x", func() func() { never(); return nil }) },
		"a chan int cannot be kept":                                         func() { hooked.Once("x", func() chan int { never(); return nil }) },
		"can be anything":                                                   func() { hooked.Once("x", func() any { never(); return 1 }) },
		"its field secret begins with a small letter":                       func() { hooked.Once("x", func() half { never(); return half{secret: 1} }) },
		"its keys are pointers":                                             func() { hooked.Once("x", func() map[*hooked.Tensor]int { never(); return nil }) },
		"gob does not keep all of the hooked_test.lossy":                    func() { hooked.Once("x", func() lossy { return lossy{1, 2} }) },
		"gob does not keep all of the hooked_test.zero":                     func() { hooked.Once("x", func() zero { return zero{new(int)} }) },
		"refers to itself":                                                  func() { hooked.Once("x", func() *loop { l := &loop{}; l.Next = l; return l }) },
		"a nil *hooked.Tensor":                                              func() { hooked.Once("x", func() *hooked.Tensor { return nil }) },
		"no good":                                                           func() { hooked.Once("x", func() int { panic(errors.New("no good")) }) },
	} {
		if err := hooked.Try(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	// nothing of the above is kept
	if got := hooked.Once("after all", func() int { return 7 }); got != 7 {
		t.Errorf("got %d", got)
	}
}

// TestOnceOnDisk looks at the folder: what nobody has used for the longest time goes.
func TestOnceOnDisk(t *testing.T) {
	cache := alone(t)
	t.Setenv(hooked.OnceLimitEnv, fmt.Sprint(60000./(1<<30)))
	forget(t, "a", "b", "c")
	made := ""
	of := func(name string, n int) int {
		f := func() []byte { made += name; return make([]byte, n) }
		return len(hooked.Once(name, f, hooked.OnDisk()))
	}
	files := func() int {
		list, _ := filepath.Glob(filepath.Join(cache, "once", "*.safetensors"))
		return len(list)
	}
	of("a", 15000)
	time.Sleep(10 * time.Millisecond)
	of("b", 15000)
	if files() != 2 {
		t.Errorf("%d files, want 2", files())
	}
	if list := hooked.Must(hooked.OnceValues()); len(list) != 2 || list[0].Where != "disk" || list[0].Name != "a" {
		t.Errorf("OnceValues = %+v", list)
	}
	time.Sleep(10 * time.Millisecond)
	of("c", 25000)
	var left []string
	for _, v := range hooked.Must(hooked.OnceValues()) {
		left = append(left, v.Name+" "+v.Where)
	}
	if fmt.Sprint(left) != "[a process b disk c disk]" || made != "abc" {
		t.Errorf("after three that do not fit together there are %v; made %q", left, made)
	}
	if err := hooked.Try(func() { of("d", 1<<20) }); err == nil || !strings.Contains(err.Error(), hooked.OnceLimitEnv) {
		t.Errorf("one that is too large: %v", err)
	}
	if err := hooked.Forget("c"); err != nil {
		t.Fatal(err)
	}
	if left := files(); left > 1 {
		t.Errorf("%d files after Forget", left)
	}
}

// TestOnceInCells makes values in one cell and takes them in later ones.
func TestOnceInCells(t *testing.T) {
	n := newNotebook(t)
	n.declare("model", "const path = "+gpt2(t)+"\nvar model = hooked.Must(hooked.FromPretrained(path, hooked.NoProcessing))")
	n.declare("all", `
type all struct {
	Logits  *hooked.Tensor
	Cache   *hooked.Cache
	KV      *hooked.KVCache
	Weights hooked.StateDict
	Tokens  hooked.Tokens
	Toys    map[string]*hooked.Model
	Same    *hooked.Model
	Words   []string
}

var run = hooked.Once("run", func() all {
	fmt.Println("made")
	tokens := hooked.Tokens{{1, 2, 3}}
	logits, cache := hooked.Must2(model.RunWithCache(tokens))
	kv := model.NewKVCache(1)
	hooked.Must(model.Run(tokens, hooked.WithKV(kv)))
	cfg := model.Config()
	cfg.ModelName, cfg.Seed = "toy", 7
	toy := hooked.Must(hooked.New(cfg))
	return all{logits, cache, kv, hooked.Must(toy.StateDict()), tokens, map[string]*hooked.Model{"toy": toy}, toy, []string{"a", "b"}}
})

func sum(t *hooked.Tensor) string { return fmt.Sprintf("%.5g", t.Abs().Sum().Item()) }

func print() {
	fmt.Println(sum(run.Logits), run.Logits.AxisNames(), run.Cache.Len(), sum(run.Cache.Get("resid_post", -1)), run.KV.Len(), run.Tokens, run.Words)
	next := hooked.Must(model.Run(hooked.Tokens{{4}}, hooked.WithKV(run.KV.Clone())))
	fmt.Println(sum(next), sum(hooked.Must(run.Toys["toy"].Run(run.Tokens))), len(run.Weights), run.Weights["embed.W_E"].Data[5], run.Same == run.Toys["toy"])
}
`)
	first, failed := n.run("print()")
	rest, ok := strings.CutPrefix(first, "made\n")
	if failed || !ok {
		t.Fatalf("the first cell printed\n%s", first)
	}
	n.want("print()", rest)
	n.declare("model", "const path = "+gpt2(t)+"\nvar model = hooked.Must(hooked.FromPretrained(path, hooked.FoldLN))")
	if out, _ := n.run("print()"); !strings.HasPrefix(out, "made\n") {
		t.Errorf("with another model the function was not called again: %s", out)
	}
	n.want(`
	for _, v := range hooked.Must(hooked.OnceValues()) { fmt.Println(v.Name, v.Type, v.Where) }
	fmt.Println(hooked.Forget("run"), hooked.Forget("run"))`,
		"run main.all worker\n<nil> Forget: nothing is kept under the name \"run\"\n")
}

// TestOnceFollowsTheSource changes what a function uses, and takes it to disk.
func TestOnceFollowsTheSource(t *testing.T) {
	n := newNotebook(t)
	n.declare("train", `func train(steps int) []float64 { fmt.Print("train "); return []float64{float64(steps)} }`)
	n.declare("trained", `var trained = hooked.Once("trained", func() []float64 { return train(3) }, hooked.OnDisk())`)
	const show = `fmt.Println(trained)`
	n.want(show, "train [3]\n")
	n.want(show, "[3]\n")
	const list = `for _, v := range hooked.Must(hooked.OnceValues()) { fmt.Println(v.Name, v.Type, v.Where) }`
	n.want(list, "trained []float64 worker and disk\n")
	n.declare("train", "// train trains\n"+`func train(steps int) []float64 { fmt.Print("train "); return []float64{float64(steps + rate)} }`)
	n.declare("unrelated", `const (
	other = iota
	rate = iota * 10
)`)
	n.want(show, "train [13]\n")
	n.want(show, "[13]\n")
	stopWorker(t)
	n.want(show, "[13]\n") // from the disk, and into the new worker
	damage(t, n.dir)
	n.want(show, "[13]\n")
	stopWorker(t)
	n.want(show, "train [13]\n")

	n.declare("trained", `var trained = hooked.Once("trained", func() string { return fmt.Sprint(train(4)) })`)
	n.want(show, "train [14]\n")
	n.declare("again", `var again = hooked.Once("trained", func() []int { return nil })`)
	n.fails(show, `stands for a (\[\]int|string) elsewhere in this program, and here for a`, "%rm (again|trained)")

	n.declare("again", `func probe(layer int) int { return hooked.Once("probe", func() int { return layer }) }`)
	n.fails(`fmt.Println(probe(1))`, `uses layer of the function around it.*put it into the name`)
	n.declare("again", `func probe(layer int) int { return hooked.Once(fmt.Sprint("probe ", layer), func() int { return layer }) }`)
	n.want(`fmt.Println(probe(1), probe(2))`, "1 2\n")
	n.want(`k := 2
	fmt.Println(hooked.Once("probe 1", func() int { return k }), probe(2))`, "2 2\n") // of another function
	n.declare("again", `var bad = hooked.Once("bad", func() int { panic("no good") })`)
	n.fails("", `no good \(in the declaration of bad, .*%rm bad`)
	n.want(`fmt.Println("fine")`, "bad is left out: no good; correct the declaration, or forget it with %rm bad\nfine\n")
}

// TestOnceInPrograms keeps a value on disk for one build of a program, without a worker.
func TestOnceInPrograms(t *testing.T) {
	n := newNotebook(t)
	t.Setenv("GONB_TMP_DIR", "")
	t.Setenv("GONB_PIPE", "")
	n.declare("work", `func work() []int { fmt.Print("work "); return []int{steps} }`)
	n.declare("steps", "var steps = 3")
	const code = `fmt.Println(hooked.Once("program", work, hooked.OnDisk()), hooked.Once("process", func() int { fmt.Print("once "); return 1 }))`
	n.want(code, "work once [3] 1\n")
	n.want(code, "once [3] 1\n")
	n.declare("steps", "var steps = 4")
	n.want(code, "work once [4] 1\n")
	if _, err := resident.Status(); err == nil {
		t.Error("a worker was started")
	}
}

func stopWorker(t *testing.T) {
	t.Helper()
	if err := resident.Stop(); err != nil {
		t.Fatal(err)
	}
}

// damage cuts all kept files short.
func damage(t *testing.T, dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "cache", "once", "*.safetensors"))
	if len(files) == 0 {
		t.Fatal("nothing is on disk")
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err == nil {
			err = os.Truncate(file, info.Size()/2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
