package circuits

import (
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// sources are what writes to one site: at each position some vectors, and the column of each.
type sources struct {
	vectors *hooked.Tensor // [pos, source, d_model], with zeros behind those of a position
	columns [][]int        // by position
}

// setSources gathers what is written to each layer's output and to the embedding.
func (w *rower) setSources() error {
	rec := w.rec
	n, pos := len(rec.features), rec.pos()
	w.columns = n + (rec.layers()+1)*pos
	all := make([]gathering, rec.layers()+1)
	for i := range all {
		all[i] = newGathering(pos, rec.width())
	}
	for l := range rec.layers() {
		all[l].features(rec, l)
		for p := range pos {
			all[l].add(p, n+l*pos+p, rec.errors[l][p*rec.width():], 1)
		}
	}
	embed, err := rec.site("hook_embed")
	if err != nil {
		return err
	}
	values, err := floats(embed)
	if err != nil {
		return err
	}
	for p := range pos {
		all[rec.layers()].add(p, n+rec.layers()*pos+p, values[p*rec.width():], 1)
	}
	for _, g := range all {
		s, err := g.sources()
		if err != nil {
			return err
		}
		w.sources = append(w.sources, s)
	}
	return nil
}

// gathering is sources while they are gathered.
type gathering struct {
	width   int
	columns [][]int
	vectors [][]float32 // of each position
}

func newGathering(pos, width int) gathering {
	return gathering{width, make([][]int, pos), make([][]float32, pos)}
}

func (g gathering) add(pos, column int, vector []float32, factor float64) {
	g.columns[pos] = append(g.columns[pos], column)
	for _, v := range vector[:g.width] {
		g.vectors[pos] = append(g.vectors[pos], float32(factor*float64(v)))
	}
}

// features adds the features that write to a layer.
func (g gathering) features(rec *record, layer int) {
	from := layer
	if rec.r.set.CrossLayer() {
		from = 0
	}
	for l := from; l <= layer; l++ {
		n := rec.writes(l)
		for i, f := range rec.ofLayer(l) {
			g.add(f.Pos, rec.firsts[l]+i, rec.decoders[l][(i*n+layer-l)*g.width:], f.Activation)
		}
	}
}

func (g gathering) sources() (sources, error) {
	most := 1
	for _, c := range g.columns {
		most = max(most, len(c))
	}
	most = powerOfTwo(most)
	all := hooked.NewArray(len(g.columns), most, g.width)
	for p, v := range g.vectors {
		copy(all.Data[p*most*g.width:], v)
	}
	t, err := hooked.NewTensor(all, "pos source d_model")
	return sources{t, g.columns}, err
}

// contract adds the products of gradients [row, pos, d_model] with the sources to rows.
func (s sources) contract(gradients *hooked.Tensor, rows [][]float32) error {
	products, err := hooked.Apply("pos row source", func(g, vectors *graph.Node) *graph.Node {
		return graph.Einsum("bpd,psd->pbs", g, vectors)
	}, gradients, s.vectors)
	if err != nil {
		return err
	}
	values, err := floats(products)
	if err != nil {
		return err
	}
	shape := products.Shape()
	for p, columns := range s.columns {
		for i, row := range rows {
			from := values[(p*shape[1]+i)*shape[2]:]
			for j, c := range columns {
				row[c] += from[j]
			}
		}
	}
	return nil
}
