//go:build linux

// Command scale tells how time and memory grow, beside TransformerLens: with the tokens of a
// prompt, the rows of a batch, the model, the prompts of a sweep, and the processes at once.
//
//	scale [-curves tokens,batch] [-out bench/SCALE.md] PYTHON    # both sides
//	scale ours CURVE MODEL.gguf prompts.json                     # ours alone
//
// `make bench-scale` runs it. The curves are drawn beside the page, by gopherlens/plots.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gopherlens/bench/sides"
)

func main() { sides.Main(run) }

// found are the points of a curve, by side and in order.
type found struct {
	curve
	sides [2][]point
}

var names = [2]string{"TransformerLens 2.16.1", "Gopherlens"}

func run() error {
	if len(os.Args) == 5 && os.Args[1] == "ours" {
		return ours(os.Args[2], os.Args[3], os.Args[4])
	}
	only := flag.String("curves", "", "only these, separated by commas; their pictures and no page are written")
	out := flag.String("out", "bench/SCALE.md", "where the page goes")
	flag.Parse()
	if flag.NArg() != 1 {
		return fmt.Errorf("want the Python interpreter that has TransformerLens; `make bench-scale` gives it")
	}
	model, err := sides.Model()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	prompts := filepath.Join("bench", "model", "prompts.json")
	wanted, err := curvesOf(*only)
	if err != nil {
		return err
	}
	var all []found
	for _, c := range wanted {
		f := found{curve: c}
		for side, command := range [2][]string{
			append([]string{flag.Arg(0), filepath.Join("bench", "scale", "peer.py"), c.name, model, prompts}, c.points...),
			{self, "ours", c.name, model, prompts},
		} {
			fmt.Fprintf(os.Stderr, "%s: %s\n", c.name, names[side])
			measure := once
			if c.name == "copies" {
				measure = copies
			}
			if f.sides[side], err = measure(command, c); err != nil {
				return fmt.Errorf("%s: %s: %w", c.name, names[side], err)
			}
		}
		if err := f.draw(filepath.Dir(*out)); err != nil {
			return err
		}
		fmt.Fprint(os.Stderr, f.table())
		if all = append(all, f); *only != "" {
			continue
		}
		// after each, so that what was measured is not lost with one that fails
		if err := os.WriteFile(*out, []byte(page(all)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// curvesOf are the curves that names, separated by commas, name; all of them for none.
func curvesOf(names string) ([]curve, error) {
	if names == "" {
		return curves, nil
	}
	var wanted []curve
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(curves, func(c curve) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no curve %q", name)
		}
		wanted = append(wanted, curves[i])
	}
	return wanted, nil
}

// once measures a curve in one process.
func once(command []string, _ curve) ([]point, error) { return sides.Measure(command, point.named) }

// copies measures the first process, and two, three and four at once.
func copies(command []string, c curve) (all []point, err error) {
	for _, at := range c.points {
		n, _ := strconv.Atoi(at)
		var group sync.WaitGroup
		each, errs := make([][]point, n), make([]error, n)
		for i := range n {
			group.Go(func() { each[i], errs[i] = sides.Measure(command, point.named) })
		}
		group.Wait()
		sum := point{Curve: c.name, At: at, Part: 1}
		for i, points := range each {
			if errs[i] != nil {
				return nil, errs[i]
			}
			if len(points) != 1 {
				return nil, fmt.Errorf("a process measured %d points", len(points))
			}
			sum.Seconds += points[0].Seconds / float64(n)
			sum.Bytes += points[0].Bytes
		}
		all = append(all, sum)
	}
	return all, nil
}
