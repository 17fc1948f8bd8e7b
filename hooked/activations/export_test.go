package activations

// SumEveryShard has the statistics written after each shard, however small it is.
func SumEveryShard() { sumsShare = 0 }
