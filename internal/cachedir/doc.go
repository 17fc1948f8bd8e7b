// Package cachedir says where Gopherlens keeps what it downloads or computes
// for this user, so that set-up, loader and commands agree on one folder:
//
//	models/     model files fetched by gopherlens setup
//	pjrt/       PJRT plugins, which hold XLA
//	processed/  weights after folding and centring, ready to be mapped
package cachedir
