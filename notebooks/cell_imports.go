//go:build cells

// Package notebooks holds notebooks, and here what their cells import of GoMLX beside what this
// module uses itself: training, its pictures, and layers. A cell is built from this module's
// go.mod, so that without these lines go mod tidy would drop what they need, and the cell would ask
// a network for it. No build has the tag.
package notebooks

import (
	_ "github.com/gomlx/gomlx/core/graph/nanlogger"
	_ "github.com/gomlx/gomlx/core/tensors/bucketing"
	_ "github.com/gomlx/gomlx/core/tensors/images"
	_ "github.com/gomlx/gomlx/core/tensors/numpy"
	_ "github.com/gomlx/gomlx/ml/dataset"
	_ "github.com/gomlx/gomlx/ml/layers"
	_ "github.com/gomlx/gomlx/ml/layers/activation"
	_ "github.com/gomlx/gomlx/ml/layers/attention"
	_ "github.com/gomlx/gomlx/ml/layers/attention/kvcache"
	_ "github.com/gomlx/gomlx/ml/layers/attention/pos"
	_ "github.com/gomlx/gomlx/ml/layers/fnn"
	_ "github.com/gomlx/gomlx/ml/layers/kan"
	_ "github.com/gomlx/gomlx/ml/layers/lstm"
	_ "github.com/gomlx/gomlx/ml/layers/norm"
	_ "github.com/gomlx/gomlx/ml/layers/rational"
	_ "github.com/gomlx/gomlx/ml/layers/regularizer"
	_ "github.com/gomlx/gomlx/ml/layers/vnn"
	_ "github.com/gomlx/gomlx/ml/model"
	_ "github.com/gomlx/gomlx/ml/model/checkpoint"
	_ "github.com/gomlx/gomlx/ml/model/initializer"
	_ "github.com/gomlx/gomlx/ml/nn"
	_ "github.com/gomlx/gomlx/ml/train"
	_ "github.com/gomlx/gomlx/ml/train/loss"
	_ "github.com/gomlx/gomlx/ml/train/metric"
	_ "github.com/gomlx/gomlx/ml/train/optimizer"
	_ "github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"
	_ "github.com/gomlx/gomlx/ml/zoo/transformer"
	_ "github.com/gomlx/gomlx/ml/zoo/transformer/generate"
	_ "github.com/gomlx/gomlx/ml/zoo/transformer/generate/sample"
	_ "github.com/gomlx/gomlx/ui/commandline"
	_ "github.com/gomlx/gomlx/ui/gonb/margaid"
	_ "github.com/gomlx/gomlx/ui/gonb/plotly"
	_ "github.com/gomlx/gomlx/ui/notebooks"
	_ "github.com/gomlx/gomlx/ui/plot"
)
