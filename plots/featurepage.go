package plots

import (
	"bufio"
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
)

// FeaturesOnPage is how many features one [FeaturePage] holds at most.
const FeaturesOnPage = 200_000

// PageConfig says what a [FeaturePage] is called.
type PageConfig struct {
	Title   string
	About   []string // lines below the title, such as what the dictionary is and how good
	Unit    string   // of the activations
	Numbers []string // names of further columns, whose values are [FeatureData.Numbers]
}

var (
	//go:embed assets/features.js
	featuresScript string
	//go:embed assets/card.js
	cardScript string
	//go:embed assets/card.css
	cardStyle string
	//go:embed assets/features.css
	featuresStyle string
)

// FeaturePage writes a page on which all features of a dictionary are looked up: found by number or
// by word, sorted by any column, each with all that is known of it. The page is one file that needs
// no network, and opens quickly with thousands of features: it is packed, and a feature is unpacked
// when it is looked at. It is written as the features come, of which a few dozen are in memory.
//
// An error of the sequence ends the page and is returned.
func FeaturePage(w io.Writer, c PageConfig, features iter.Seq2[FeatureData, error]) error {
	p := &featurePage{w: bufio.NewWriter(w), config: c, words: &wordTable{index: make(map[string]int)}, seen: make(map[int]bool)}
	if err := p.write(features); err != nil {
		return fmt.Errorf("plots: FeaturePage: %w", err)
	}
	return nil
}

// featurePage is a page that is being written.
type featurePage struct {
	w      *bufio.Writer
	config PageConfig
	words  *wordTable
	seen   map[int]bool

	chunk list // features that are not written yet
	index featureIndex
}

// featureIndex is what the table shows, a list for each column.
type featureIndex struct {
	Number  []int
	About   []string
	Density []any // numbers, or the names of those that are not finite
	Largest []any
	Up      [][]int // words
	Down    [][]int
	Numbers [][]any // further columns
}

const (
	// chunkFeatures are packed together: enough to find repetitions, few enough to be unpacked at
	// once.
	chunkFeatures = 32
	// tableWords are those of Up and Down in the table.
	tableWords = 4
)

func (p *featurePage) write(features iter.Seq2[FeatureData, error]) error {
	if features == nil {
		return fmt.Errorf("%w: the sequence of features is nil", errNoData)
	}
	title := orElse(visible(p.config.Title), "Features")
	fmt.Fprintf(p.w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s</title>\n<style>\n%s%s</style>\n</head>\n<body style=\"font-family:%s\">\n<h1>%[1]s</h1>\n",
		escape(title), pageStyle, cardStyle+featuresStyle, fontFamily)
	for _, line := range p.config.About {
		fmt.Fprintf(p.w, "<p>%s</p>\n", escape(visible(line)))
	}
	p.w.WriteString("<noscript><p>This page needs JavaScript.</p></noscript>\n<main></main>\n")
	for f, err := range features {
		if err != nil {
			return err
		}
		if err := p.add(f); err != nil {
			return err
		}
	}
	if len(p.index.Number) == 0 {
		return fmt.Errorf("%w: there is no feature", errNoData)
	}
	if err := p.flush(); err != nil {
		return err
	}
	p.w.WriteString(jsonScript(p.model()) + inlineScript(withCard(featuresScript)) + "\n</body>\n</html>\n")
	return p.w.Flush()
}

