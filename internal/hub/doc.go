// Package hub finds a model's files: on disk, in the cache that all Hugging Face
// libraries share, or on the hub itself.
//
//	source, err := hub.Resolve(ctx, "pythia-70m", hub.Options{Revision: "step1000"})
//	f, err := weights.Open(source.Path)
//
// What lies on disk is used without asking the network, so that a model that was
// loaded once, by this program or by Python, loads offline for ever. Downloads
// keep to the layout of the shared cache (huggingface.co/docs/hub/local-cache):
//
//	models--OWNER--NAME/blobs/ETAG              the content, once, under its checksum
//	models--OWNER--NAME/snapshots/COMMIT/FILE   links to it
//	models--OWNER--NAME/refs/REVISION           the commit of a branch or tag
//	models--OWNER--NAME/.no_exist/COMMIT/FILE   empty: the commit has no such file
//	.locks/models--OWNER--NAME/ETAG.lock        held while a blob is fetched
//
// A blob is fetched to ETAG.incomplete, continued from there after an interruption,
// checked, and renamed. The reference is written last, so that a snapshot that is
// cut off is never taken for a model.
//
// go-huggingface's hub package is not used: it asks the network before it looks at
// the cache, and loses its record of the cache when that fails.
package hub
