//go:build linux

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gopherlens/bench/sides"
	"gopherlens/plots"
)

// page is the whole of it in Markdown.
func page(all []found) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# How time and memory grow, beside TransformerLens\n\nWritten by `make bench-scale` on %s: SmolLM2-135M-Instruct where no other model is named, in float32.\n",
		time.Now().UTC().Format("2 January 2006, 15:04 UTC"))
	fmt.Fprintf(&b, "%d processors; load average when done: %s.\n\n", runtime.NumCPU(), sides.Load())
	b.WriteString(legend)
	for _, f := range all {
		fmt.Fprintf(&b, "\n## %s\n\n", f.title)
		if len(f.points) > 0 {
			fmt.Fprintf(&b, "![time](scale-%s-time.svg) ![memory](scale-%s-memory.svg)\n\n", f.name, f.name)
		}
		b.WriteString(f.table())
	}
	return b.String()
}

const legend = `Each point is the median of three runs after one that compiles, or of one where that takes ten seconds; a sweep is run once and has its
compilation in it. Memory is the process's peak since the point before. A point of TransformerLens that would take over a minute was
measured in part, some layers of a pass or some patches of a sweep, and multiplied: it is marked with the part. One that would need
over 16 GB is left out. GFLOP/s counts the products that the work needs, the causal half of the attention scores included: where it
stays level, time grows as the arithmetic does.
`

// table is a curve's points side by side.
func (f found) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s | %s | ratio | ours, GFLOP/s | %s, memory | ours, memory |\n|---|---|---|---|---|---|---|\n", f.x, names[0], names[1], "TransformerLens")
	theirs := make(map[string]point)
	for _, p := range f.sides[0] {
		theirs[p.At] = p
	}
	for _, p := range f.sides[1] {
		t := theirs[p.At]
		time, ratio, memory := fmt.Sprintf("%.3g s", t.Seconds), fmt.Sprintf("%.1f", t.Seconds/p.Seconds), gigabytes(t.Bytes)
		switch {
		case t.Left != "":
			time, ratio, memory = "left out: "+t.Left, "", ""
		case t.Part < 1:
			time += fmt.Sprintf(" (from %.2g %%)", 100*t.Part)
		}
		rate := ""
		if p.GFLOP > 0 {
			rate = fmt.Sprintf("%.0f", p.GFLOP/p.Seconds)
		}
		fmt.Fprintf(&b, "| %s | %s | %.3g s | %s | %s | %s | %s |\n", p.At, time, p.Seconds, ratio, rate, memory, gigabytes(p.Bytes))
	}
	return b.String()
}

func gigabytes(n int64) string { return fmt.Sprintf("%.2f GB", float64(n)/1e9) }

// draw writes a curve's pictures; that of models has none.
func (f found) draw(folder string) error {
	if len(f.points) == 0 {
		return nil
	}
	at := make([]float64, len(f.points))
	for i, text := range f.points {
		at[i], _ = strconv.ParseFloat(text, 64)
	}
	for _, picture := range []struct {
		name, unit string
		value      func(point) float64
	}{
		{"time", "seconds", func(p point) float64 { return p.Seconds }},
		{"memory", "GB", func(p point) float64 { return float64(p.Bytes) / 1e9 }},
	} {
		lines := [2][]float64{}
		for side, points := range f.sides {
			for _, p := range points {
				value := picture.value(p)
				if p.Left != "" {
					value = math.NaN()
				}
				lines[side] = append(lines[side], value)
			}
		}
		figure := plots.Line(lines[:], plots.Axes{Title: f.title, At: at, LogX: true, LogY: true, XName: f.x, Unit: picture.unit, Series: names[:]})
		if err := figure.WriteSVG(filepath.Join(folder, "scale-"+f.name+"-"+picture.name+".svg")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
