package probe

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Metrics say how good a probe is on some rows, beside what knowing only how frequent the classes
// are comes to.
type Metrics struct {
	Rows int

	Accuracy float64 // share of the rows whose class is predicted
	Balanced float64 // mean over the classes that occur of the share of their rows that is predicted
	// AUROC is the share of pairs of a row of a class and one of another in which the class's own
	// has the higher score, ties counted half; the mean over the classes, each against the others.
	// NaN where only one class occurs.
	AUROC float64

	// LogLoss is the mean of -log(probability of the true class), in nats. CalibrationError is the
	// mean difference of confidence and accuracy over ten bins of confidence (Guo et al. 2017,
	// arXiv:1706.04599). NaN for methods without probabilities.
	LogLoss, CalibrationError float64

	// Majority is the accuracy of always answering the class that was the most frequent in
	// training, MajorityLogLoss the log loss of always answering how frequent each was.
	Majority, MajorityLogLoss float64

	Confusion [][]int // rows by true class, then by predicted class
}

// measure compares scores with labels.
func (p *Probe) measure(x *mat.Dense, labels []int) Metrics {
	scores := p.linear.scores(x)
	m := Metrics{Rows: len(labels), Confusion: make([][]int, p.classes), LogLoss: math.NaN(), CalibrationError: math.NaN()}
	for c := range m.Confusion {
		m.Confusion[c] = make([]int, p.classes)
	}
	for i, predicted := range predictions(scores) {
		m.Confusion[labels[i]][predicted]++
	}
	m.Accuracy, m.Balanced = accuracies(m.Confusion)
	m.AUROC = meanAUROC(scores, labels, p.classes)
	m.Majority, m.MajorityLogLoss = baseline(labels, p.frequencies)
	if p.method.logits() {
		m.LogLoss, m.CalibrationError = logLoss(scores, labels), calibrationError(probabilities(scores), labels)
	}
	return m
}

// frequenciesOf are the shares of the classes.
func frequenciesOf(labels []int, classes int) []float64 {
	out := make([]float64, classes)
	for _, label := range labels {
		out[label] += 1 / float64(len(labels))
	}
	return out
}

func accuracies(confusion [][]int) (accuracy, balanced float64) {
	right, rows, occur := 0, 0, 0
	for c, predicted := range confusion {
		n := 0
		for _, k := range predicted {
			n += k
		}
		right, rows = right+predicted[c], rows+n
		if n > 0 {
			occur++
			balanced += float64(predicted[c]) / float64(n)
		}
	}
	return float64(right) / float64(rows), balanced / float64(occur)
}

func baseline(labels []int, frequencies []float64) (accuracy, logLoss float64) {
	majority := floats.MaxIdx(frequencies)
	for _, label := range labels {
		if label == majority {
			accuracy++
		}
		logLoss -= math.Log(frequencies[label])
	}
	return accuracy / float64(len(labels)), logLoss / float64(len(labels))
}

func predictions(scores *mat.Dense) []int {
	n, k := scores.Dims()
	out := make([]int, n)
	for i := range out {
		row := scores.RawRowView(i)
		switch {
		case k > 1:
			out[i] = floats.MaxIdx(row)
		case row[0] > 0:
			out[i] = 1
		}
	}
	return out
}

// probabilities are those of the classes, [n, class], of logits.
func probabilities(scores *mat.Dense) *mat.Dense {
	n, k := scores.Dims()
	out := mat.NewDense(n, max(k, 2), nil)
	for i := range n {
		row, to := scores.RawRowView(i), out.RawRowView(i)
		if k == 1 {
			to[0], to[1] = sigmoid(-row[0]), sigmoid(row[0])
			continue
		}
		total := floats.LogSumExp(row)
		for c, s := range row {
			to[c] = math.Exp(s - total)
		}
	}
	return out
}

// logLoss is taken from the logits, of which probabilities may round to zero.
func logLoss(scores *mat.Dense, labels []int) float64 {
	total := 0.0
	for i, label := range labels {
		row := scores.RawRowView(i)
		if len(row) == 1 {
			total += softplus(row[0]) - float64(label)*row[0]
		} else {
			total += floats.LogSumExp(row) - row[label]
		}
	}
	return total / float64(len(labels))
}

const calibrationBins = 10

func calibrationError(probabilities *mat.Dense, labels []int) float64 {
	var confidence, right [calibrationBins]float64
	for i, label := range labels {
		row := probabilities.RawRowView(i)
		c := floats.MaxIdx(row)
		bin := min(int(row[c]*calibrationBins), calibrationBins-1)
		confidence[bin] += row[c]
		if c == label {
			right[bin]++
		}
	}
	total := 0.0
	for bin := range confidence {
		total += math.Abs(confidence[bin] - right[bin])
	}
	return total / float64(len(labels))
}

// meanAUROC is the mean over the classes that occur.
func meanAUROC(scores *mat.Dense, labels []int, classes int) float64 {
	_, k := scores.Dims()
	if k == 1 {
		return auroc(mat.Col(nil, 0, scores), labels, 1)
	}
	total, n := 0.0, 0
	for c := range classes {
		if a := auroc(mat.Col(nil, c, scores), labels, c); !math.IsNaN(a) {
			total, n = total+a, n+1
		}
	}
	return total / float64(n)
}

// auroc is that of a class against the others: the Mann-Whitney statistic.
func auroc(scores []float64, labels []int, class int) float64 {
	order := count(len(scores))
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	ranks, own := 0.0, 0
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && scores[order[to]] == scores[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			if labels[i] == class {
				ranks += float64(from+to+1) / 2 // ranks count from 1, and ties share theirs
				own++
			}
		}
		from = to
	}
	others := len(scores) - own
	if own == 0 || others == 0 {
		return math.NaN()
	}
	n := float64(own)
	return (ranks - n*(n+1)/2) / (n * float64(others))
}
