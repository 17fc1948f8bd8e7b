package activations

// AfterShard has f called when a shard's file is there and the index does not have it yet, until
// the function that it returns is called.
func AfterShard(f func(number int)) (restore func()) {
	shardWritten = f
	return func() { shardWritten = func(int) {} }
}

// SumEveryShard has the statistics written after each shard, however small it is.
func SumEveryShard() { sumsShare = 0 }
