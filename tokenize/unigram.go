package tokenize

// scoredPiece is an entry of Unigram's vocabulary.
type scoredPiece struct {
	text  string
	score float64 // log probability
}

func parsePieces(s *jsonScanner) ([]scoredPiece, error) {
	return nil, s.errorf("Unigram is not there yet")
}