func (p *featurePage) add(f FeatureData) error {
	switch {
	case len(p.index.Number) == FeaturesOnPage:
		return fmt.Errorf("there are more than %d features: make several pages", FeaturesOnPage)
	case p.seen[f.Number]:
		return fmt.Errorf("feature %d comes twice", f.Number)
	case len(f.Numbers) != len(p.config.Numbers):
		return fmt.Errorf("feature %d has %d Numbers, PageConfig names %d", f.Number, len(f.Numbers), len(p.config.Numbers))
	}
	one, err := newFeature(FeatureData{Number: f.Number, About: f.About, Density: f.Density, Edges: f.Edges, Counts: f.Counts, Up: f.Up, Down: f.Down, Groups: f.Groups}, Axes{})
	if err != nil {
		return err
	}
	p.seen[f.Number] = true
	largest := math.NaN()
	if one.examples != nil {
		largest = one.largest
	}
	x := &p.index
	x.Number, x.About = append(x.Number, f.Number), append(x.About, hoverText(f.About))
	x.Density, x.Largest = append(x.Density, vegaNumber(f.Density, digits)), append(x.Largest, vegaNumber(largest, digits))
	x.Up, x.Down = append(x.Up, p.wordsOf(one.data.Up)), append(x.Down, p.wordsOf(one.data.Down))
	x.Numbers = append(x.Numbers, vegaNumbers(f.Numbers, digits))
	p.chunk = append(p.chunk, p.words.card(one))
	if len(p.chunk) == chunkFeatures {
		return p.flush()
	}
	return nil
}

func (p *featurePage) wordsOf(tokens []Ranked) []int {
	out := []int{}
	for _, r := range tokens[:min(len(tokens), tableWords)] {
		out = append(out, p.words.id(r.Token))
	}
	return out
}

// withCard is a script that may use what card.js declares.
func withCard(code string) string { return "(() => {\n" + cardScript + code + "})();" }

// card is all that is known of a feature, for the script.
func (w *wordTable) card(f *feature) object {
	out := object{"Up": w.ranked(f.ramp, f.data.Up), "Down": w.ranked(f.ramp, f.data.Down), "Edges": vegaNumbers(f.data.Edges, digits), "Counts": f.data.Counts}
	if f.examples == nil {
		return out
	}
	r := f.examples.series[0].ramp
	groups := list{}
	for _, s := range f.examples.series {
		texts := list{}
		for _, t := range s.texts {
			ids := make([]int, len(t.tokens))
			for k, token := range t.tokens {
				ids[k] = w.id(token)
			}
			texts = append(texts, list{hoverText(t.label), ids, vegaNumbers(t.values, digits), apart(t.tokens)})
		}
		groups = append(groups, object{"Name": hoverText(s.name), "Texts": texts})
	}
	out["Groups"], out["Low"], out["High"], out["Palette"], out["Notes"] = groups, r.lo, r.hi, paletteOf(r), f.examples.notes
	return out
}

// ranked are tokens with their values and the places of their colours.
func (w *wordTable) ranked(r ramp, tokens []Ranked) list {
	out := list{}
	for _, t := range tokens {
		out = append(out, list{w.id(t.Token), vegaNumber(t.Value, digits), r.shade(t.Value)})
	}
	return out
}

// pagePalettes are the ramps that examples have: from zero up, to zero, both, and far from zero.
var pagePalettes = []ramp{{stops: redBlue}, {stops: redBlue[len(redBlue)/2:]}, {stops: redBlue[:len(redBlue)/2+1]}, {stops: viridis}}

func cardPalettes() list {
	palettes := list{}
	for _, r := range pagePalettes {
		palettes = append(palettes, r.palette())
	}
	return palettes
}

func paletteOf(r ramp) int {
	for i, p := range pagePalettes {
		if len(p.stops) == len(r.stops) && p.stops[0] == r.stops[0] && p.stops[len(p.stops)-1] == r.stops[len(r.stops)-1] {
			return i
		}
	}
	return 0
}

// flush packs the features that are waiting, as an element that no browser runs.
func (p *featurePage) flush() error {
	if len(p.chunk) == 0 {
		return nil
	}
	text, err := json.Marshal(p.chunk)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return err
	}
	_, writing := z.Write(text)
	if err := errors.Join(writing, z.Close()); err != nil {
		return err
	}
	fmt.Fprintf(p.w, "<script type=\"application/octet-stream\">%s</script>\n", base64.StdEncoding.EncodeToString(packed.Bytes()))
	p.chunk = p.chunk[:0]
	return p.w.Flush() // a full disk is noticed early
}

func (p *featurePage) model() object {
	return object{"Index": p.index, "Words": p.words.words, "Breaks": p.words.breaks, "Palettes": cardPalettes(), "Unit": visible(p.config.Unit),
		"Numbers": mapLabels(p.config.Numbers, axisText), "Each": chunkFeatures}
}
