package activations

// A scatter matrix Σ xxᵀ is summed over blocks of rows, in tiles of panelWidth by panelWidth
// values. Only tiles on and above the diagonal are kept. Every value is a sum over the rows in
// their order, product by product, so that any machine comes to the same bits.

const (
	panelWidth = 16
	blockRows  = 64 // a panel of a block is 8 kB: two of them stay in the first cache
)

// gram sums the products of the columns of rows.
type gram struct {
	width, panels int
	rows          int       // in the block
	block         []float64 // [panel][row][panelWidth]
	tiles         []float64 // [i <= j][panelWidth][panelWidth]
}

func newGram(width int) *gram {
	panels := (width + panelWidth - 1) / panelWidth
	return &gram{width: width, panels: panels, block: make([]float64, panels*blockRows*panelWidth),
		tiles: make([]float64, panels*(panels+1)/2*panelWidth*panelWidth)}
}

// add adds a row less its mean.
func (g *gram) add(row []float32, mean []float64) {
	for p := range g.panels {
		from := p * panelWidth
		n := min(panelWidth, g.width-from)
		to := g.block[(p*blockRows+g.rows)*panelWidth:][:panelWidth]
		for k, v := range row[from : from+n] {
			to[k] = float64(v) - mean[from+k]
		}
	}
	if g.rows++; g.rows == blockRows {
		g.flush()
	}
}

// flush adds the block to the tiles.
func (g *gram) flush() {
	tile := 0
	for i := range g.panels {
		a := g.panel(i)
		for j := i; j < g.panels; j++ {
			addTile(g.tiles[tile:][:panelWidth*panelWidth], a, g.panel(j))
			tile += panelWidth * panelWidth
		}
	}
	g.rows = 0
}

// panel are the rows of the block, in some columns.
func (g *gram) panel(p int) []float64 {
	from := p * blockRows * panelWidth
	return g.block[from : from+g.rows*panelWidth]
}

// addTilePlain adds aᵀb to a tile, two rows and four columns at a time. The conversions keep
// compilers from rounding only once where the machine can.
func addTilePlain(tile, a, b []float64) {
	for i := 0; i < panelWidth; i += 2 {
		for j := 0; j < panelWidth; j += 4 {
			var s00, s01, s02, s03, s10, s11, s12, s13 float64
			for r := 0; r+panelWidth <= len(a); r += panelWidth {
				x, y := a[r+i:r+i+2:r+i+2], b[r+j:r+j+4:r+j+4]
				s00 += float64(x[0] * y[0])
				s01 += float64(x[0] * y[1])
				s02 += float64(x[0] * y[2])
				s03 += float64(x[0] * y[3])
				s10 += float64(x[1] * y[0])
				s11 += float64(x[1] * y[1])
				s12 += float64(x[1] * y[2])
				s13 += float64(x[1] * y[3])
			}
			t := tile[i*panelWidth+j:][:panelWidth+4]
			t[0] += s00
			t[1] += s01
			t[2] += s02
			t[3] += s03
			t = t[panelWidth:]
			t[0] += s10
			t[1] += s11
			t[2] += s12
			t[3] += s13
		}
	}
}

// packed is the upper triangle of the sum, row by row.
func (g *gram) packed() []float64 {
	if g.rows > 0 {
		g.flush()
	}
	out := make([]float64, 0, triangle(g.width))
	for i := range g.width {
		for j := i; j < g.width; j++ {
			p, q := i/panelWidth, j/panelWidth
			tile := p*g.panels - p*(p-1)/2 + q - p
			out = append(out, g.tiles[(tile*panelWidth+i%panelWidth)*panelWidth+j%panelWidth])
		}
	}
	return out
}

// triangle is the number of values of a symmetric matrix that are kept.
func triangle(width int) int { return width * (width + 1) / 2 }
