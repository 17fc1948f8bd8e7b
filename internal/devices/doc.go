// Package devices makes one backend of several devices of another: its buffers lie on many devices
// and look like one, and its programs are partitioned by XLA (Shardy, through GoMLX's automatic
// sharding). Whoever computes with it says of which kind an axis of a tensor is, and nothing of
// devices.
//
// Two kinds of axes are cut: that of the prompts of a batch, and those that weights are cut along.
// The devices are a [Grid] of these two; what has neither axis lies whole on each.
package devices
