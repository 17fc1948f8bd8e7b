// Package plots draws the pictures that interpretability work looks at: heat
// maps, lines, attention patterns, coloured tokens, activations on text, logit lenses.
//
// A figure is a value. A constructor takes the data and an [Axes], which says
// what the axes and values are called; the figure then shows itself below a
// notebook's cell or is saved:
//
//	plots.Imshow(pattern, plots.Axes{X: tokens, Y: tokens, Title: "L23H3"}).Show()
//	err := plots.Line(diffs, plots.Axes{X: labels, YName: "logit difference"}).WriteSVG("diffs.svg")
//
//	Line, Bar          [x] or [series, x]
//	Line               Curves, each with its own x
//	Scatter            x [point], y [point]
//	Hist               [sample], or samples of any lengths
//	Imshow             [row, column], [facet, row, column], [frame, (facet,) row, column]
//	HeadScores         [layer, head] or [facet, layer, head]
//	LogitLens          [layer, position] and a word for each
//	LogitLensTable     [layer, position] lists of tokens with their probabilities
//	AttentionPattern   tokens and [query, key]
//	AttentionHeads     tokens and [head, query, key]
//	ColoredTokens      tokens and [token] or [quantity, token]
//	TextActivations    series of texts, a number at each token: neurons, heads, features
//	TextNeuronActivations tokens and [token, layer, neuron]
//	CircuitGraph       nodes in rows and the edges between them: heads and MLPs of a circuit
//	Feature            what is known of a feature, a [FeatureData]
//	AttributionGraph   the JSON of circuit-tracer and Neuronpedia
//	TokenLogProbs      tokens, [token], and the best guesses in each place
//	TopTokens          lists of ranked tokens, as Top makes them
//
// [FeaturePage] writes a page of all features of a dictionary, in which they are looked up and
// sorted.
//
// [Live] shows one figure after the other in one place, [LiveLine] lines that grow.
//
// Data are slices of numbers nested as deep as the shape says, or anything with
// the two methods of [Array], so that tensors and patching grids go in as they
// are; what they know of their labels and axis names ([AxisLabeler],
// [AxisNamer]) is used where Axes leaves it out. Examples that were found in a corpus go in as
// [Texts], and what a lens has read as [Predictions].
//
// # What a figure guarantees
//
// In a notebook a figure is one bundle of MIME types: a Vega-Lite chart or HTML
// with a small script, a static SVG and PNG, and a description in words. It needs
// no network, no trust in the notebook and no light theme. SVG and PNG are drawn
// from the same scene; the SVG's bytes are the same on every machine.
//
// Any string is safe as a label: what cannot be seen or could do harm is written
// visibly, a leading space as "·", a newline as "↵", a lone byte as "\xe2".
//
// Any numbers end in a picture or in the figure's error, in bounded time. What is
// not finite is counted on the figure, and shown as what it is: lines have a gap
// and, as bars and scatter plots do, a mark at the plot's edge; heat maps and
// coloured tokens have three greys; histograms leave it out. Data without a finite
// value are an error. Ticks and tooltips show as many digits as tell neighbours
// apart, such as times in nanoseconds; a range of a few float64s is widened to
// some dozens. Numbers beyond 1e290, or ranges below 1e-290, have no Vega-Lite
// chart, whose own arithmetic ends there, but the static picture.
//
// Data beyond a figure's limit (see the constants) are thinned, values and
// reference lines off the axes are left out, and the figure says so. A field of
// Axes that would do nothing is an error.
//
// In heat maps white is zero, blue more and red less (ColorBrewer's RdBu); lines
// and bars take Okabe and Ito's colours, and dashes where these run out. Charts and heat maps
// are zoomed by the wheel with the control or command key held, moved by dragging and reset by a
// double click; below a large heat map stand inputs that take its rows and columns. In HTML pages
// the keys + and − zoom, the arrows move and Escape resets.
// All that the pointer shows is also reached by the keyboard in the HTML views.
//
// In a notebook a figure is as wide as the cell, unless [Axes.Width] says how wide it is; heat maps
// of square or few cells and pictures side by side keep their size.
//
// A constructor never panics on bad data: the figure carries the error, which
// Show displays in its place and the other methods return.
package plots
